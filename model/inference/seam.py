"""The seam of a pasted region: the colour steps at its border fade out inwards, pixels outside stay as they are."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from model.data.masks import Mask
from pipeline.core.base.arrays import ImageRGB

_BAND_PX = 2.0  # width of the bands along the border whose colours are compared, in pixels of an aligned face
_ALONG_PX = 4.0  # standard deviation of the smoothing along the border
_BORDER_PX = 1.5  # depth of the pixels of the region that are its border
_FADE_PX = 12.0  # how far inwards a step is spread
_LEAST_WEIGHT = 0.03  # of a band around a pixel (beside it 0.2), else nothing is known of the step there


def without_seam(picture: ImageRGB, pasted: ImageRGB, region: Mask, mask: Mask, scale: float) -> ImageRGB:
    """Return ``pasted`` (H, W, 3) with the colour step at the border of ``region`` (H, W) faded out into the region.

    ``picture`` is known where ``mask``, which holds the region, is 0; ``scale`` is the number of its pixels to one of
    an aligned face of 256 px. The step is what remains of the difference across the border after the slopes on its two
    sides are taken off: so a shade that goes on across the border is left alone.
    """
    part = _part_around(region, margin=2 + int(2 * _BAND_PX * max(1.0, scale)))
    if part is None:
        return pasted
    inside, known = region[part], 1 - mask[part]
    depth_px, height_px = _distances(inside), _distances(1 - inside) * known
    at_border = _near(_in_band(height_px, 0, scale), scale) & _near(_in_band(depth_px, 0, scale), scale)
    bands = [
        _band(image[part], _in_band(distance_px, number, scale) & at_border, scale)
        for image, distance_px in ((picture, height_px), (pasted, depth_px))
        for number in (0, 1)
    ]
    known_near, known_far, new_near, new_far = (band.colours for band in bands)
    step = new_near - known_near - ((known_near - known_far) + (new_far - new_near)) / 2
    border = (depth_px > 0) & (depth_px <= _BORDER_PX)
    is_known = border & (np.minimum.reduce([band.weight for band in bands]) >= _LEAST_WEIGHT)
    sigma = _FADE_PX / 2 * max(1.0, scale)
    n_near = np.maximum(_smoothed(border.astype(np.float32), sigma), _LEAST_WEIGHT**2)
    spread = _smoothed(np.where(is_known[..., None], step, 0), sigma) / n_near[..., None]
    fade = np.clip(1 - depth_px / (_FADE_PX * max(1.0, scale)), 0, 1) * inside
    result = pasted.copy()
    result[part] = np.clip(np.rint(pasted[part] - spread * fade[..., None]), 0, 255).astype(np.uint8)
    return result


class _Band(NamedTuple):
    """At each pixel the mean colour of a band along the border, and how much of the band is near."""

    colours: NDArray[np.float32]
    weight: NDArray[np.float32]


def _in_band(distance_px: NDArray[np.float32], number: int, scale: float) -> NDArray[np.bool_]:
    """Return which pixels are in a band from the border, on the side where distances are above 0."""
    width_px = _BAND_PX * max(1.0, scale)
    return (distance_px > number * width_px) & (distance_px <= (number + 1) * width_px)


def _near(band: NDArray[np.bool_], scale: float) -> NDArray[np.bool_]:
    """Return which pixels are within three widths of a band."""
    side = 2 * int(3 * _BAND_PX * max(1.0, scale)) + 1
    return np.asarray(cv2.dilate(band.astype(np.uint8), np.ones((side, side), np.uint8)) == 1, np.bool_)


def _band(image: ImageRGB, is_in: NDArray[np.bool_], scale: float) -> _Band:
    """Return the mean colours of the pixels ``is_in`` around each pixel."""
    sigma = _ALONG_PX * max(1.0, scale)
    weight = _smoothed(is_in.astype(np.float32), sigma)
    colours = _smoothed(np.where(is_in[..., None], image, 0).astype(np.float32), sigma)
    return _Band(np.asarray(colours / np.maximum(weight, _LEAST_WEIGHT)[..., None], np.float32), weight)


def _smoothed(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)


def _part_around(region: Mask, margin: int) -> tuple[slice, slice] | None:
    """Return the rectangle that holds the region and a margin; None for an empty region."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if not len(rows):
        return None
    return (
        slice(max(0, rows[0] - margin), rows[-1] + 1 + margin),
        slice(max(0, columns[0] - margin), columns[-1] + 1 + margin),
    )


def _distances(region: Mask) -> NDArray[np.float32]:
    """Return for each pixel of the region how far it is from the nearest one outside; 0 outside."""
    return np.asarray(cv2.distanceTransform(np.ascontiguousarray(region), cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)
