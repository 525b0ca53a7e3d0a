"""CPBD (Narvekar and Karam 2011): sharpness without a reference, the share of edges without visible blur."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.errors import BadInput

BLOCK_PX = 64
EDGE_SHARE = 0.002
"""A block is used if more than this share of its pixels are edges."""

LOW_CONTRAST = 50
JUST_NOTICEABLE_PX = (5.0, 3.0)
"""The width at which an edge of low contrast, and of high contrast, is just noticed to be blurred."""

STEEPNESS = 3.6
JUST_NOTICEABLE_PERCENT = 63
"""The probability of seeing blur at that width, 1 - 1/e, in whole percent, as all probabilities are rounded."""

SOBEL_FACTOR = 4.0
"""An edge's squared gradient is more than this times the picture's mean: the usual automatic threshold.

The paper leaves it to its edge detector; another threshold gives other values.
"""

WITHIN_ROW = np.tan(np.pi / 8)
"""An edge is measured along its row where its gradient is less than 22.5 degrees from it."""


def cpbd(picture: ImageRGB) -> float:
    """Return the cumulative probability of blur detection, 0 to 1; higher is sharper.

    It is the share of edge pixels at which the probability of seeing blur is at most 63 %, over whole blocks of
    64 px that have edges. A picture without any edge, a constant one, has 0.
    Raises BadInput for a picture without one whole block.
    """
    if min(picture.shape[:2]) < BLOCK_PX:
        raise BadInput(f"CPBD: expected a picture of {BLOCK_PX} px or more, found {picture.shape}")
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edges = sobel_edges(luma)
    widths_px = np.where(edges, edge_widths(luma), 0)
    probabilities = [
        blur_probabilities(widths_px[block][widths_px[block] > 0], np.ptp(luma[block]))
        for block in _blocks(luma.shape)
        if edges[block].mean() > EDGE_SHARE
    ]
    percent = np.round(100 * np.concatenate([np.empty(0), *probabilities]))
    return float(np.mean(percent <= JUST_NOTICEABLE_PERCENT)) if percent.size else 0.0


def blur_probabilities(widths_px: NDArray[np.float64], contrast: float) -> NDArray[np.float64]:
    """Return the probability that blur is seen at edges of these widths, in a block of this contrast, 0 to 255."""
    just_noticeable_px = JUST_NOTICEABLE_PX[int(contrast > LOW_CONTRAST)]
    return np.asarray(1.0 - np.exp(-((widths_px / just_noticeable_px) ** STEEPNESS)))


def sobel_edges(luma: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return (H, W) True on the ridges of Sobel's gradient, one pixel wide.

    A ridge is a maximum along the axis with the larger gradient; of two equal pixels it is the later one.
    """
    # Grey levels are whole: all these numbers are exact in 32 bits.
    luma = luma.astype(np.float32)
    across, down = (cv2.Sobel(luma, cv2.CV_32F, *order, borderType=cv2.BORDER_REPLICATE) for order in ((1, 0), (0, 1)))
    across, down = across**2, down**2
    strength = across + down
    is_ridge = (_is_ridge(strength) & (across >= down)) | (_is_ridge(strength.T).T & (down >= across))
    return np.asarray(is_ridge & (strength > SOBEL_FACTOR * strength.mean(dtype=np.float64)))


def edge_widths(luma: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (H, W) widths in pixels of an edge at each pixel, along its row (Marziliano et al. 2002).

    The width is the distance from the nearest extreme of brightness on the left to that on the right, each at least
    a pixel away; 0 where the gradient is not along the row, and at the picture's border.
    """
    down, across = np.gradient(luma)
    steps = np.diff(luma, axis=1)
    widths_px = np.where(across > 0, _rise_widths(steps > 0), _rise_widths(steps < 0)).astype(np.float64)
    widths_px[np.abs(down) >= WITHIN_ROW * np.abs(across)] = 0
    widths_px[[0, -1]] = widths_px[:, [0, -1]] = 0
    return widths_px


def _rise_widths(rises: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the distance from the start of the rise to a pixel's left neighbour to the end of that from its right.

    ``rises`` (H, W - 1): whether each pixel but the last of a row is followed by a step of the rise.
    """
    columns = np.arange(rises.shape[1] + 1, dtype=np.int32)
    starts = np.maximum.accumulate(np.where(np.pad(rises, ((0, 0), (1, 0))), 0, columns), axis=1)
    last = columns[-1]
    ends = np.minimum.accumulate(np.where(np.pad(rises, ((0, 0), (0, 1))), last, columns)[:, ::-1], axis=1)[:, ::-1]
    widths_px = np.zeros(starts.shape, np.int32)
    widths_px[:, 1:-1] = ends[:, 2:] - starts[:, :-2]
    return widths_px


def _is_ridge(strength: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return (H, W) True where a row's value is no smaller than the one before and larger than the one behind."""
    padded = np.pad(strength, ((0, 0), (1, 1)), mode="edge")
    return np.asarray((strength >= padded[:, :-2]) & (strength > padded[:, 2:]))


def _blocks(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Return the rows and columns of the whole blocks."""
    firsts = ([first * BLOCK_PX for first in range(side // BLOCK_PX)] for side in shape)
    rows, columns = ([slice(first, first + BLOCK_PX) for first in one] for one in firsts)
    return [(row, column) for row in rows for column in columns]
