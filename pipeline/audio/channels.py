"""Which channel of a clip's sound is read where mixing the channels would cancel the voice."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import AudioFrame, AudioLayout

Floats = NDArray[np.float64]

MIX = "mix"
"""All channels are mixed."""
# Wires of one channel are swapped, or a wide effect is applied: both channels have the voice, the mix hardly. Channels
# with different sound, or with one silent, give a mix that is 3 or 6 dB quieter than the louder one.
_QUIETER = 0.1  # 10 dB
# Where they cancel each other for so much of the sound (of its energy), e.g. in one of two scenes, the voice is lost.
_CANCELLED_SHARE = 0.25
_SAMPLES = 64  # enough to see how much of a channel is mixed in


class ChannelMeter:
    """Measures, while sound is mixed, whether its channels cancel each other."""

    def __init__(self) -> None:
        self._layout: AudioLayout | None = None
        self._products = np.zeros((0, 0))
        self._cancelled = 0.0  # energy, as compared, of the frames in which they do
        self._is_one_layout = True

    def add(self, frame: "AudioFrame") -> None:
        """Take the samples of ``frame``, whose format may be any; one of about a second."""
        if self._layout is None:
            self._layout = frame.layout
            self._products = np.zeros((frame.layout.nb_channels,) * 2)
        if frame.layout.name != self._layout.name:
            self._is_one_layout = False
        elif frame.layout.nb_channels > 1 and self._is_one_layout:
            samples = _channels(frame)
            products = samples @ samples.T
            self._products += products
            heard, mixed = self._energies(products)
            if mixed < _QUIETER * heard.max():
                self._cancelled += float(heard.max())

    def channel_to_read(self) -> str:
        """Return the name of the loudest channel (``FL``, ``FR``, ...) where the mix is far quieter, or MIX.

        Compared are the energies, frame by frame: of stereo the mix and the louder channel, by 10 dB, in a quarter of
        the sound. Of more channels, FFmpeg mixes each at its own level, and so they are compared. Sound whose layout
        changes is mixed.
        """
        if self._layout is None or not self._is_one_layout or self._layout.nb_channels == 1:
            return MIX
        heard, mixed = self._energies(self._products)
        loudest = int(np.argmax(heard))
        is_cancelled = mixed < _QUIETER * heard[loudest] or self._cancelled > _CANCELLED_SHARE * heard[loudest]
        return _names(self._layout)[loudest] if is_cancelled else MIX

    def _energies(self, products: Floats) -> tuple[Floats, float]:
        """Return the energy of each channel, at the level at which it is mixed, and that of the mix."""
        assert self._layout is not None
        weights = _weights(self._layout.name)
        return np.diag(products) * (2 * weights) ** 2, float(weights @ products @ weights)  # of stereo, 2 x weight is 1


def _channels(frame: "AudioFrame") -> Floats:
    """Return the samples, (channels, N), in units of the frame's format."""
    samples = frame.to_ndarray()
    by_channel = samples if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels).T
    return np.asarray(by_channel - 128.0 if samples.dtype == np.uint8 else by_channel, np.float64)


def only_channel(frame: "AudioFrame", name: str) -> "AudioFrame":
    """Return the channel ``name`` of ``frame`` as mono, or the frame itself where it has none of this name."""
    import av

    names = _names(frame.layout)
    if name not in names or len(names) == 1:
        return frame
    samples = frame.to_ndarray()
    by_channel = samples if frame.format.is_planar else samples.reshape(-1, len(names)).T
    chosen = np.ascontiguousarray(by_channel[names.index(name)])
    mono = av.AudioFrame.from_ndarray(chosen[None], format=frame.format.packed.name, layout="mono")
    mono.sample_rate = frame.sample_rate
    return mono


def _names(layout: "AudioLayout") -> list[str]:
    """Return the channels' names; where the file does not state them, of two those of stereo, else their numbers."""
    import av

    names = [str(channel.name) for channel in layout.channels]
    if "NONE" not in names:
        return names
    if len(names) == 2:  # left and right
        return [str(channel.name) for channel in av.AudioLayout("stereo").channels]
    return [str(number + 1) for number in range(len(names))]


@lru_cache
def _weights(layout: str) -> Floats:
    """Return how much of each channel FFmpeg mixes into mono, (channels,), of sum 1."""
    import av

    rate_hz = 16_000
    n_channels = av.AudioLayout(layout).nb_channels
    mixed = np.zeros(n_channels)
    for number in range(n_channels):
        frame = av.AudioFrame(format="flt", layout=layout, samples=_SAMPLES)
        frame.sample_rate = rate_hz
        samples = np.zeros((_SAMPLES, n_channels), np.float32)
        samples[:, number] = 1.0
        frame.planes[0].update(samples.tobytes())
        parts = av.AudioResampler(format="flt", layout="mono", rate=rate_hz).resample(frame)
        mixed[number] = parts[0].to_ndarray().mean()
    return mixed / mixed.sum() if mixed.sum() else mixed
