"""Log-mel features of voiced sound: framing, power, mel, logarithm, standardisation, padding."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.filters import mel_filters, window
from pipeline.audio.profiles import MelProfile
from pipeline.audio.settings import PadMode
from pipeline.core.base.arrays import LogMel, WaveformInt16
from pipeline.core.base.units import exact_div

FLOAT32_EPS = float(np.finfo(np.float32).eps)
BLOCK_FRAMES = 32  # spectra computed at a time: few enough to stay in the processor's cache


def log_mel(samples: WaveformInt16, profile: MelProfile) -> NDArray[np.float32]:
    """Return the standardised (n_mels, n_valid) log-mel of ``samples``; no samples give no frames."""
    if len(samples) == 0:
        return np.zeros((profile.n_mels, 0), dtype=np.float32)
    power = np.clip(mel_power(samples, profile), profile.floor, profile.ceiling)
    return standardise(np.log(power), profile).astype(np.float32)


def mel_power(samples: WaveformInt16, profile: MelProfile) -> NDArray[np.float64]:
    """Return the (n_mels, n_frames) power of (N,) ``samples``, N > 0, in each mel filter, on the int16 scale.

    Or the magnitude, where the profile takes that.
    """
    shape, filters = window(profile), _sparse_filters(profile)
    framed = _emphasised_frames(samples, profile)
    power = np.empty((profile.n_mels, len(framed.first)))
    windowed = np.zeros((BLOCK_FRAMES, profile.n_fft))
    spectra = np.empty((BLOCK_FRAMES, profile.n_fft // 2 + 1), dtype=np.complex128)
    end = 0
    for block in (*_blocks(framed.inside), framed.past_end):
        start, end, n = end, end + len(block), len(block)
        np.multiply(block, shape, out=windowed[:n, : len(shape)])
        np.multiply(framed.first[start:end], shape[0], out=windowed[:n, 0])
        spectrum = np.fft.rfft(windowed[:n], out=spectra[:n])
        squares = spectrum.real**2 + spectrum.imag**2
        power[:, start:end] = filters @ (squares if profile.spectrum == "power" else np.sqrt(squares)).T
    return power if profile.power_divisor == 1 else power / profile.power_divisor


class _Frames(NamedTuple):
    """Pre-emphasised frames in order; most are a view of the sound, which is not copied before windowing."""

    inside: NDArray[np.float64]
    """(n, window_samples): frames that end within the sound; ``first`` replaces their first samples."""
    past_end: NDArray[np.float64]
    """(m, window_samples), m < BLOCK_FRAMES: those that reach past its end, filled."""
    first: NDArray[np.float64]
    """(n + m,): the first sample of each."""


def _emphasised_frames(samples: WaveformInt16, profile: MelProfile) -> _Frames:
    """Frame ``samples`` and pre-emphasise them by the profile.

    By frame and by signal differ only in each frame's first sample and in what was filled.
    """
    signal = np.concatenate([np.zeros(lead_samples(profile)), samples])
    n_frames = n_frames_of(len(samples), profile)
    emphasised = signal.copy()
    emphasised[1:] -= profile.preemphasis * signal[:-1]
    if profile.frames_start == "centred":
        inside = _frames_inside(np.pad(emphasised, profile.window_samples // 2, mode="reflect"), n_frames, profile)
        return _Frames(inside, np.empty((0, profile.window_samples)), inside[:, 0])
    inside = _frames_inside(emphasised, n_frames, profile)
    if profile.preemphasis_over == "signal":
        past_end = _frames_past_end(emphasised, len(inside), n_frames, profile)
        return _Frames(inside, past_end, np.concatenate([inside[:, 0], past_end[:, 0]]))
    raw_inside = _frames_inside(signal, n_frames, profile)
    raw_past_end = _frames_past_end(signal, len(inside), n_frames, profile)
    raw_first, raw_last = (np.concatenate([raw_inside[:, at], raw_past_end[:, at]]) for at in (0, -1))
    past_end = raw_past_end - profile.preemphasis * np.roll(raw_past_end, 1, axis=1)
    return _Frames(inside, past_end, raw_first - profile.preemphasis * np.concatenate([[0.0], raw_last[:-1]]))


def _blocks(frames: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    return (frames[start : start + BLOCK_FRAMES] for start in range(0, len(frames), BLOCK_FRAMES))


def n_frames_of(n_samples: int, profile: MelProfile) -> int:
    """Return the frames in ``n_samples`` > 0.

    96 000 give 600 (paper), 601 (voice2face), 599 (sf2f), 150 (sync), 481 (wav2lip).
    """
    hop = profile.hop_samples
    if profile.frames_start in ("to_the_end", "centred"):
        return n_samples // hop + 1
    if profile.frames_start == "until_covered":
        return 1 + max(0, -((profile.window_samples - n_samples) // hop))
    return -(-n_samples // hop)


def lead_samples(profile: MelProfile) -> int:
    """Return by how many samples the first frame begins before the sound; they are zeros."""
    if profile.frames_start == "around_pictures":
        return exact_div(profile.window_samples - profile.hop_samples, 2)
    return 0


def _frames_inside(signal: NDArray[np.float64], n_frames: int, profile: MelProfile) -> NDArray[np.float64]:
    """Return a view of those of the first ``n_frames`` frames that end within ``signal``."""
    if len(signal) < profile.window_samples:
        return np.empty((0, profile.window_samples))
    views = np.lib.stride_tricks.sliding_window_view(signal, profile.window_samples)
    return views[:: profile.hop_samples][:n_frames]


def _frames_past_end(
    signal: NDArray[np.float64], first: int, n_frames: int, profile: MelProfile
) -> NDArray[np.float64]:
    """Return the frames from ``first`` on, filled by the profile's ``tail``."""
    framed = np.zeros((n_frames - first, profile.window_samples))
    for row, frame in zip(framed, range(first, n_frames), strict=True):
        rest = signal[frame * profile.hop_samples :]
        if profile.tail == "repeat" and len(rest):
            row[:] = np.resize(rest, len(row))
        else:
            row[: len(rest)] = rest
    return framed


@cache
def _sparse_filters(profile: MelProfile) -> Any:
    """The filters without their zeros: faster, and summed in one order whatever the number of threads."""
    from scipy.sparse import csr_array

    return csr_array(mel_filters(profile))


def standardise(feature: NDArray[np.float64], profile: MelProfile) -> NDArray[np.float64]:
    """Return ``feature`` by the profile's fixed scale, or each row with mean 0 and standard deviation 1.

    A constant row becomes 0 (voice2face: standard deviation + float32 eps).
    """
    if profile.scale is not None:
        return (feature - profile.scale.mean) / profile.scale.std
    centred = feature - feature.mean(axis=1, keepdims=True)
    return np.asarray(centred / (feature.std(axis=1, keepdims=True) + FLOAT32_EPS))


def pad_frames(feature: NDArray[np.float32], n_frames: int, pad: PadMode, zero_level: float = 0.0) -> LogMel:
    """Return (n_mels, n_frames), C-contiguous: ``feature`` cut, or filled up after its last column.

    ``tile`` repeats the whole feature, ``reflect`` appends it backwards and forwards in turn, ``zero`` appends
    ``zero_level``, ``none`` appends nothing. Without any frame there is only ``zero_level`` to fill with.
    """
    n_valid = feature.shape[1]
    if n_valid >= n_frames or pad == "none":
        return np.ascontiguousarray(feature[:, :n_frames])
    if pad == "zero" or n_valid == 0:
        return np.pad(feature, ((0, 0), (0, n_frames - n_valid)), constant_values=zero_level)
    columns = np.arange(n_frames)
    if pad == "tile":
        columns = columns % n_valid
    else:
        back_and_forth = columns % max(1, 2 * (n_valid - 1))
        columns = np.minimum(back_and_forth, 2 * (n_valid - 1) - back_and_forth)
    return np.ascontiguousarray(feature[:, columns])
