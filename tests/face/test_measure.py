"""Measures of a face follow from its points and pixels, whatever its place and size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.face.detector import Box
from pipeline.face.measure import eye_opening, inside_share, lip_opening, mouth_height, sharpness_and_brightness
from pipeline.face.points import INNER_LIP_LOWER, LEFT_EYE, RIGHT_EYE, interocular_px
from tests.face.faces import UNIT_FACE, points_in


def with_lips(gap: float) -> np.ndarray:
    points = UNIT_FACE.copy()
    points[list(INNER_LIP_LOWER), 1] += gap * interocular_px(points)
    return points


def with_lids(share: float) -> np.ndarray:
    """Close the lids to a share of their opening."""
    points = UNIT_FACE.copy()
    for eye in (LEFT_EYE, RIGHT_EYE):
        points[eye, 1] = 0.35 + (points[eye, 1] - 0.35) * share
    return points


@given(st.floats(0, 0.8))
def test_lip_opening_is_the_gap_over_the_interocular_distance(gap: float) -> None:
    assert lip_opening(with_lips(gap)) == pytest.approx(gap, abs=1e-5)


@given(st.floats(0, 0.8))
def test_the_mouth_grows_by_what_the_lower_lip_moves(gap: float) -> None:
    opened = with_lips(gap)
    opened[[56, 57, 58], 1] += gap * interocular_px(opened)
    assert mouth_height(opened) - mouth_height(UNIT_FACE) == pytest.approx(gap, abs=1e-5)


@given(st.floats(0, 1))
def test_eye_opening_is_proportional_to_the_lids_distance(share: float) -> None:
    assert eye_opening(with_lids(share)) == pytest.approx(share * eye_opening(UNIT_FACE), abs=1e-5)


def test_an_open_eye_drawn_with_a_height_of_three_sevenths_of_its_width() -> None:
    assert eye_opening(UNIT_FACE) == pytest.approx(3 / 7, abs=1e-5)


@given(x=st.floats(-100, 2000), y=st.floats(-100, 2000), size=st.floats(20, 800))
def test_place_and_size_do_not_change_lips_and_eyes(x: float, y: float, size: float) -> None:
    points = points_in(Box(x, y, size, size))
    assert lip_opening(points) == pytest.approx(0, abs=1e-3)
    assert eye_opening(points) == pytest.approx(3 / 7, abs=5e-3)
    assert interocular_px(points) == pytest.approx(0.44 * size, rel=1e-4)


@pytest.mark.parametrize(
    ("box", "share"),
    [
        (Box(0, 0, 100, 50), 1.0),
        (Box(-50, 0, 100, 50), 0.5),
        (Box(50, 25, 100, 50), 0.25),
        (Box(200, 0, 100, 50), 0.0),
        (Box(-50, -25, 200, 100), 0.25),
    ],
)
def test_inside_share_is_the_seen_part_of_the_box(box: Box, share: float) -> None:
    assert inside_share(box, 100, 50) == share


def test_brightness_is_that_of_the_box_alone() -> None:
    grey = np.full((100, 100), 10, np.uint8)
    grey[20:60, 30:70] = 200
    assert sharpness_and_brightness(grey, Box(30, 20, 40, 40)) == (0.0, 200.0)


def test_a_blurred_face_is_less_sharp() -> None:
    import cv2

    grey = np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)
    sharp, _ = sharpness_and_brightness(grey, Box(20, 20, 150, 150))
    blurred, _ = sharpness_and_brightness(np.asarray(cv2.GaussianBlur(grey, (0, 0), 2)), Box(20, 20, 150, 150))
    assert blurred < sharp / 5


def test_the_same_face_at_another_size_is_about_as_sharp() -> None:
    import cv2

    small = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8), (0, 0), 6)
    large = cv2.resize(small, (600, 600), interpolation=cv2.INTER_CUBIC)
    one, _ = sharpness_and_brightness(np.asarray(small), Box(0, 0, 300, 300))
    other, _ = sharpness_and_brightness(np.asarray(large), Box(0, 0, 600, 600))
    assert other == pytest.approx(one, rel=0.1)


def test_a_box_out_of_the_frame_measures_nothing() -> None:
    assert sharpness_and_brightness(np.zeros((50, 50), np.uint8), Box(60, 60, 20, 20)) == (0.0, 0.0)
