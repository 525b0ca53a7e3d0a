"""The named point set: 68 points in the order of iBUG 300-W, to which every backend maps its own.

"Left" and "right" are those of the image, not of the person.
"""

import numpy as np

from pipeline.arrays import Landmarks

N_POINTS = 68

CHIN = 8
NOSE_TIP = 30
LEFT_EYE = slice(36, 42)
RIGHT_EYE = slice(42, 48)
LEFT_EYE_OUTER = 36
RIGHT_EYE_OUTER = 45
MOUTH_LEFT = 48
MOUTH_RIGHT = 54
# Upper and lower inner lip, three pairs of points one above the other.
INNER_LIP_UPPER = (61, 62, 63)
INNER_LIP_LOWER = (67, 66, 65)
OUTER_LIP_UPPER = (50, 51, 52)
OUTER_LIP_LOWER = (58, 57, 56)


def eye_centres(points: Landmarks) -> tuple[Landmarks, Landmarks]:
    """Return the centres of the image-left and image-right eye: (2,) float, the mean of each eye's six points."""
    return points[LEFT_EYE].mean(axis=0), points[RIGHT_EYE].mean(axis=0)


def interocular_px(points: Landmarks) -> float:
    """Return the distance of the eye centres, pixels."""
    left, right = eye_centres(points)
    return float(np.hypot(*(right - left)))
