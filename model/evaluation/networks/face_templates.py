"""Where face recognisers expect eyes, nose and mouth corners, and the cuts of an aligned face that bring them there."""

import numpy as np

from pipeline.base.arrays import ImageRGB, Landmarks
from pipeline.face.crops.align import crop_aligned, transform
from pipeline.identity.network.recogniser import FIVE_POINTS, five_points, similarity_on
from pipeline.identity.network.resnet import CROP_PX

EYES = np.array([(96.0, 120.0), (160.0, 120.0)])
"""The eye centres of an aligned face of 256 px."""

SIDE_PX = 112
NARROW_MARGIN_PX = 8
"""SphereFace's faces, 96 wide and 112 high, are ArcFace's of 112 px without these columns left and right."""

WIDE_SIDE_PX = 128
WIDE_SHIFT = (8.0, 0.0)
"""insightface's template of 128 px: that of 112 px, its scale kept, moved to the middle of the wider picture."""

USUAL_FIVE_POINTS = transform(similarity_on(FIVE_POINTS[:2], EYES), FIVE_POINTS)
"""The five points of a face of which only the eyes are known: the template itself, laid on the eyes."""


def five_points_of(face: ImageRGB, landmarks: Landmarks | None) -> Landmarks:
    """Return eye centres, nose tip and mouth corners, (5, 2), of the 68 points; None: where they usually are.

    An alignment on the usual points is one on the eyes of the crop alone.
    """
    return USUAL_FIVE_POINTS * np.float32(len(face) / CROP_PX) if landmarks is None else five_points(landmarks)


def cut_112x96(face: ImageRGB, points: Landmarks) -> ImageRGB:
    """Return (112, 96, 3) with the five ``points`` nearest to SphereFace's template."""
    wide = crop_aligned(face, similarity_on(points, FIVE_POINTS), SIDE_PX)
    return np.ascontiguousarray(wide[:, NARROW_MARGIN_PX:-NARROW_MARGIN_PX])


def cut_128(face: ImageRGB, points: Landmarks) -> ImageRGB:
    """Return (128, 128, 3) with the five ``points`` nearest to the template of 128 px."""
    return crop_aligned(face, similarity_on(points, FIVE_POINTS + WIDE_SHIFT), WIDE_SIDE_PX)
