"""Measures of a face follow from its points and pixels, whatever its place and size."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.face.measures.boxes import Box
from pipeline.face.measures.measures import (
    asymmetry,
    changes,
    changes_from_shut,
    eye_opening,
    inside_share,
    lip_opening,
    lip_to_chin,
    mouth_and_eye_profiles,
    mouth_height,
    mouth_width,
    nose_to_lip,
    sharpness_and_brightness,
)
from pipeline.face.measures.points import INNER_LIP_LOWER, LEFT_EYE, RIGHT_EYE, interocular_px
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


def test_a_face_that_is_its_own_mirror_image_has_no_asymmetry() -> None:
    assert asymmetry(UNIT_FACE) == pytest.approx(0, abs=1e-6)


@given(st.floats(-0.3, 0.3), st.floats(0, 2 * np.pi))
def test_asymmetry_is_what_the_nose_moves_aside_whatever_the_roll(aside: float, roll: float) -> None:
    """Nine of the 21 points of nose and eyes are the nose's; each is twice as far from its mirror image."""
    points = UNIT_FACE.copy()
    points[27:36, 0] += aside * interocular_px(points)
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    assert asymmetry((points @ turn.T).astype(np.float32)) == pytest.approx(2 * abs(aside) * np.sqrt(9 / 21), abs=1e-4)


def test_a_stack_of_faces_is_measured_face_by_face() -> None:
    stack = np.stack([with_lips(gap) for gap in (0.0, 0.1, 0.4)])
    measures = (
        asymmetry,
        eye_opening,
        interocular_px,
        lip_opening,
        mouth_height,
        mouth_width,
        nose_to_lip,
        lip_to_chin,
    )
    for measure in measures:
        np.testing.assert_allclose(measure(stack), [measure(points) for points in stack], rtol=1e-5)


@pytest.mark.parametrize(
    ("measure", "point", "away", "at_rest"),
    [
        (mouth_width, 48, (-1, 0), 0.34 / 0.44),
        (nose_to_lip, 51, (0, 1), 0.10 / 0.44),
        (lip_to_chin, 8, (0, 1), 0.14 / 0.44),
    ],
)
def test_measures_of_the_lips_are_distances_over_the_interocular_distance(
    measure: Callable[[np.ndarray], np.ndarray], point: int, away: tuple[int, int], at_rest: float
) -> None:
    """Of the hand-drawn face; a point that moves away by an interocular distance adds 1."""
    points = UNIT_FACE.copy()
    assert measure(points) == pytest.approx(at_rest, abs=1e-3)
    points[point] += np.array(away) * interocular_px(points)
    assert measure(points) == pytest.approx(at_rest + 1, abs=1e-3)


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
def test_inside_share_is_the_part_of_the_box_in_the_frame(box: Box, share: float) -> None:
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


def mouth_picture(gap_px: float, *, down_px: float = 0.0, brighter: float = 0.0, size: float = 200.0) -> np.ndarray:
    """Draw the mouth of ``UNIT_FACE`` at ``size``: dark lips that part over bright teeth."""
    rows = np.arange(round(1.5 * size))[:, None] + 0 * np.arange(round(1.5 * size))
    middle = points_in(Box(0, 0, size, size))[[48, 54], 1].mean() + down_px
    away = np.abs(rows - middle)
    grey = np.where(away < gap_px / 2 + 0.03 * size, 70.0, 160.0)
    drawn = np.clip(np.where(away < gap_px / 2, 230.0, grey) + brighter, 0, 255)
    return cv2.GaussianBlur(drawn, (0, 0), 0.01 * size).astype(np.uint8)


def profile(**drawn: float) -> np.ndarray:
    size = drawn.get("size", 200.0)
    return mouth_and_eye_profiles(mouth_picture(drawn.pop("gap_px", 0.0), **drawn), points_in(Box(0, 0, size, size)))


def mouth_change(now: np.ndarray, earlier: list[np.ndarray]) -> float:
    return changes(now, earlier)[0]


def test_a_mouth_profile_runs_down_the_middle_of_the_mouth_from_skin_over_the_lips_to_skin() -> None:
    every = profile()
    assert every.shape == (3, 29)
    assert every.dtype == np.float32
    found = every[0]
    assert found[[0, -1]] == pytest.approx(160, abs=1)
    assert found[14] == pytest.approx(70, abs=2)


def test_a_mouth_profile_is_the_same_at_any_size() -> None:
    np.testing.assert_allclose(profile(size=400.0, gap_px=20.0), profile(size=200.0, gap_px=10.0), atol=12)


def test_a_mouth_that_stays_as_it_is_has_not_changed() -> None:
    assert mouth_change(profile(), [profile(), profile()]) == 0


def test_a_mouth_without_an_earlier_frame_has_not_changed() -> None:
    assert mouth_change(profile(), []) == 0


@pytest.mark.parametrize("down_px", [-4.0, -1.0, 2.0, 4.0])
def test_landmarks_that_place_the_mouth_a_little_off_make_no_change(down_px: float) -> None:
    assert mouth_change(profile(down_px=down_px), [profile()]) < 0.2


def test_light_that_comes_up_evenly_makes_no_change() -> None:
    assert mouth_change(profile(brighter=25.0), [profile()]) < 0.03


def test_lips_that_part_change_the_more_the_wider() -> None:
    found = [mouth_change(profile(gap_px=gap), [profile()]) for gap in (0.0, 4.0, 8.0, 16.0)]
    assert found == sorted(found)
    assert found[1] > 0.4


def mouths(gaps_px: list[float], **drawn: float) -> np.ndarray:
    return np.rint([profile(gap_px=gap, **drawn)[0] for gap in gaps_px]).astype(np.uint8)


def from_shut(gaps_px: list[float], profiles: np.ndarray) -> list[float]:
    return list(changes_from_shut(profiles, 0.3 + np.array(gaps_px) / 200))


def test_a_mouth_that_stays_shut_equals_the_shut_mouth_of_its_track() -> None:
    shut = [0.0] * 20
    assert from_shut(shut, mouths(shut)) == [0.0] * 20


def test_a_mouth_is_the_further_from_shut_the_wider_its_lips_part() -> None:
    gaps = [0.0, 4.0, 8.0, 16.0] * 5
    found = from_shut(gaps, mouths(gaps))
    assert found[:4] == sorted(found[:4])
    assert found[0] == pytest.approx(0, abs=0.05)
    assert found[1] > 0.3
    assert found[4:] == found[:-4]


@pytest.mark.parametrize("off", [{"down_px": 4.0}, {"down_px": -2.0}, {"brighter": 25.0}])
def test_where_landmarks_are_a_little_off_or_light_comes_up_a_shut_mouth_stays_shut(off: dict[str, float]) -> None:
    gaps = [0.0, 12.0] * 10 + [0.0]
    found = from_shut(gaps, np.concatenate([mouths(gaps[:-1]), mouths([0.0], **off)]))
    assert found[-1] < 0.2 < 0.5 < found[1]


def test_a_mouth_that_is_open_most_of_the_time_is_compared_with_when_it_is_shut() -> None:
    gaps = [12.0] * 16 + [0.0] * 4
    found = from_shut(gaps, mouths(gaps))
    assert min(found[:16]) > 0.5 > 0.05 > max(found[16:])


@pytest.mark.parametrize("eye", [LEFT_EYE, RIGHT_EYE])
def test_an_eye_that_shuts_changes_and_the_mouth_does_not(eye: slice) -> None:
    points = points_in(Box(0, 0, 200, 200))
    shut, opened = mouth_picture(0.0).copy(), mouth_picture(0.0)
    x, y = points[eye].mean(axis=0)
    opened[round(y) - 5 : round(y) + 5, round(x) - 8 : round(x) + 8] = 30
    mouth, eyes = changes(mouth_and_eye_profiles(shut, points), [mouth_and_eye_profiles(opened, points)])
    assert mouth == 0
    assert eyes > 0.6


def test_the_earlier_frame_that_differs_most_counts() -> None:
    shut, parted = profile(), profile(gap_px=8.0)
    assert mouth_change(shut, [shut, parted, shut]) == mouth_change(shut, [parted])
