"""Cuts of an aligned face in which eyes, nose and mouth corners lie where face recognition networks expect them."""

import numpy as np

from pipeline.core.base.arrays import ImageRGB, Landmarks
from pipeline.face.crops.align import crop_aligned
from pipeline.identity.network.five_points import FIVE_POINTS, similarity_on

SIDE_PX = 112
NARROW_MARGIN_PX = 8
"""SphereFace's faces, 96 wide and 112 high, are ArcFace's of 112 px without these columns left and right."""

WIDE_SIDE_PX = 128
WIDE_SHIFT = (8.0, 0.0)
"""insightface's template of 128 px: that of 112 px, its scale kept, moved to the middle of the wider picture."""


def cut_112x96(face: ImageRGB, points: Landmarks) -> ImageRGB:
    """Return (112, 96, 3) with the five ``points`` nearest to SphereFace's template."""
    wide = crop_aligned(face, similarity_on(points, FIVE_POINTS), SIDE_PX)
    return np.ascontiguousarray(wide[:, NARROW_MARGIN_PX:-NARROW_MARGIN_PX])


def cut_128(face: ImageRGB, points: Landmarks) -> ImageRGB:
    """Return (128, 128, 3) with the five ``points`` nearest to the template of 128 px."""
    return crop_aligned(face, similarity_on(points, FIVE_POINTS + WIDE_SHIFT), WIDE_SIDE_PX)
