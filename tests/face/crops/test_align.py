"""Alignment maps the eyes to the template, and picture and landmarks by the same similarity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.base.images import in_rgb
from pipeline.face.crops.align import Template, crop_aligned, similarity_to, transform
from pipeline.face.measures.boxes import Box
from pipeline.face.measures.points import eye_centres
from tests.face.faces import UNIT_FACE, points_in

TEMPLATE = Template(size_px=256, left_eye_x_px=96, right_eye_x_px=160, eyes_y_px=120)

sizes = st.floats(20, 800)
places = st.floats(-500, 2000)


def turned_face(size: float, x: float, y: float, turn_deg: float) -> np.ndarray:
    turn = np.exp(1j * np.deg2rad(turn_deg))
    flat = (UNIT_FACE[:, 0] + 1j * UNIT_FACE[:, 1]) * size * turn + complex(x, y)
    return np.stack([flat.real, flat.imag], axis=1).astype(np.float32)


@given(size=sizes, x=places, y=places, turn_deg=st.floats(-180, 180))
def test_eye_centres_come_to_the_template_from_any_place_size_and_tilt(
    size: float, x: float, y: float, turn_deg: float
) -> None:
    points = turned_face(size, x, y, turn_deg)
    aligned = transform(similarity_to(TEMPLATE, *eye_centres(points)), points)
    left, right = eye_centres(aligned)
    np.testing.assert_allclose(left, (96, 120), atol=0.02)
    np.testing.assert_allclose(right, (160, 120), atol=0.02)


@given(size=sizes, x=places, y=places, turn_deg=st.floats(-180, 180))
def test_alignment_keeps_shapes(size: float, x: float, y: float, turn_deg: float) -> None:
    points = turned_face(size, x, y, turn_deg)
    similarity = similarity_to(TEMPLATE, *eye_centres(points))
    linear = similarity[:, :2]
    assert linear[0, 0] == linear[1, 1] and linear[0, 1] == -linear[1, 0]
    unturned = points_in(Box(0, 0, size, size))
    level = transform(similarity_to(TEMPLATE, *eye_centres(unturned)), unturned)
    np.testing.assert_allclose(transform(similarity, points), level, atol=0.1)


def dot_at(x: int, y: int, size: int = 200) -> np.ndarray:
    picture = np.zeros((size, size, 3), np.uint8)
    picture[y, x] = 255
    return picture


def test_a_landmark_stays_on_its_pixel() -> None:
    """A bright pixel is found again where its landmark is mapped to: enlarged, shrunk a little, tilted."""
    for left, right in (((90, 90), (110, 90)), ((60, 80), (140, 90)), ((80, 60), (100, 120))):
        similarity = similarity_to(TEMPLATE, np.float32(left), np.float32(right))
        x, y = transform(similarity, np.float32([[100, 100]]))[0]
        crop = crop_aligned(dot_at(100, 100), similarity, 256)[..., 0].astype(float)
        rows, columns = np.indices(crop.shape)
        centre = (columns * crop).sum() / crop.sum(), (rows * crop).sum() / crop.sum()
        np.testing.assert_allclose(centre, (x, y), atol=0.5)


def test_a_landmark_stays_on_its_place_when_a_large_face_is_shrunk() -> None:
    picture = np.zeros((2000, 2000, 3), np.uint8)
    picture[990:1010, 1190:1210] = 255  # centred at (1199.5, 999.5)
    similarity = similarity_to(TEMPLATE, np.float32([700, 800]), np.float32([1300, 840]))
    x, y = transform(similarity, np.float32([[1199.5, 999.5]]))[0]
    crop = crop_aligned(picture, similarity, 256)[..., 0].astype(float)
    rows, columns = np.indices(crop.shape)
    centre = (columns * crop).sum() / crop.sum(), (rows * crop).sum() / crop.sum()
    np.testing.assert_allclose(centre, (x, y), atol=0.1)


def test_a_face_at_the_template_is_cut_out_unchanged() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    similarity = similarity_to(TEMPLATE, np.float32([96, 120]), np.float32([160, 120]))
    assert np.array_equal(crop_aligned(picture, similarity, 256), picture)


def test_beyond_the_frame_the_picture_is_mirrored() -> None:
    """The face lies 50 px left of and 30 px above the frame's corner."""
    picture = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    similarity = similarity_to(TEMPLATE, np.float32([46, 90]), np.float32([110, 90]))
    crop = crop_aligned(picture, similarity, 256)
    assert np.array_equal(crop[30:, 50:], picture[:226, :206])
    assert np.array_equal(crop[30:, :50], picture[:226, 50:0:-1])
    assert np.array_equal(crop[:30, 50:], picture[30:0:-1, :206])


@pytest.mark.parametrize("eyes_px", [110, 126, 130, 150, 200, 320, 640])
def test_fine_lines_of_a_large_face_become_grey_and_not_a_pattern(eyes_px: int) -> None:
    """Lines of one pixel are finer than the crop can show: what is left of them is less than a fifth."""
    picture = np.zeros((1200, 1200, 3), np.uint8)
    picture[:, ::2] = 255
    similarity = similarity_to(TEMPLATE, np.float32([600 - eyes_px / 2, 560]), np.float32([600 + eyes_px / 2, 560]))
    crop = crop_aligned(picture, similarity, 256).astype(float)
    assert abs(crop.mean() - 127.5) < 2
    assert crop[..., 0].mean(axis=0).std() < 0.2 * 127.5


@pytest.mark.parametrize("eyes_px", [50, 64, 100, 300])
def test_a_grey_picture_is_cut_as_each_of_three_like_channels(eyes_px: int) -> None:
    """Enlarged, as it is, shrunk, and shrunk much; tilted, and over the edge."""
    grey = np.random.default_rng(0).integers(0, 256, (400, 410), np.uint8)
    similarity = similarity_to(TEMPLATE, np.float32([30, 90]), np.float32([30 + eyes_px, 95]))
    crop = crop_aligned(grey, similarity, 256)
    assert crop.shape == (256, 256)
    np.testing.assert_array_equal(in_rgb(crop), crop_aligned(in_rgb(grey), similarity, 256))
