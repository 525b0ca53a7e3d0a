"""Triangular mel filters and analysis windows of a profile."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.profiles import SAMPLE_RATE_HZ, MelProfile


def window(profile: MelProfile) -> NDArray[np.float64]:
    """Return the (window_samples,) analysis window."""
    if profile.window == "rectangular":
        return np.ones(profile.window_samples)
    if profile.window == "periodic_hann":
        return np.hanning(profile.window_samples + 1)[:-1]
    return np.hanning(profile.window_samples) if profile.window == "hann" else np.hamming(profile.window_samples)


@cache
def mel_filters(profile: MelProfile) -> NDArray[np.float64]:
    """Return the (n_mels, n_fft // 2 + 1) weights that sum FFT power into mel power."""
    edge_bins = _edge_bins(mel_edges_hz(profile), profile)
    n_bins = profile.n_fft // 2 + 1
    weights = triangles(edge_bins, np.arange(n_bins, dtype=np.float64))
    if profile.triangle == "unit_area":
        bin_width_hz = SAMPLE_RATE_HZ / profile.n_fft
        weights *= (2 / ((edge_bins[2:] - edge_bins[:-2]) * bin_width_hz))[:, np.newaxis]
    weights.setflags(write=False)
    return weights


def mel_edges_hz(profile: MelProfile) -> NDArray[np.float64]:
    """Return (n_mels + 2,) frequencies evenly spaced in mel, by the profile's scale."""
    import librosa

    is_htk = profile.mel_scale == "htk"
    edges = librosa.mel_frequencies(profile.n_mels + 2, fmin=profile.fmin_hz, fmax=profile.fmax_hz, htk=is_htk)
    return np.asarray(edges, dtype=np.float64)


def triangles(edges: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (len(edges) - 2, len(at)): triangle k is 0 at edges k and k + 2, 1 at edge k + 1."""
    rise = (at - edges[:-2, np.newaxis]) / np.diff(edges)[:-1, np.newaxis]
    fall = (edges[2:, np.newaxis] - at) / np.diff(edges)[1:, np.newaxis]
    return np.maximum(0, np.minimum(rise, fall))


def _edge_bins(edges_hz: NDArray[np.float64], profile: MelProfile) -> NDArray[np.float64]:
    """Return the edges in FFT bins, which are fractions where the profile's edges are exact."""
    if profile.edges == "exact":
        return edges_hz * profile.n_fft / SAMPLE_RATE_HZ
    if profile.edges == "nearest_bin":
        return np.asarray(np.round(edges_hz * profile.n_fft / SAMPLE_RATE_HZ), dtype=np.float64)
    return np.asarray(np.floor(edges_hz * (profile.n_fft + 1) / SAMPLE_RATE_HZ), dtype=np.float64)
