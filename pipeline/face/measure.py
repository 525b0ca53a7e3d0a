"""Measures of one observed face, each from its landmarks or its pixels alone."""

import numpy as np

from pipeline.arrays import ImageGrey, Landmarks
from pipeline.face.detector import Box
from pipeline.face.points import (
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    LEFT_EYE,
    OUTER_LIP_LOWER,
    OUTER_LIP_UPPER,
    RIGHT_EYE,
    interocular_px,
)

SHARPNESS_SIZE_PX = 128


def lip_opening(points: Landmarks) -> float:
    """Return the mean gap of the three inner-lip pairs over the interocular distance; 0 when closed."""
    return _mean_gap(points, INNER_LIP_UPPER, INNER_LIP_LOWER)


def mouth_height(points: Landmarks) -> float:
    """Return the mean height of both lips with what is between them, over the interocular distance.

    It grows when the lips part, also where the inner edges are too faint to be told apart.
    """
    return _mean_gap(points, OUTER_LIP_UPPER, OUTER_LIP_LOWER)


def _mean_gap(points: Landmarks, upper: tuple[int, ...], lower: tuple[int, ...]) -> float:
    gaps = np.hypot(*(points[list(lower)] - points[list(upper)]).T)
    return float(gaps.mean() / interocular_px(points))


def eye_opening(points: Landmarks) -> float:
    """Return the eye aspect ratio, (|p1-p5| + |p2-p4|) / (2 |p0-p3|), mean of both eyes (Soukupova and Cech 2016)."""
    return float(np.mean([_eye_aspect_ratio(points[eye]) for eye in (LEFT_EYE, RIGHT_EYE)]))


def _eye_aspect_ratio(eye: Landmarks) -> float:
    heights = np.hypot(*(eye[5] - eye[1])) + np.hypot(*(eye[4] - eye[2]))
    return float(heights / (2 * np.hypot(*(eye[3] - eye[0]))))


def sharpness_and_brightness(grey: ImageGrey, box: Box) -> tuple[float, float]:
    """Return the variance of the Laplacian of the face at 128x128 px, and its mean grey value; 0, 0 out of frame."""
    import cv2

    height, width = grey.shape
    left, top = max(0, round(box.x)), max(0, round(box.y))
    face = grey[top : min(height, round(box.y + box.h)), left : min(width, round(box.x + box.w))]
    if face.size == 0:
        return 0.0, 0.0
    small = cv2.resize(face, (SHARPNESS_SIZE_PX, SHARPNESS_SIZE_PX), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small, cv2.CV_32F).var()), float(face.mean())


def inside_share(box: Box, width_px: float, height_px: float) -> float:
    """Return the share of the box's area that lies inside a frame of the given size, 0-1."""
    seen_w = min(box.x + box.w, width_px) - max(box.x, 0.0)
    seen_h = min(box.y + box.h, height_px) - max(box.y, 0.0)
    return max(0.0, seen_w) * max(0.0, seen_h) / (box.w * box.h)
