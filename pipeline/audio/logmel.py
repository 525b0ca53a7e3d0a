"""Log-mel features of voiced sound: framing, power, mel, logarithm, standardisation, padding."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import LogMel, WaveformInt16
from pipeline.audio.filters import mel_filters, window
from pipeline.audio.profiles import HOP_SAMPLES, WINDOW_SAMPLES, MelProfile
from pipeline.audio.settings import PadMode

FLOAT32_EPS = float(np.finfo(np.float32).eps)
BLOCK_FRAMES = 64  # spectra that are at work at a time: few enough to stay in the processor's cache


def log_mel(voiced: WaveformInt16, profile: MelProfile) -> NDArray[np.float32]:
    """Return the standardised (n_mels, n_valid) log-mel of ``voiced``; no samples give no frames."""
    if len(voiced) == 0:
        return np.zeros((profile.n_mels, 0), dtype=np.float32)
    power = mel_power(frames(voiced, profile), profile)
    return standardise(np.log(np.maximum(power, profile.floor)), profile).astype(np.float32)


def frames(voiced: WaveformInt16, profile: MelProfile) -> NDArray[np.float64]:
    """Return (n_frames, WINDOW_SAMPLES) pre-emphasised frames, on the int16 scale, not yet windowed."""
    signal = voiced.astype(np.float64)
    if profile.preemphasis_over == "signal":
        signal[1:] -= profile.preemphasis * signal[:-1]
        return _framed(signal, profile)
    framed = _framed(signal, profile)
    last_of_frame_before = np.concatenate(([0.0], framed[:-1, -1]))
    framed[:, 1:] -= profile.preemphasis * framed[:, :-1]
    framed[:, 0] -= profile.preemphasis * last_of_frame_before
    return framed


def n_frames_of(n_samples: int, profile: MelProfile) -> int:
    """Return the frames in ``n_samples`` > 0: 96 000 give 601 (paper, voice2face) or 599 (sf2f)."""
    if profile.frames_start == "within_sound":
        return n_samples // HOP_SAMPLES + 1
    return 1 + max(0, -((WINDOW_SAMPLES - n_samples) // HOP_SAMPLES))


def _framed(signal: NDArray[np.float64], profile: MelProfile) -> NDArray[np.float64]:
    n_frames = n_frames_of(len(signal), profile)
    n_full = max(0, (len(signal) - WINDOW_SAMPLES) // HOP_SAMPLES + 1)
    framed = np.zeros((n_frames, WINDOW_SAMPLES))
    if n_full:
        views = np.lib.stride_tricks.sliding_window_view(signal, WINDOW_SAMPLES)
        framed[:n_full] = views[::HOP_SAMPLES][:n_full]
    for frame in range(n_full, n_frames):
        rest = signal[frame * HOP_SAMPLES :]
        if profile.tail == "repeat" and len(rest):
            framed[frame] = np.resize(rest, WINDOW_SAMPLES)
        else:
            framed[frame, : len(rest)] = rest
    return framed


def mel_power(framed: NDArray[np.float64], profile: MelProfile) -> NDArray[np.float64]:
    """Return the (n_mels, n_frames) power of (n_frames, WINDOW_SAMPLES) frames in each mel filter."""
    from scipy.fft import rfft

    shape, filters = window(profile), _sparse_filters(profile)
    power = np.empty((profile.n_mels, len(framed)))
    for start in range(0, len(framed), BLOCK_FRAMES):
        block = slice(start, start + BLOCK_FRAMES)
        spectrum = rfft(framed[block] * shape, profile.n_fft)
        power[:, block] = filters @ (spectrum.real**2 + spectrum.imag**2).T
    return power / profile.power_divisor


@cache
def _sparse_filters(profile: MelProfile) -> Any:
    """The filters without their zeros: faster, and summed in one order whatever the number of threads."""
    from scipy.sparse import csr_array

    return csr_array(mel_filters(profile))


def standardise(feature: NDArray[np.float64], profile: MelProfile) -> NDArray[np.float64]:
    """Return ``feature`` by the profile's fixed scale, or each row with mean 0 and deviation 1.

    A row without variation becomes 0 (voice2face: deviation + float32 eps).
    """
    if profile.scale is not None:
        return (feature - profile.scale.mean) / profile.scale.std
    centred = feature - feature.mean(axis=1, keepdims=True)
    return np.asarray(centred / (feature.std(axis=1, keepdims=True) + FLOAT32_EPS))


def pad_frames(feature: NDArray[np.float32], n_frames: int, pad: PadMode, zero_level: float = 0.0) -> LogMel:
    """Return (n_mels, n_frames), C-contiguous: ``feature`` cut, or filled up after its last column.

    ``tile`` appends the whole feature again and again, ``reflect`` plays it back and forth, ``zero`` appends
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
