"""Similarity of an inpainted picture and the true one, pixel by pixel: PSNR, SSIM, L1.

The paper does not define them: these are the usual definitions, on RGB of 0 to 255. All functions take the inpainted
picture and the true one, (H, W, 3) uint8 each.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.errors import BadInput

MAX_LEVEL = 255
SSIM_SIGMA_PX = 1.5


def psnr(inpainted: ImageRGB, true: ImageRGB) -> float:
    """Return the peak signal-to-noise ratio, dB; infinite for equal pictures."""
    _check(inpainted, true)
    mean_square = float(np.mean(np.square(_difference(inpainted, true))))
    return 10 * math.log10(MAX_LEVEL**2 / mean_square) if mean_square else math.inf


def ssim(inpainted: ImageRGB, true: ImageRGB) -> float:
    """Return the structural similarity of Wang et al. 2004: a Gaussian window of 1.5 px, the mean over the channels."""
    return _ssim(inpainted, true, gaussian_weights=True, sigma=SSIM_SIGMA_PX, use_sample_covariance=False)


def ssim_win7(inpainted: ImageRGB, true: ImageRGB) -> float:
    """Return the structural similarity by scikit-image's defaults: uniform weights in 7x7 px, sample covariance."""
    return _ssim(inpainted, true, win_size=7)


def l1(inpainted: ImageRGB, true: ImageRGB) -> float:
    """Return the mean absolute difference over the whole picture, grey levels of 255 (Table 2, by its size)."""
    _check(inpainted, true)
    return float(np.mean(np.abs(_difference(inpainted, true))))


def l1_masked(inpainted: ImageRGB, true: ImageRGB, mask: NDArray[np.uint8]) -> float:
    """Return the mean absolute difference where ``mask`` (H, W) is 1, grey levels; BadInput if it never is."""
    _check(inpainted, true)
    inside = mask == 1
    if not inside.any():
        raise BadInput(f"mask: expected a masked pixel in {mask.shape}, found none")
    return float(np.mean(np.abs(_difference(inpainted, true)[inside])))


def _ssim(inpainted: ImageRGB, true: ImageRGB, **window: Any) -> float:
    _check(inpainted, true)
    similarity = structural_similarity(inpainted, true, data_range=MAX_LEVEL, channel_axis=-1, **window)  # type: ignore[no-untyped-call]
    return float(similarity)


def _difference(inpainted: ImageRGB, true: ImageRGB) -> NDArray[np.float64]:
    return inpainted.astype(np.float64) - true


def _check(inpainted: ImageRGB, true: ImageRGB) -> None:
    for picture in (inpainted, true):
        if picture.dtype != np.uint8 or picture.shape != true.shape or picture.shape[2:] != (3,):
            raise BadInput(
                "pictures: expected two of (H, W, 3) uint8 RGB, "
                f"found {inpainted.shape} {inpainted.dtype} and {true.shape} {true.dtype}"
            )
