"""Head pose from fifteen landmarks and a generic head, seen from afar."""

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import Landmarks

# A generic anthropometric head in wide public use, any unit: x to the person's left, y up, z towards the camera.
# Outer and inner ends of brows and eyes, nostrils, mouth corners, lower lip, chin; the nose tip carries most of the
# depth, and is set from the depth that the six-point head of the model notes, section 6, gives it.
_HEAD = {
    30: (0.000000, 1.900000, 7.400000),
    26: (6.825897, 6.760612, 4.402142),
    22: (1.330353, 7.122144, 6.903745),
    21: (-1.330353, 7.122144, 6.903745),
    17: (-6.825897, 6.760612, 4.402142),
    45: (5.311432, 5.485328, 3.987654),
    42: (1.789930, 5.393625, 4.413414),
    39: (-1.789930, 5.393625, 4.413414),
    36: (-5.311432, 5.485328, 3.987654),
    35: (2.005628, 1.409845, 6.165652),
    31: (-2.005628, 1.409845, 6.165652),
    54: (2.774015, -2.080775, 5.048531),
    48: (-2.774015, -2.080775, 5.048531),
    57: (0.000000, -3.116408, 6.097667),
    8: (0.000000, -7.415691, 4.070434),
}
_INDICES = list(_HEAD)
# Faces are deeper than that head: without this, yaw came out 1.14 times that of FSA-Net (Yang et al. 2019) on 627
# frames of 48 real clips, and 1.13 times the truth on generated ones.
_DEPTH = 1.135
# The image's axes: x to the right, y down, z away from the camera.
_POINTS = np.array(list(_HEAD.values())) * (1, -1, -_DEPTH)
_INVERSE = np.linalg.pinv(_POINTS - _POINTS.mean(axis=0))


def head_pose_deg(points: Landmarks) -> tuple[float, float, float]:
    """Return yaw, pitch and roll in degrees of the head with these 68 landmarks.

    yaw > 0: turned towards the image's right; pitch > 0: raised; roll > 0: tilted clockwise in the image.
    Scaled orthographic projection, fitted linearly and brought to the nearest rotation (the first step of POSIT,
    DeMenthon and Davis 1995). Perspective-n-point with an assumed focal length was tried and left: on frontal
    faces away from the image's centre it was wrong by up to 25 degrees of yaw.
    """
    chosen = points[_INDICES].astype(np.float64)
    projection = (_INVERSE @ (chosen - chosen.mean(axis=0))).T
    left, _, right = np.linalg.svd(projection, full_matrices=False)
    first, second = left @ right
    return angles_deg(np.stack([first, second, np.cross(first, second)]))


def angles_deg(rotation: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return yaw, pitch and roll of a (3, 3) head rotation in camera axes, from where its nose and brow line point."""
    nose = rotation @ (0.0, 0.0, -1.0)
    brow_line = rotation @ (1.0, 0.0, 0.0)
    yaw = np.arctan2(nose[0], -nose[2])
    pitch = np.arcsin(np.clip(-nose[1], -1.0, 1.0))
    roll = np.arctan2(brow_line[1], brow_line[0])
    return float(np.rad2deg(yaw)), float(np.rad2deg(pitch)), float(np.rad2deg(roll))
