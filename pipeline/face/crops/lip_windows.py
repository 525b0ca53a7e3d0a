"""The windows in time around each frame of a track and what lies in them, compiled.

Importing this module imports numba: do so in the function that needs it.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.units import SAME_TIME_S
from pipeline.face.measures.kernels import compiled

Seconds: TypeAlias = NDArray[np.float64]
Values: TypeAlias = NDArray[np.float64]


@compiled
def window_ranges_of(times_s: Seconds, indices: NDArray[np.int64], half_width_s: float) -> NDArray[np.int64]:
    """Return the first and last frame of the window of each, (T, 2): ``standard.window_ranges``; -1: incomplete.

    ``indices`` (T,): of the frames among all that were decoded.
    """
    ranges = np.full((times_s.size, 2), -1)
    for at in range(times_s.size):
        first, missing_s = _reach(times_s, indices, at, -1, half_width_s)
        is_shifted = missing_s > 0
        last, missing_s = _reach(times_s, indices, at, +1, half_width_s + missing_s)
        if missing_s > 0 and not is_shifted:
            first, missing_s = _reach(times_s, indices, at, -1, half_width_s + missing_s)
        if missing_s <= 0:
            ranges[at] = first, last
    return ranges


@compiled
def _reach(times_s: Seconds, indices: NDArray[np.int64], at: int, direction: int, width_s: float) -> tuple[int, float]:
    """Return the last frame from ``at`` on within ``width_s``, and the seconds by which the track ends before that."""
    index = at
    while abs(times_s[index] - times_s[at]) < width_s - SAME_TIME_S:
        following = index + direction
        if not 0 <= following < times_s.size or abs(indices[following] - indices[index]) != 1:
            return index, width_s - abs(times_s[index] - times_s[at])
        if abs(times_s[following] - times_s[at]) > width_s + SAME_TIME_S:
            break
        index = following
    return index, 0.0


@compiled
def extremes(
    times_s: Seconds,
    ranges: NDArray[np.int64],
    measures: Values,
    half_width_s: float,
) -> Values:
    """Return the numbers of each frame's LipWindow, (T, 5) in the order of its fields; 0 where it has none.

    ``measures`` (4, T): opening and height of the mouth, its change, and that of the eyes.
    """
    openings, heights, mouth_changes, eye_changes = measures
    found = np.zeros((times_s.size, 5))
    for at in range(times_s.size):
        first, last = ranges[at]
        if first < 0:
            continue
        opening, height = openings[first : last + 1], heights[first : last + 1]
        found[at, 0], found[at, 1] = opening.max(), height.max()
        found[at, 2] = max(opening.max() - opening.min(), height.max() - height.min())
        # Each frame's change compares it with those of half a window before it: these cover the whole window.
        half = first
        while half < at and times_s[half] < times_s[first] + half_width_s - SAME_TIME_S:
            half += 1
        found[at, 3], found[at, 4] = mouth_changes[half : last + 1].max(), eye_changes[half : last + 1].max()
    return found
