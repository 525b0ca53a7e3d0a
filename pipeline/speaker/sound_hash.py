"""Hashes of a clip's sound at its moments, which another encoding or level of it hardly changes.

A moment is where the sound rises more than around it: copies of a sound have the same ones, wherever they begin. Its
hash has the signs of the differences of neighbouring bands and times around it (Haitsma and Kalker 2002, "A Highly
Robust Audio Fingerprinting System"), which no level changes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.speaker.mouth_sound import GRID_HZ
from pipeline.speaker.sound_bands import N_BANDS, Bands

_SMOOTH_STEPS = 9  # of the grid: a mean of 0.18 s
_APART_STEPS = GRID_HZ // 5  # moments are at least so far from each other
_SPACING_STEPS = 5  # times that are compared
_N_TIMES = 12
_REACH_STEPS = _SPACING_STEPS * _N_TIMES // 2
_MIN_RISE = 0.25  # of a moment, over the standard deviation of the clip's sound
N_SOUND_BITS = (N_BANDS - 1) * _N_TIMES


@dataclass(frozen=True, slots=True, eq=False)
class SoundHashes:
    """The moments of a clip's sound, ascending, and their hashes."""

    times_s: NDArray[np.float64]
    hashes: NDArray[np.int64]
    """N_SOUND_BITS bits each."""


def sound_hashes(bands: Bands, start_s: float = 0.0, end_s: float | None = None) -> SoundHashes:
    """Return the hashes of the moments whose surroundings are all between ``start_s`` and ``end_s``.

    ``bands`` begin at 0 on the clock.
    """
    first = int(np.ceil(start_s * GRID_HZ))
    bands = bands[first : None if end_s is None else max(first, int(end_s * GRID_HZ))]
    if len(bands) < 2 * _REACH_STEPS + _SMOOTH_STEPS:
        return SoundHashes(np.zeros(0), np.zeros(0, np.int64))
    smooth = _smoothed(bands)
    moments = _moments(smooth.sum(axis=1))
    at = moments[:, None] + np.arange(-_REACH_STEPS, _REACH_STEPS + 1, _SPACING_STEPS)
    steps = np.floor(at).astype(np.int64)
    share = (at - steps)[:, :, None]
    around = (1 - share) * smooth[steps] + share * smooth[steps + 1]
    differences = np.diff(np.diff(around, axis=2), axis=1)  # (moments, times, bands - 1)
    bits = (differences > 0).reshape(len(moments), N_SOUND_BITS)
    hashes = bits @ (1 << np.arange(N_SOUND_BITS, dtype=np.int64)[::-1])
    return SoundHashes((first + moments) / GRID_HZ, hashes)


def _smoothed(bands: Bands) -> NDArray[np.float64]:
    """Return the mean of _SMOOTH_STEPS around each step, of bands made as loud as each other by their mean."""
    summed = np.cumsum(np.concatenate([np.zeros((1, N_BANDS)), bands.astype(np.float64)]), axis=0)
    half = _SMOOTH_STEPS // 2
    last = np.minimum(np.arange(len(bands)) + half + 1, len(bands))
    before = np.maximum(np.arange(len(bands)) - half, 0)
    return np.asarray((summed[last] - summed[before]) / (last - before)[:, None])


def _moments(loud: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where ``loud`` rises more than at any other step within _APART_STEPS, with all around it.

    In parts of a step, by the parabola through three: else the hashes of copies that begin between two steps differ.
    """
    from scipy.ndimage import maximum_filter1d

    rise = np.zeros(len(loud))
    rise[_SPACING_STEPS:-_SPACING_STEPS] = loud[2 * _SPACING_STEPS :] - loud[: -2 * _SPACING_STEPS]
    is_moment = (rise == maximum_filter1d(rise, 2 * _APART_STEPS + 1)) & (rise > _MIN_RISE * loud.std())
    is_moment[: _REACH_STEPS + 1] = is_moment[len(loud) - _REACH_STEPS - 1 :] = False
    steps = np.flatnonzero(is_moment)
    steps = steps[np.diff(steps, prepend=-len(loud)) > _APART_STEPS]  # the first of equal rises
    before, here, after = rise[steps - 1], rise[steps], rise[steps + 1]
    curved = np.maximum(2 * here - before - after, 1e-12)
    return np.asarray(steps + np.clip((after - before) / (2 * curved), -0.5, 0.5))
