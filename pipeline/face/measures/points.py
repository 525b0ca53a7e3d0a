"""The 68 points of a face in the order of iBUG 300-W, to which every backend maps its own.

"Left" and "right" are those of the image, not of the person.
"""

import numpy as np

from pipeline.core.base.arrays import Landmarks, Measured

N_POINTS = 68

CHIN = 8
NOSE_TIP = 30
BELOW_NOSE = 33
LEFT_EYE = slice(36, 42)
RIGHT_EYE = slice(42, 48)
LEFT_EYE_OUTER = 36
RIGHT_EYE_OUTER = 45
MOUTH_LEFT = 48
MOUTH_RIGHT = 54
UPPER_LIP, LOWER_LIP = 51, 57  # the middle of the outer edges
# Nose and eyes, and for each of their points its mirror image.
NOSE_AND_EYES = slice(27, 48)
NOSE_AND_EYES_MIRRORED = (27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40)
# Upper and lower inner lip, three pairs of points one above the other.
INNER_LIP_UPPER = (61, 62, 63)
INNER_LIP_LOWER = (67, 66, 65)
OUTER_LIP_UPPER = (50, 51, 52)
OUTER_LIP_LOWER = (58, 57, 56)


def eye_centres(points: Landmarks) -> tuple[Landmarks, Landmarks]:
    """Return the centres of the image-left and image-right eye, (..., 2) each: the mean of an eye's six points."""
    return points[..., LEFT_EYE, :].mean(axis=-2), points[..., RIGHT_EYE, :].mean(axis=-2)


def interocular_px(points: Landmarks) -> Measured:
    """Return the distance of the eye centres, (...) pixels, of (..., 68, 2) points."""
    left, right = eye_centres(points)
    return distance(left, right)


def distance(here: Landmarks, there: Landmarks) -> Measured:
    """Return the distance of points, (..., 2) each, as (...)."""
    apart = there - here
    return np.asarray(np.hypot(apart[..., 0], apart[..., 1]))
