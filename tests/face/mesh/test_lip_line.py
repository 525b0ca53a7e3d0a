"""The line between the lips is darker than they are; where something covers them there is none."""

import cv2
import numpy as np
import pytest

from pipeline.core.base.arrays import ImageRGB
from pipeline.face.mesh.lip_line import lip_line_contrast
from pipeline.face.mesh.mesh_measures import (
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    OUTER_LIP_LOWER,
    OUTER_LIP_UPPER,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    MeshPoints,
)

LIPS_GREY, LINE_GREY = 150, 90


def mouth(scale: float = 1.0) -> MeshPoints:
    """Return a mesh whose eyes are 60 px apart and whose mouth is 50 px wide and 18 px high, times ``scale``."""
    points = np.zeros((478, 3), np.float32)
    points[[*LEFT_EYE_UPPER, *LEFT_EYE_LOWER], :2] = (70, 60)
    points[[*RIGHT_EYE_UPPER, *RIGHT_EYE_LOWER], :2] = (130, 60)
    shares = np.linspace(-1, 1, 11)
    height = 9 * np.sqrt(1 - shares**2)
    points[OUTER_LIP_UPPER, :2] = np.stack([100 + 25 * shares, 120 - height], axis=1)
    points[OUTER_LIP_LOWER, :2] = np.stack([100 + 25 * shares, 120 + height], axis=1)
    return (points * scale).astype(np.float32)


def picture(line: int = LINE_GREY, scale: float = 1.0) -> ImageRGB:
    found = np.full((round(200 * scale), round(200 * scale), 3), LIPS_GREY, np.uint8)
    found[round(119 * scale) : round(121 * scale), round(75 * scale) : round(125 * scale)] = line
    return found


@pytest.mark.parametrize("scale", [0.7, 1.0, 4.0])
def test_the_contrast_is_that_of_line_and_lips_at_any_size(scale: float) -> None:
    expected = (LIPS_GREY - LINE_GREY) / (LIPS_GREY + 10)
    assert lip_line_contrast(picture(scale=scale), mouth(scale)) == pytest.approx(expected, abs=0.06)


def test_a_mouth_covered_by_something_flat_has_no_line() -> None:
    assert lip_line_contrast(picture(line=LIPS_GREY), mouth()) == 0.0


def test_a_line_brighter_than_the_lips_is_none() -> None:
    assert lip_line_contrast(picture(line=250), mouth()) <= 0.0


def test_a_turned_mouth_has_the_same_contrast() -> None:
    move = cv2.getRotationMatrix2D((100, 100), 20.0, 1.0)
    turned = np.asarray(cv2.warpAffine(picture(), move, (200, 200), borderValue=(150, 150, 150)), np.uint8)
    points = mouth()
    points[:, :2] = points[:, :2] @ move[:, :2].T + move[:, 2]
    assert lip_line_contrast(turned, points) == pytest.approx(lip_line_contrast(picture(), mouth()), abs=0.08)


def test_a_mouth_outside_the_picture_has_no_line() -> None:
    outside = mouth()
    outside[:, :2] -= 400
    assert lip_line_contrast(picture(), outside) == 0.0


@pytest.mark.parametrize("height_px", [602, 603, 604])
def test_a_large_mouth_at_the_pictures_edge_is_still_looked_at(height_px: int) -> None:
    large = mouth(5.0)
    large[OUTER_LIP_UPPER, 1] += 640 - large[OUTER_LIP_UPPER, 1].min()
    large[OUTER_LIP_LOWER, 1] += 640 - large[OUTER_LIP_LOWER, 1].min()
    assert np.isfinite(lip_line_contrast(np.full((height_px, 900, 3), 150, np.uint8), large))
