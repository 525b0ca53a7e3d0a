"""Compiled loops over few numbers: for those, numpy's calls take many times as long as what they compute.

Importing this module imports numba: do so in the function that needs it.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, Landmarks, Profiles
from pipeline.face.measures.points import LEFT_EYE, MOUTH_LEFT, MOUTH_RIGHT, RIGHT_EYE

_P = ParamSpec("_P")
_R = TypeVar("_R")

# Floats are added up as numpy does, in so many sums at once: it is quicker, and another order would round otherwise.
_N_SUMS = 8


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile at the first call; the machine code is cached beside the function's file, or in the user's cache."""
    return cast(Callable[_P, _R], numba.njit(cache=True, error_model="numpy", nogil=True)(function))


@compiled
def centroid_and_rms_distance(points: Landmarks) -> tuple[float, float, float]:
    """Return the centroid of 8 to 128 points, x and y, and their root mean square distance from it."""
    x, y = _centroid(points)
    squares = np.empty(points.shape[0], np.float32)
    for n in range(squares.size):
        right, down = points[n, 0] - x, points[n, 1] - y
        squares[n] = right * right + down * down
    return float(x), float(y), float(np.sqrt(_sum(squares) / np.float32(squares.size)))


@compiled
def _centroid(points: Landmarks) -> tuple[np.float32, np.float32]:
    x, y = points[0]
    for n in range(1, points.shape[0]):
        x += points[n, 0]
        y += points[n, 1]
    count = np.float32(points.shape[0])
    return x / count, y / count


@compiled
def _sum(values: NDArray[np.float32]) -> np.float32:
    """Add up 8 to 128 numbers."""
    sums = values[:_N_SUMS].copy()
    n_in_turns = values.size - values.size % _N_SUMS
    for n in range(_N_SUMS, n_in_turns, _N_SUMS):
        for k in range(_N_SUMS):
            sums[k] += values[n + k]
    total = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
    for n in range(n_in_turns, values.size):
        total += values[n]
    return np.float32(total)


@compiled
def enlarged(points: Landmarks, times: int, left: int, top: int) -> Landmarks:
    """Return ``points`` of a picture that was cut out at (left, top) and shrunk ``times`` times, in the whole one."""
    found = np.empty_like(points)
    half, factor = np.float32(0.5), np.float32(times)
    for n in range(points.shape[0]):
        found[n, 0] = np.float64((points[n, 0] + half) * factor - half) + left
        found[n, 1] = np.float64((points[n, 1] + half) * factor - half) + top
    return found


@compiled
def laplacian_std(grey: ImageGrey) -> float:
    """Return the standard deviation, in grey levels, of the Laplacian of ``grey`` but for its outermost pixels."""
    height, width = grey.shape
    total = squares = np.int64(0)
    for row in range(1, height - 1):
        above, here, below = grey[row - 1], grey[row], grey[row + 1]
        row_total = row_squares = np.int32(0)  # of 32 bits throughout the compiler makes vector instructions
        for n in range(1, width - 1):
            around = np.int32(above[n]) + np.int32(below[n]) + np.int32(here[n - 1]) + np.int32(here[n + 1])
            value = np.int32(around - 4 * np.int32(here[n]))
            row_total = np.int32(row_total + value)
            row_squares = np.int32(row_squares + value * value)
        total += row_total
        squares += row_squares
    count = (height - 2) * (width - 2)
    mean = total / count
    return float(np.sqrt(max(squares / count - mean * mean, 0.0)))


@compiled
def grey_correlation(one: ImageGrey, other: ImageGrey) -> float:
    """Return the correlation, -1 to 1, of the grey values of two pictures of one size; 0 where one has a single value.

    It is exact but for its last step, for pictures of up to 2000x2000 pixels.
    """
    total = other_total = squares = other_squares = products = np.int64(0)
    for row in range(one.shape[0]):
        for n in range(one.shape[1]):
            here, there = np.int64(one[row, n]), np.int64(other[row, n])
            total += here
            other_total += there
            squares += here * here
            other_squares += there * there
            products += here * there
    spread = float(one.size * squares - total * total)
    other_spread = float(one.size * other_squares - other_total * other_total)
    if spread == 0.0 or other_spread == 0.0:
        return 0.0
    return float(float(one.size * products - total * other_total) / np.sqrt(spread * other_spread))


@compiled
def phase_means(
    values: NDArray[np.float32], periods: NDArray[np.float64], n_phases: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the mean of ``values`` at each phase of each period, (P, N): as many as ``n_phases`` (P,), the rest 0."""
    sums = np.zeros((periods.size, n_phases.max()))
    counts = np.empty(n_phases.max(), np.int64)
    for p in range(periods.size):
        counts[:] = 0
        for n in range(values.size):
            phase = int(n % periods[p] / periods[p] * n_phases[p])
            sums[p, phase] += values[n]
            counts[phase] += 1
        sums[p] /= np.maximum(counts, 1)
    return sums


@compiled
def strip_maps(points: Landmarks, steps: int, n_rows: int, n_columns: int) -> NDArray[np.float64]:
    """Return maps (3, 2, 3) from the pixels of three strips, (n_rows, n_columns), to those of a face with 68 points.

    The strips are centred between the mouth's corners and on the left and the right eye. Their rows run as the line
    between the eyes does; ``steps`` of their pixels are as long as it.
    """
    left_x, left_y = _centroid(points[LEFT_EYE])
    right_x, right_y = _centroid(points[RIGHT_EYE])
    across_x, across_y = (right_x - left_x) / np.float32(steps), (right_y - left_y) / np.float32(steps)
    columns, rows, two = np.float32(n_columns - 1), np.float32(n_rows - 1), np.float32(2)
    corner_x = across_x * columns / two - across_y * rows / two  # from the centre; down is (-across_y, across_x)
    corner_y = across_y * columns / two + across_x * rows / two
    mouth = points[MOUTH_LEFT] + points[MOUTH_RIGHT]
    maps = np.empty((3, 2, 3))
    maps[:, 0, 0], maps[:, 0, 1], maps[:, 1, 0], maps[:, 1, 1] = across_x, -across_y, across_y, across_x
    maps[0, 0, 2], maps[0, 1, 2] = mouth[0] / two - corner_x, mouth[1] / two - corner_y
    maps[1, 0, 2], maps[1, 1, 2] = left_x - corner_x, left_y - corner_y
    maps[2, 0, 2], maps[2, 1, 2] = right_x - corner_x, right_y - corner_y
    return maps


@compiled
def row_means(strips: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the mean of each row, (K, R), of pictures (K, R, W)."""
    means = np.empty(strips.shape[:2], np.float32)
    for k in range(strips.shape[0]):
        for row in range(strips.shape[1]):
            total = np.int64(0)
            for n in range(strips.shape[2]):
                total += np.int64(strips[k, row, n])
            means[k, row] = total / strips.shape[2]
    return means


@compiled
def profile_changes(profiles: Profiles, earlier: Profiles, most_shift: int, flat: float) -> tuple[float, float]:
    """Return how far the mouth's profile, and either eye's, is from an earlier one; see ``measures.changes``."""
    mouth = _profile_change(profiles[0], earlier[0], most_shift, flat)
    left_eye = _profile_change(profiles[1], earlier[1], most_shift, flat)
    right_eye = _profile_change(profiles[2], earlier[2], most_shift, flat)
    return mouth, max(left_eye, right_eye)


@compiled
def _profile_change(now: NDArray[np.float32], earlier: NDArray[np.float32], most_shift: int, flat: float) -> float:
    n_rows = now.size - 2 * most_shift
    unshifted = now[most_shift : most_shift + n_rows]
    before, nothing = earlier[most_shift : most_shift + n_rows], np.zeros(n_rows, np.float32)
    apart = np.inf
    for shift in range(2 * most_shift + 1):
        apart = min(apart, difference_std(now[shift : shift + n_rows], before))
    return apart / ((difference_std(unshifted, nothing) + difference_std(before, nothing)) / 2 + flat)


@compiled
def within_shifts(rows: NDArray[np.uint8], other: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return how far each of ``rows`` (N, R) is from ``other`` (R - 2 S,), and at which of 2 S + 1 shifts."""
    apart, shifts = np.full(rows.shape[0], np.inf), np.zeros(rows.shape[0], np.intp)
    shifted = np.empty(other.size, np.float32)
    for n in range(rows.shape[0]):
        for shift in range(rows.shape[1] - other.size + 1):
            for row in range(other.size):
                shifted[row] = rows[n, shift + row]
            found = difference_std(shifted, other)
            if found < apart[n]:
                apart[n], shifts[n] = found, shift
    return apart, shifts


@compiled
def difference_std(row: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the standard deviation of the difference of two rows: how far they are apart, less their means."""
    total = squares = 0.0
    for n in range(row.size):
        apart = np.float64(row[n]) - np.float64(other[n])
        total += apart
        squares += apart * apart
    return float(np.sqrt(max(row.size * squares - total * total, 0.0)) / row.size)
