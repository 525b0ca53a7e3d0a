"""The search looks coarse to fine, where known faces are when there are any, and everywhere now and then."""

from math import inf

import numpy as np
import pytest

from pipeline.core.base.arrays import ImageGrey
from pipeline.core.base.params import load_params
from pipeline.face.backends.interface import Detection
from pipeline.face.measures.boxes import Box
from pipeline.face.tracking.search import FaceSearch, find_faces, find_near
from pipeline.face.tracking.settings import DetectParams
from pipeline.video.decode import GreyFrame
from tests.face.faces import FakeBackend, picture

LEVELS_PX = (160.0, 80.0, 40.0)
FULL_EVERY_S, MAX_UNSEARCHED_S = 1.0, 4.0
SEARCHED = {
    "search_face_px": LEVELS_PX,
    "min_score": 0.0,
    "full_search_every_s": FULL_EVERY_S,
    "max_unsearched_s": MAX_UNSEARCHED_S,
}


def search(backend: FakeBackend, **changes: float) -> FaceSearch:
    return FaceSearch(backend, load_params(DetectParams, "detect").model_copy(update={**SEARCHED, **changes}))


def frame(grey: ImageGrey, time_s: float = 0.0) -> GreyFrame:
    return GreyFrame(index=0, time_s=time_s, luma=grey, scale=1.0)


def heights(backend: FakeBackend) -> list[int]:
    return [shape[0] for shape in backend.shapes]


@pytest.mark.parametrize("face_px", [160, 80, 40])
def test_a_face_of_a_levels_height_is_found_at_that_level_in_pixels_of_the_frame(face_px: int) -> None:
    box = Box(200, 100, face_px, face_px)
    (found,) = find_faces(FakeBackend(), picture(box), face_px, 0.0)
    for got, true in zip(
        (found.box.x, found.box.y, found.box.w, found.box.h), (200, 100, face_px, face_px), strict=True
    ):
        assert got == pytest.approx(true, abs=2)


def test_a_face_smaller_than_the_level_is_not_found_there() -> None:
    assert find_faces(FakeBackend(), picture(Box(200, 100, 60, 60)), 80, 0.0) == []


def test_a_face_below_the_least_score_is_left_out() -> None:
    class Unsure(FakeBackend):
        def detect(self, grey: object, frame: object = None) -> list[Detection]:
            return [Detection(Box(0, 0, 80, 80), 0.2), Detection(Box(90, 0, 80, 80), 0.19)]

    assert [one.score for one in find_faces(Unsure(), picture(), 80, 0.2)] == [0.2]


def test_the_first_search_stops_at_the_coarsest_level_that_shows_a_face() -> None:
    backend = FakeBackend()
    assert len(search(backend).find(frame(picture(Box(100, 100, 90, 90)), 0.0), [])) == 1
    assert heights(backend) == [180, 360]


def test_the_first_search_goes_down_to_the_finest_level() -> None:
    backend = FakeBackend()
    assert len(search(backend).find(frame(picture(Box(100, 100, 45, 45)), 0.0), [])) == 1
    assert heights(backend) == [180, 360, 720]


def test_without_a_face_the_finest_level_is_tried_only_now_and_then() -> None:
    backend = FakeBackend()
    one = search(backend)
    for time_s in (0.0, 0.5, 0.99, 1.0):
        one.find(frame(picture(), time_s), [])
    assert heights(backend) == [180, 360, 720, 180, 360, 180, 360, 180, 360, 720]


def known(backend: FakeBackend, *boxes: Box, time_s: float = 0.2) -> list[tuple[int, int]]:
    """Return the sizes (height, width) of the pictures that a search with known faces passes to the detector."""
    one = search(backend)
    one.find(frame(picture(), 0.0), [])
    backend.shapes.clear()
    one.find(frame(picture(*boxes), time_s), list(boxes))
    return backend.shapes


def test_known_faces_are_searched_where_they_are_and_little_smaller() -> None:
    (shape,) = known(FakeBackend(), Box(100, 100, 120, 120))
    assert shape == (129, 129)  # 120 px with margins of 24 px, at 80 px for a face of 104.4 px


def test_a_known_face_at_the_edge_is_searched_within_the_picture() -> None:
    shape, *_ = known(FakeBackend(), Box(-60, 300, 120, 120))
    assert shape == (64, 64)  # rows 276 to 360, columns 0 to 84


def test_a_known_face_that_is_not_found_is_searched_once_more_and_finer() -> None:
    backend = FakeBackend()
    one = search(backend)
    one.find(frame(picture(), 0.0), [])
    backend.shapes.clear()
    one.find(frame(picture(), 0.2), [Box(100, 100, 120, 120)])
    assert backend.shapes == [(129, 129), (172, 172)]  # for a face of 104.4 px, then of 78 px


def test_a_known_face_outside_the_picture_is_not_searched() -> None:
    assert known(FakeBackend(), Box(2000, 100, 120, 120)) == []


def test_a_face_found_near_a_known_one_is_in_pixels_of_the_frame() -> None:
    (found,) = find_near(FakeBackend(), frame(picture(Box(210, 110, 120, 120))), Box(200, 100, 120, 120), 96, 0.0)
    assert (found.box.x, found.box.y, found.box.w) == pytest.approx((210, 110, 120), abs=2)


def test_known_faces_do_not_make_the_search_finer_than_its_finest_level() -> None:
    (shape,) = known(FakeBackend(), Box(100, 100, 41, 41))
    assert shape[0] == pytest.approx(2 * 41 * 1.4, abs=4)


def test_the_whole_picture_is_searched_for_others_of_their_size_when_the_time_has_come() -> None:
    (shape,) = known(FakeBackend(), Box(100, 100, 200, 200), Box(300, 100, 100, 100), time_s=FULL_EVERY_S)
    assert shape == (360, 640)  # at 80 px for a face of 80 px


def test_a_backend_that_needs_whole_frames_always_gets_the_whole_picture() -> None:
    (shape,) = known(FakeBackend(margin=inf), Box(100, 100, 100, 100))
    assert shape == (360, 640)


KNOWN = Box(100, 100, 100, 100)


def searched_whole(*pictures: tuple[float, ImageGrey], **changes: float) -> list[bool]:
    """Return for each frame, with one known face, whether the detector got the whole picture."""
    backend = FakeBackend()
    one = search(backend, **changes)
    wholes = []
    for time_s, grey in pictures:
        backend.shapes.clear()
        one.find(frame(grey, time_s), [KNOWN])
        wholes.append((360, 640) in backend.shapes)
    return wholes


def test_a_still_picture_is_searched_again_only_after_the_longest_time() -> None:
    still = picture(KNOWN)
    assert searched_whole((0.0, still), (1.0, still), (3.99, still), (4.0, still), (5.0, still)) == [
        True,
        False,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(("width_px", "share", "expected"), [(20, 0.5, False), (40, 0.5, True), (20, 0.25, True)])
def test_the_picture_is_searched_when_as_large_a_share_of_a_face_has_changed(
    width_px: int, share: float, *, expected: bool
) -> None:
    """The smallest face searched is 80 px high: a cell is 20 px."""
    changed = picture(KNOWN, Box(400, 100, width_px, 80))
    found = searched_whole((0.0, picture(KNOWN)), (1.0, changed), min_changed_share=share)
    assert found == [True, expected]


@pytest.mark.parametrize(("levels", "least", "expected"), [(3, 4, False), (4, 4, True), (4, 5, False)])
def test_a_change_of_few_grey_levels_is_noise(levels: int, least: float, *, expected: bool) -> None:
    before = np.full((360, 640), 100, np.uint8)
    after = before.copy()
    after[100:200, 400:500] += np.uint8(levels)
    assert searched_whole((0.0, before), (1.0, after), min_changed_grey=least) == [True, expected]


def test_what_changes_about_a_known_head_does_not_count() -> None:
    moved = picture(Box(KNOWN.x - 20, KNOWN.y - 20, KNOWN.w + 40, KNOWN.h + 40))
    assert searched_whole((0.0, picture(KNOWN)), (1.0, moved)) == [True, False]


def test_a_face_that_comes_slowly_is_compared_with_the_last_search_not_with_the_last_frame() -> None:
    coming = [(1.0 + n / 2, picture(KNOWN, Box(632 - 8 * n, 100, 100, 100))) for n in range(3)]
    assert searched_whole((0.0, picture(KNOWN)), *coming) == [True, False, False, True]
