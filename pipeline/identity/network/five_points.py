"""Five points of a face - eye centres, nose tip, mouth corners - by which recognition networks align it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageRGB, Landmarks, Similarity
from pipeline.face.crops.align import transform
from pipeline.face.measures.points import (
    LEFT_EYE,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    N_POINTS,
    NOSE_TIP,
    RIGHT_EYE,
    eye_centres,
)

# Left eye, right eye, nose tip, mouth corners in a picture of 112 pixels: the alignment of ArcFace (Deng et al. 2019),
# as MobileFaceNet's training faces had it. "Left" is the image's.
FIVE_POINTS = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)

ALIGNED_PX = 256
EYES = np.array([(96.0, 120.0), (160.0, 120.0)])
"""The eye centres of an aligned face of ALIGNED_PX."""


def five_points(points: Landmarks) -> Landmarks:
    """Return eye centres, nose tip and mouth corners, (5, 2), of the 68 points."""
    return np.stack([*eye_centres(points), points[NOSE_TIP], points[MOUTH_LEFT], points[MOUTH_RIGHT]])


def similarity_on(points: Landmarks, places: NDArray[np.float64]) -> Similarity:
    """Return the (2, 3) similarity that brings ``points`` (P, 2) nearest to ``places`` by least squares, no mirror."""
    # As complex numbers a similarity is z -> a z + b, and least squares is a regression through the centroids.
    source, target = (np.asarray(p, np.float64) @ (1, 1j) for p in (points, places))
    centred = source - source.mean()
    a = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred).real
    b = target.mean() - a * source.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


USUAL_FIVE_POINTS = transform(similarity_on(FIVE_POINTS[:2], EYES), FIVE_POINTS)
"""The five points of an aligned face whose eyes alone are given: FIVE_POINTS, laid on EYES."""


def five_points_of(face: ImageRGB, landmarks: Landmarks | None) -> Landmarks:
    """Return eye centres, nose tip and mouth corners, (5, 2), of the 68 points; None: where they usually are.

    An alignment on the usual points is one on the eyes of the crop alone.
    """
    return USUAL_FIVE_POINTS * np.float32(len(face) / ALIGNED_PX) if landmarks is None else five_points(landmarks)


def landmarks_or_usual(faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks | None] | None) -> list[Landmarks]:
    """Return the landmarks of each face, where there are none the usual ones."""
    given = [None] * len(faces) if landmarks is None else landmarks
    return [usual_landmarks(face) if points is None else points for face, points in zip(faces, given, strict=True)]


def usual_landmarks(face: ImageRGB) -> Landmarks:
    """Return 68 points, (68, 2) float32, of which only those are set that ``five_points`` reads."""
    points = np.zeros((N_POINTS, 2), np.float32)
    left, right, nose, mouth_left, mouth_right = five_points_of(face, None)
    points[LEFT_EYE], points[RIGHT_EYE] = left, right
    points[NOSE_TIP], points[MOUTH_LEFT], points[MOUTH_RIGHT] = nose, mouth_left, mouth_right
    return points
