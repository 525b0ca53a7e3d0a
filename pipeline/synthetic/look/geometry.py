"""Rotation of the head and projection into the image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.floating]

# Head coordinates: unit = distance between the eye centres; x to the image's right, y down, z towards the
# camera; the origin is in the middle of the skull at the height of the eyes. The head turns about the neck.
PIVOT = np.array([0.0, 0.45, -0.25], np.float32)
# In these coordinates the face is raised by so much: held level, as people hold theirs, it is lowered again.
RAISED_DEG = 1.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Weak perspective: the image place of the head's pivot, and pixels per unit of head coordinates."""

    x_px: float
    y_px: float
    scale_px: float


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Reals:
    """Return the 3x3 matrix that yaws about the neck, then pitches, then rolls in the image plane.

    yaw > 0 brings the nose to the image's right, pitch > 0 brings it up, roll > 0 turns clockwise as seen.
    """
    (cy, cp, cr), (sy, sp, sr) = (f(np.deg2rad([yaw_deg, pitch_deg, roll_deg])) for f in (np.cos, np.sin))
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(roll @ pitch @ yaw, np.float32)


def head_turn(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Reals:
    """Return the 3x3 matrix that turns a head from its coordinates; all angles 0: frontal, upright and level."""
    return np.asarray(rotation(yaw_deg, pitch_deg, roll_deg) @ rotation(0.0, -RAISED_DEG, 0.0), np.float32)


def project(points: Reals, turn: Reals, camera: Camera) -> Reals:
    """Return pixel coordinates (N, 2) of head points (N, 3)."""
    rotated = (points - PIVOT) @ turn[:2].T
    points_px = rotated * np.float32(camera.scale_px) + np.array([camera.x_px, camera.y_px], np.float32)
    return np.asarray(points_px)
