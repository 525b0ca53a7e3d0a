"""Measures of a face from its mesh. "Left" and "right" are those of the image."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import Landmarks, Measured
from pipeline.face.measures.points import distance
from pipeline.face.measures.pose import angles_deg

MeshPoints: TypeAlias = NDArray[np.float32]
"""(478, 3) float32: x, y in pixels of the picture, z in the same unit, smaller is nearer; (N, 478, 3): of N faces."""

# The mesh point that stands for each of the 68, in their order. Checked against dlib's points on 258 frontal faces of
# 43 real clips: of all 478, these lie nearest or next to nearest (median 0.03 of the interocular distance). Off the
# nearest on purpose: the jaw keeps to the mesh's outline, which stays on the contour when the head turns, and the
# eyes to their corners, which dlib sets a little further in.
MESH_POINTS = (
    *(127, 234, 132, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 361, 454, 356),  # jaw
    *(70, 63, 105, 66, 107),  # image-left brow
    *(336, 296, 334, 293, 300),  # image-right brow
    *(168, 6, 195, 4),  # nose bridge, tip last
    *(240, 97, 2, 326, 460),  # nostrils
    *(33, 160, 158, 133, 153, 144),  # image-left eye
    *(362, 385, 387, 263, 373, 380),  # image-right eye
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips
    *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
)

# The edge of each eye, and of both lips towards each other, from the image's left corner to its right one.
LEFT_EYE_UPPER, LEFT_EYE_LOWER = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
)
RIGHT_EYE_UPPER = (362, 398, 384, 385, 386, 387, 388, 466, 263)
RIGHT_EYE_LOWER = (362, 382, 381, 380, 374, 373, 390, 249, 263)
OUTER_LIP_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LIP_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
INNER_LIP_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LIP_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
# The image-left and image-right edge of each iris.
LEFT_IRIS, RIGHT_IRIS = (469, 471), (474, 476)
_LEFT_PUPIL, _RIGHT_PUPIL = 468, 473
_MIDDLE_THREE = slice(4, 7)  # of the inner lips: where a gap opens first
_LID_PAIRS = (3, 4, 5)  # of the edge of an eye: the middle ones
_FOREHEAD, _CHIN, _LEFT_CHEEK, _RIGHT_CHEEK = 10, 152, 234, 454
# Where pitch is zero is a convention: this much is added so that it agrees with pipeline/face/measures/pose.py (median
# over 178 faces of 45 real clips; yaw agrees to r 0.98, pitch to r 0.86).
_PITCH_OFFSET_DEG = 5.8


def named_points(mesh: MeshPoints) -> Landmarks:
    """Return the 68 named points (pipeline/face/measures/points.py), (..., 68, 2), of a mesh."""
    return np.ascontiguousarray(mesh[..., MESH_POINTS, :2])


def pupils(mesh: MeshPoints) -> tuple[Landmarks, Landmarks]:
    """Return the centres of the image-left and image-right iris, (..., 2) each."""
    return mesh[..., _LEFT_PUPIL, :2], mesh[..., _RIGHT_PUPIL, :2]


def mesh_eye_centres(mesh: MeshPoints) -> tuple[Landmarks, Landmarks]:
    """Return the centres of the image-left and image-right eye, (..., 2) each: the mean of each eye's edge."""
    left, right = set(LEFT_EYE_UPPER + LEFT_EYE_LOWER), set(RIGHT_EYE_UPPER + RIGHT_EYE_LOWER)
    return mesh[..., sorted(left), :2].mean(axis=-2), mesh[..., sorted(right), :2].mean(axis=-2)


def mesh_interocular_px(mesh: MeshPoints) -> Measured:
    """Return the distance of the eye centres in the picture, (...) pixels."""
    return distance(*mesh_eye_centres(mesh))


def inner_lip_gap(mesh: MeshPoints) -> Measured:
    """Return the mean gap of three pairs of inner-lip points over the eyes' distance; near 0 when the lips are shut.

    The pairs are 82-87, 13-14 and 312-317. A lower lip above the upper one, as a fit of pressed lips may be, counts
    as below 0.
    """
    upper, lower = mesh[..., INNER_LIP_UPPER, :2][..., _MIDDLE_THREE, :], mesh[..., INNER_LIP_LOWER, :2]
    return np.asarray(_gaps(mesh, upper, lower[..., _MIDDLE_THREE, :]).mean(axis=-1))


def eye_openings(mesh: MeshPoints) -> tuple[Measured, Measured]:
    """Return the eye aspect ratio of the image-left and image-right eye, about 0.3 when open, 0.1 when closed.

    The mean distance of three pairs of lid points, over that of the corners.
    """
    return (
        _aspect_ratio(mesh, LEFT_EYE_UPPER, LEFT_EYE_LOWER),
        _aspect_ratio(mesh, RIGHT_EYE_UPPER, RIGHT_EYE_LOWER),
    )


def iris_seen(mesh: MeshPoints) -> tuple[Measured, Measured]:
    """Return the distance of the lids over the iris' width, of the image-left and image-right eye.

    About 0.6 when open, 0.4 when the lid covers half of the iris. All irises are about equally wide, so that it tells a
    half shut eye of any person; the mesh places lids inwards, which is why an open eye has less than 1.
    """
    return (
        _lid_distance(mesh, LEFT_EYE_UPPER, LEFT_EYE_LOWER) / distance(*(mesh[..., one, :2] for one in LEFT_IRIS)),
        _lid_distance(mesh, RIGHT_EYE_UPPER, RIGHT_EYE_LOWER) / distance(*(mesh[..., one, :2] for one in RIGHT_IRIS)),
    )


def mesh_pose_deg(mesh: MeshPoints) -> tuple[Measured, Measured, Measured]:
    """Return yaw, pitch and roll in degrees from the mesh's depth; signs as in ``head_pose_deg``.

    The head's axes are the line between its cheeks, and what of the line from forehead to chin is square to it.
    """
    points = mesh.astype(np.float64)
    across = _unit(points[..., _RIGHT_CHEEK, :] - points[..., _LEFT_CHEEK, :])
    down = points[..., _CHIN, :] - points[..., _FOREHEAD, :]
    down = _unit(down - (down * across).sum(axis=-1, keepdims=True) * across)
    yaw, pitch, roll = angles_deg(np.stack([across, down, np.cross(across, down)], axis=-1))
    return yaw, pitch + _PITCH_OFFSET_DEG, roll


def _gaps(mesh: MeshPoints, upper: Landmarks, lower: Landmarks) -> Measured:
    """Return how far ``lower`` lies below ``upper``, square to the line of the eyes, over the eyes' distance."""
    left, right = mesh_eye_centres(mesh)
    across = (right - left)[..., None, :]
    apart = lower - upper
    down = apart[..., 1] * across[..., 0] - apart[..., 0] * across[..., 1]
    return np.asarray(down / (across**2).sum(axis=-1))


def _aspect_ratio(mesh: MeshPoints, upper: tuple[int, ...], lower: tuple[int, ...]) -> Measured:
    corners = distance(mesh[..., upper[0], :2], mesh[..., upper[-1], :2])
    return np.asarray(_lid_distance(mesh, upper, lower) / corners)


def _lid_distance(mesh: MeshPoints, upper: tuple[int, ...], lower: tuple[int, ...]) -> Measured:
    pairs = [distance(mesh[..., upper[at], :2], mesh[..., lower[at], :2]) for at in _LID_PAIRS]
    return np.asarray(np.mean(pairs, axis=0))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / np.linalg.norm(vector, axis=-1, keepdims=True))
