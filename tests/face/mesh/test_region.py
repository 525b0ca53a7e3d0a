"""The square in which a mesh is fitted: eyes level, half as large again as the face, whatever is known of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.face.measures.boxes import Box
from pipeline.face.mesh.region import SCALE, Region


def mesh_at(left: tuple[float, float], right: tuple[float, float], corners: np.ndarray) -> np.ndarray:
    """Return a mesh with the box of ``corners`` (2, 2), and eyes whose outer corners are ``left`` and ``right``."""
    points = np.full((478, 3), corners.mean(), np.float32)
    points[33, :2], points[263, :2] = left, right
    points[0, :2], points[1, :2] = corners
    return points


def test_a_meshs_region_is_half_as_large_again_as_its_box_and_turned_as_its_eyes() -> None:
    found = Region.of_mesh(mesh_at((40, 50), (60, 70), np.array([(20.0, 10.0), (100.0, 110.0)])))
    assert (found.x, found.y) == (60, 60)
    assert found.side == SCALE * 100
    assert found.tilt_rad == pytest.approx(np.pi / 4)


def test_a_region_of_level_eyes_is_below_them() -> None:
    found = Region.of_eyes(np.array([90.0, 100.0]), np.array([110.0, 100.0]))
    assert (found.x, found.y) == pytest.approx((100, 110))
    assert found.side == pytest.approx(1.5 * 2.79 * 20)
    assert found.tilt_rad == 0


@given(st.floats(-np.pi, np.pi), st.floats(1, 200))
def test_a_region_turns_with_the_eyes(turn: float, apart: float) -> None:
    across = apart / 2 * np.array([np.cos(turn), np.sin(turn)])
    found = Region.of_eyes(-across, across)
    assert (found.x, found.y) == pytest.approx((-0.5 * apart * np.sin(turn), 0.5 * apart * np.cos(turn)), abs=1e-6)
    assert np.cos(found.tilt_rad - turn) == pytest.approx(1)


def test_the_region_of_a_detectors_box_is_upright_and_centred_across_it() -> None:
    found = Region.of_box(Box(10, 20, 100, 80))
    assert found.x == 59.5
    assert found.side == pytest.approx(1.5 * 111)
    assert found.tilt_rad == 0


@given(st.floats(-3, 3), st.floats(2, 300))
def test_the_corners_of_a_region_go_to_the_corners_of_its_picture(tilt: float, side: float) -> None:
    back = Region(50, 60, side, tilt).to_picture(8)
    middle = back[:, :2] @ (3.5, 3.5) + back[:, 2]
    assert middle == pytest.approx((50, 60))
    top_right = back[:, :2] @ (7.5, -0.5) + back[:, 2]  # the outer corner of its last pixel
    cosine, sine = np.cos(tilt), np.sin(tilt)
    expected = (50 + side / 2 * (cosine + sine), 60 + side / 2 * (sine - cosine))
    assert top_right == pytest.approx(expected, abs=1e-6)


def test_a_region_of_whole_pixels_is_cut_without_change() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    assert (Region(14.5, 9.5, 8, 0).cut(picture, 8) == picture[6:14, 11:19]).all()
    assert (Region(14.5, 9.5, 8, np.pi / 2).cut(picture, 8) == np.rot90(picture[6:14, 11:19])).all()


def test_beyond_the_picture_its_edge_goes_on() -> None:
    grey = np.repeat(np.arange(4, dtype=np.uint8)[None] * 50, 4, axis=0)
    assert Region(-0.5, 1.5, 4, 0).cut(grey, 4)[0].tolist() == [0, 0, 0, 50]
    assert Region(900.0, 900.0, 4, 0).cut(grey, 4).tolist() == [[150] * 4] * 4
    assert Region(-900.0, -900.0, 4, 1).cut(grey, 4).tolist() == [[0] * 4] * 4


@pytest.mark.parametrize("times", [2, 3])
def test_a_larger_region_is_averaged_not_sampled(times: int) -> None:
    small = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)
    picture = np.kron(small, np.ones((times, times), np.uint8))
    middle = (16 * times - 1) / 2
    assert (Region(middle, middle, 16.0 * times, 0).cut(picture, 16) == small).all()
    stripes = np.tile(np.array([0, 200], np.uint8), (48, 24))
    assert np.ptp(Region(23.5, 23.5, 32, 0).cut(stripes, 16)[:, 1:-1]) == 0
