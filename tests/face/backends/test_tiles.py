"""The tiles of a picture cover every face; a face found in several of them counts once."""

import numpy as np
import pytest

from pipeline.face.backends.interface import Detection
from pipeline.face.backends.tiles import is_cut, tiles, without_duplicates
from pipeline.face.measures.boxes import Box

SMALLEST_PX, FACE_SHARE = 200, 0.2


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (320, 180), (203, 1000), (201, 201), (4000, 250)])
def test_every_face_lies_whole_in_a_tile_of_which_it_is_a_fifth_or_more(width: int, height: int) -> None:
    found = tiles(width, height, SMALLEST_PX)
    assert all(0 <= left < right <= width and 0 <= top < bottom <= height for left, top, right, bottom in found)
    rng = np.random.default_rng(0)
    for _ in range(300):
        side = rng.uniform(FACE_SHARE * SMALLEST_PX, min(width, height))
        x, y = rng.uniform(0, width - side), rng.uniform(0, height - side)
        assert any(
            left <= x
            and top <= y
            and x + side <= right
            and y + side <= bottom
            and side >= 0.95 * FACE_SHARE * max(right - left, bottom - top)
            for left, top, right, bottom in found
        ), (x, y, side)


def test_a_picture_no_larger_than_a_tile_is_searched_once() -> None:
    assert tiles(200, 180, SMALLEST_PX) == [(0, 0, 200, 180)]


def test_the_edge_of_a_tile_cuts_a_face_and_that_of_the_picture_does_not() -> None:
    tile, size = (0, 50, 100, 150), (200, 150)
    assert not is_cut(Box(-5, 50, 105, 110), tile, *size)
    assert is_cut(Box(0, 49, 10, 10), tile, *size)
    assert is_cut(Box(91, 60, 10, 10), tile, *size)
    assert is_cut(Box(0, 0, 101, 10), (0, 0, 100, 150), *size)


def test_of_overlapping_faces_the_surest_is_kept() -> None:
    box = Box(0, 0, 10, 10)
    found = [Detection(box, 0.7), Detection(box.moved(1, 0), 0.9), Detection(box.moved(8, 0), 0.5)]
    assert without_duplicates(found) == [found[1], found[2]]
