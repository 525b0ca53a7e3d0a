"""The true resolution of a face: how many pixels between the eyes its detail fills, however far it was enlarged."""

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, Landmarks
from pipeline.face.measures.points import eye_centres, interocular_px

# An enlarged picture holds no detail above the frequencies of the small one. The frequency below which this share of
# the gradient's energy lies tells them best: of 24 people's photos, made small (8 to 90 px between the eyes), enlarged
# by 1 to 6 and compressed, the estimate is within 0.32 octaves (standard deviation), the same on the half of the
# people that took no part in fitting the scale.
_ENERGY_SHARE = 0.7
_SCALE = 3.2  # of that frequency, cycles a pixel, to true pixels a pixel: fitted there
# Square blocks (enlarged without smoothing, or compressed to flat blocks) have edges of high frequency, but at one
# distance from each other: there the gradient is so many times as steep as between them. Compressed pictures with
# detail in their blocks stay below 2.
_MIN_BLOCK_CONTRAST = 2.2
_BLOCK_PERIODS_PX = np.arange(2.5, 40.0, 0.125)
_SAME_CONTRAST = 0.6
_MIN_BLOCKS = 6  # across the face, for a distance to be one
_FLAT_GREY = 0.3  # added to the gradient between edges, grey levels
_N_BINS = 64
_SMALLEST_SIDE_PX = 16
# The square that is looked at, in interocular distances from the eyes: brows to chin. It bounds the time.
_ABOVE_EYES, _BELOW_EYES = 0.6, 1.4
_LARGEST_INTEROCULAR_PX = 80.0


def true_interocular_px(grey: ImageGrey, points: Landmarks) -> float:
    """Return the distance of the eyes, pixels, that the face would have at the size at which it lost no detail.

    ``grey`` (H, W) is the decoded picture, not resized; ``points`` (68, 2) its landmarks, pixels. At most the distance
    of the eye centres in ``grey``, and at most 80: finer detail is not looked for.
    """
    import cv2

    left, right = eye_centres(points)
    apart_px = float(interocular_px(points))
    centre_x, centre_y = (left + right) / 2
    top, bottom = max(0, round(centre_y - _ABOVE_EYES * apart_px)), max(0, round(centre_y + _BELOW_EYES * apart_px))
    face = grey[top:bottom, max(0, round(centre_x - apart_px)) : max(0, round(centre_x + apart_px))]
    if min(face.shape) < _SMALLEST_SIDE_PX:
        return min(apart_px, _LARGEST_INTEROCULAR_PX)
    shrink = min(1.0, _LARGEST_INTEROCULAR_PX / apart_px)
    if shrink < 1.0:
        size = max(1, round(face.shape[1] * shrink)), max(1, round(face.shape[0] * shrink))
        face = np.asarray(cv2.resize(face, size, interpolation=cv2.INTER_AREA), np.uint8)
    return apart_px * shrink * _true_share(face)


def _true_share(face: ImageGrey) -> float:
    """Return the share of a face's pixels, in each direction, that its detail fills, 0-1; 1: it was not enlarged."""
    return min(1.0, _SCALE * _detail_frequency(face), 1.0 / block_px(face))


def _detail_frequency(face: ImageGrey) -> float:
    """Return the frequency below which a share of the gradient's energy lies, cycles a pixel, 0-0.5."""
    side = min(face.shape)
    top, left = (face.shape[0] - side) // 2, (face.shape[1] - side) // 2
    square = face[top : top + side, left : left + side].astype(np.float32)
    window = np.hanning(side).astype(np.float32)
    power = np.abs(np.fft.rfft2((square - square.mean()) * np.outer(window, window))) ** 2
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    frequency = np.hypot(down, across)
    # The other half of the spectrum is the mirror image of this one, but for its first and last column.
    power[:, 1 : (side + 1) // 2] *= 2
    within = frequency <= 0.5
    bins = np.minimum((frequency[within] * 2 * _N_BINS).astype(np.intp), _N_BINS - 1)
    energy = np.bincount(bins, (power * frequency**2)[within], _N_BINS)
    if energy.sum() == 0:
        return 0.0
    edges = np.linspace(0.0, 0.5, _N_BINS + 1)
    return float(np.interp(_ENERGY_SHARE, np.concatenate([[0.0], np.cumsum(energy) / energy.sum()]), edges))


def block_px(face: ImageGrey) -> float:
    """Return the side of the square blocks that ``face`` (H, W) consists of, pixels; 1 where it has none."""
    grey = face.astype(np.float32)
    sides = [_period(np.abs(np.diff(grey, axis=axis)).mean(axis=1 - axis)) for axis in (0, 1)]
    return float(min(sides)) if min(sides) > 1 else 1.0


def _period(steps: NDArray[np.float32]) -> float:
    """Return the distance of the steep places in ``steps``, the mean step at each row or column; 1 without any."""
    periods = _BLOCK_PERIODS_PX[len(steps) >= _BLOCK_PERIODS_PX * _MIN_BLOCKS]
    if len(periods) == 0:
        return 1.0
    contrasts = _contrasts(steps, periods)
    if contrasts.max() < _MIN_BLOCK_CONTRAST:
        return 1.0
    # Multiples of the blocks' side show the same edges: the smallest that shows most of the contrast is it.
    return float(periods[np.argmax(contrasts >= _SAME_CONTRAST * contrasts.max())])


def _contrasts(steps: NDArray[np.float32], periods: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each period how many times as steep its steepest phase is as the mean of the other phases, (P,)."""
    from pipeline.face.measures.kernels import phase_means

    n_phases = np.maximum(2, periods.astype(np.intp))
    means = phase_means(steps, periods, n_phases)
    steepest = means.max(axis=1)
    others = (means.sum(axis=1) - steepest) / (n_phases - 1)
    return np.asarray(steepest / (others + _FLAT_GREY))
