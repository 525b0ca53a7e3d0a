"""The true resolution of a face: a face that was made small and enlarged again does not pass for a large one."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey
from pipeline.face.measures.points import eye_centres, interocular_px
from pipeline.face.measures.resolution import block_px, true_interocular_px
from tests.face.faces import UNIT_FACE

APART_PX = 80.0
ENLARGED = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}


def points() -> NDArray[np.float32]:
    """Return landmarks of a face in the middle of the picture, 80 px between the eyes."""
    placed = UNIT_FACE * (APART_PX / float(interocular_px(UNIT_FACE)))
    placed = placed - np.mean(eye_centres(placed), axis=0) + (160, 120)
    return np.asarray(placed, np.float32)


def detailed(seed: int = 1) -> ImageGrey:
    """Return a picture with as much detail at every scale as photos have: its spectrum falls with the frequency."""
    rng = np.random.default_rng(seed)
    down, across = np.fft.fftfreq(320)[:, None], np.fft.rfftfreq(320)[None]
    falling = 1 / np.maximum(np.hypot(down, across), 1 / 320)
    picture = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(320, 320))) * falling)
    return np.asarray(np.clip(128 + 40 * picture / picture.std(), 0, 255), np.uint8)


def through(picture: ImageGrey, apart_px: float, how: int) -> ImageGrey:
    """Return the picture made so small that the eyes are ``apart_px`` apart, and enlarged again."""
    share = apart_px / APART_PX
    small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, picture.shape[::-1], interpolation=how), np.uint8)


def test_a_face_that_was_never_enlarged_has_all_of_its_pixels() -> None:
    assert true_interocular_px(detailed(), points()) == APART_PX


@pytest.mark.parametrize("how", ENLARGED)
@pytest.mark.parametrize("apart_px", [10, 16, 24, 40])
def test_an_enlarged_face_counts_as_the_small_one_that_it_was(how: str, apart_px: int) -> None:
    found = true_interocular_px(through(detailed(), apart_px, ENLARGED[how]), points())
    assert apart_px / 1.5 <= found <= apart_px * (1.5 if how != "linear" else 1.75)


@pytest.mark.parametrize("side_px", [4, 5, 8, 10])
def test_the_side_of_square_blocks_is_found(side_px: int) -> None:
    blocks = through(detailed(), APART_PX / side_px, cv2.INTER_NEAREST)
    assert block_px(blocks) == side_px
    assert true_interocular_px(blocks, points()) == APART_PX / side_px


def test_a_picture_without_blocks_has_none() -> None:
    assert block_px(detailed()) == 1.0


def test_moderate_compression_leaves_a_face_its_resolution() -> None:
    _, jpeg = cv2.imencode(".jpg", detailed(), [cv2.IMWRITE_JPEG_QUALITY, 60])
    assert true_interocular_px(np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8), points()) > 40


def test_a_face_larger_than_is_looked_at_counts_as_80_px() -> None:
    large = np.asarray(cv2.resize(detailed(), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    assert true_interocular_px(large, points() * 2) == pytest.approx(80, rel=0.25)


def test_a_flat_face_has_no_detail_and_one_beyond_the_edge_is_not_looked_at() -> None:
    flat = np.full((320, 320), 90, np.uint8)
    assert true_interocular_px(flat, points()) == 0.0
    assert true_interocular_px(flat, points() + 400) == pytest.approx(APART_PX)
