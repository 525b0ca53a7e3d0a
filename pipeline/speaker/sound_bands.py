"""Bands of a clip's sound, from which a mouth's movement is predicted."""

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.pcm import from_int16
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import WaveformInt16
from pipeline.speaker.mouth_sound import GRID_HZ

Bands = NDArray[np.float32]
"""(n, N_BANDS) float32 from 0 up: the sound in each band around the times step / GRID_HZ."""

# Fixed: the numbers of mouth_model.py were fitted with these.
N_BANDS = 6  # of equal width in mel
RANGE_HZ = (100.0, 7000.0)
EXPONENT = 0.15  # of power: loud vowels, soft consonants and pauses are about as far apart as mouths are

_WINDOW_SAMPLES = 512
_STEP_SAMPLES = SAMPLE_RATE_HZ // GRID_HZ


class SoundBands:
    """Measures bands of sound that passes through in pieces; keeps no more of it than a window."""

    def __init__(self) -> None:
        self._rest = np.zeros(_WINDOW_SAMPLES // 2, np.float32)  # a step's time is the middle of its window
        self._found: list[Bands] = []
        self._n_samples = 0

    def passing(self, pieces: Iterable[WaveformInt16]) -> Iterator[WaveformInt16]:
        """Yield ``pieces``, mono 16 kHz, measured."""
        for piece in pieces:
            self._n_samples += len(piece)
            self._measure(from_int16(piece))
            yield piece

    def finished(self) -> Bands:
        """Return the bands of all that has passed, at each step that has begun."""
        n_steps = self._n_samples // _STEP_SAMPLES + 1
        self._measure(np.zeros(_WINDOW_SAMPLES, np.float32))
        return np.concatenate(self._found)[:n_steps]

    def _measure(self, sound: NDArray[np.float32]) -> None:
        sound = np.concatenate([self._rest, sound])
        n = max(0, (len(sound) - _WINDOW_SAMPLES) // _STEP_SAMPLES + 1)
        self._rest = sound[n * _STEP_SAMPLES :]
        if n:
            windows = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW_SAMPLES)[::_STEP_SAMPLES][:n]
            powers = np.abs(np.fft.rfft(windows * _taper(), axis=1)) ** 2
            self._found.append(((powers @ _mel()) ** EXPONENT).astype(np.float32))


@cache
def _taper() -> NDArray[np.float64]:
    return np.hanning(_WINDOW_SAMPLES)


@cache
def _mel() -> NDArray[np.float64]:
    """Return (bins, N_BANDS): the triangles that add a spectrum up to bands."""
    import librosa

    low, high = RANGE_HZ
    filters = librosa.filters.mel(
        sr=SAMPLE_RATE_HZ, n_fft=_WINDOW_SAMPLES, n_mels=N_BANDS, fmin=low, fmax=high, norm=None
    )
    return np.asarray(filters.T, np.float64)
