"""Similarity of an inpainted picture and the true one, pixel by pixel: PSNR, SSIM, L1.

The paper does not define them: these are the usual definitions, on RGB of 0 to 255. All functions take the inpainted
picture and the true one, (H, W, 3) uint8 each.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.errors import BadInput

MAX_LEVEL = 255
SSIM_SIGMA_PX, SSIM_RADIUS_PX = 1.5, 5
UNIFORM_SIDE_PX = 7
SSIM_K1, SSIM_K2 = 0.01, 0.03


def psnr(inpainted: ImageRGB, true: ImageRGB) -> float:
    """Return the peak signal-to-noise ratio, dB; infinite for equal pictures."""
    _check(inpainted, true)
    mean_square = cv2.norm(inpainted, true, cv2.NORM_L2SQR) / true.size
    return 10 * math.log10(MAX_LEVEL**2 / mean_square) if mean_square else math.inf


def ssim(inpainted: ImageRGB, true: ImageRGB) -> float:
    """Return the structural similarity of Wang et al. 2004: a Gaussian window of 1.5 px, the mean over the channels."""
    places = np.arange(-SSIM_RADIUS_PX, SSIM_RADIUS_PX + 1)
    weights = np.exp(-0.5 * np.square(places / SSIM_SIGMA_PX))
    return _ssim(inpainted, true, weights / weights.sum(), unbias=1.0)


def ssim_win7(inpainted: ImageRGB, true: ImageRGB) -> float:
    """Return the structural similarity by scikit-image's defaults: uniform weights in 7x7 px, sample covariance."""
    n_pixels = UNIFORM_SIDE_PX**2
    weights = np.full(UNIFORM_SIDE_PX, 1 / UNIFORM_SIDE_PX)
    return _ssim(inpainted, true, weights, unbias=n_pixels / (n_pixels - 1))


def l1(inpainted: ImageRGB, true: ImageRGB) -> float:
    """Return the mean absolute difference over the whole picture, grey levels of 255 (Table 2, by its size)."""
    _check(inpainted, true)
    return float(cv2.norm(inpainted, true, cv2.NORM_L1) / true.size)


def l1_masked(inpainted: ImageRGB, true: ImageRGB, mask: NDArray[np.uint8]) -> float:
    """Return the mean absolute difference where ``mask`` (H, W) is 1, grey levels; BadInput if it never is."""
    _check(inpainted, true)
    inside = np.asarray(mask == 1, np.uint8)
    if not inside.any():
        raise BadInput(f"mask: expected a masked pixel in {mask.shape}, found none")
    return float(cv2.norm(inpainted, true, cv2.NORM_L1, inside) / (3 * cv2.countNonZero(inside)))


def _ssim(inpainted: ImageRGB, true: ImageRGB, weights: NDArray[np.float64], unbias: float) -> float:
    """Return Eq. 13 of Wang et al. 2004, the mean over the places where the whole window lies in the picture.

    ``weights`` (side,) are the window's in each direction; ``unbias`` multiplies variances and covariance. It is what
    scikit-image computes, to 1e-9: all channels go through one filter, and where a window holds no pixel that differs,
    as outside the mask, the similarity is 1 and not computed.
    """
    _check(inpainted, true)
    radius = len(weights) // 2
    height, width, n_channels = true.shape
    if min(height, width) < len(weights):
        raise BadInput(f"SSIM: expected pictures of {len(weights)} px or more, found {true.shape}")
    rows, columns = (_reached(axis, 2 * radius) for axis in _differing(inpainted, true))
    if rows.stop == 0:
        return 1.0
    inpainted, true = inpainted[rows, columns], true[rows, columns]

    def smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
        filtered = cv2.sepFilter2D(values, cv2.CV_64F, weights, weights)
        return np.asarray(filtered[radius : len(values) - radius, radius : values.shape[1] - radius])

    one, other = inpainted.astype(np.float64), true.astype(np.float64)
    mean_one, mean_other = smoothed(one), smoothed(other)
    squares, product = mean_one**2 + mean_other**2, mean_one * mean_other
    variances = unbias * (smoothed(one * one + other * other) - squares)
    covariance = unbias * (smoothed(one * other) - product)
    c1, c2 = (SSIM_K1 * MAX_LEVEL) ** 2, (SSIM_K2 * MAX_LEVEL) ** 2
    similarity = (2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))
    n_places = (height - 2 * radius) * (width - 2 * radius) * n_channels
    return float(1 - (1 - similarity).sum() / n_places)


def _differing(one: ImageRGB, other: ImageRGB) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return for each row, and for each column, whether a pixel in it differs."""
    differs = cv2.absdiff(one, other).any(axis=2)
    return differs.any(axis=1), differs.any(axis=0)


def _reached(is_marked: NDArray[np.bool_], reach_px: int) -> slice:
    """Return the places from the first marked one to the last, and ``reach_px`` further; empty where none is."""
    places = np.flatnonzero(is_marked)
    return slice(max(0, places[0] - reach_px), places[-1] + reach_px + 1) if len(places) else slice(0, 0)


def _check(inpainted: ImageRGB, true: ImageRGB) -> None:
    for picture in (inpainted, true):
        if picture.dtype != np.uint8 or picture.shape != true.shape or picture.shape[2:] != (3,):
            raise BadInput(
                "pictures: expected two of (H, W, 3) uint8 RGB, "
                f"found {inpainted.shape} {inpainted.dtype} and {true.shape} {true.dtype}"
            )
