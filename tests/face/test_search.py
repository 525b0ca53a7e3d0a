"""The search looks coarse to fine, where known faces are when there are any, and everywhere now and then."""

import pytest

from pipeline.face.detector import Box, Detection
from pipeline.face.search import FaceSearch, find_faces, find_near
from tests.face.faces import FakeBackend, picture

LEVELS_PX = (160.0, 80.0, 40.0)
FULL_EVERY_S = 1.0


def search(backend: FakeBackend) -> FaceSearch:
    return FaceSearch(backend, LEVELS_PX, min_score=0.0, full_every_s=FULL_EVERY_S)


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
        def detect(self, grey: object) -> list[Detection]:
            return [Detection(Box(0, 0, 80, 80), 0.2), Detection(Box(90, 0, 80, 80), 0.19)]

    assert [one.score for one in find_faces(Unsure(), picture(), 80, 0.2)] == [0.2]


def test_the_first_look_stops_at_the_coarsest_level_that_shows_a_face() -> None:
    backend = FakeBackend()
    assert len(search(backend).look(picture(Box(100, 100, 90, 90)), 0.0, [])) == 1
    assert heights(backend) == [180, 360]


def test_the_first_look_goes_down_to_the_finest_level() -> None:
    backend = FakeBackend()
    assert len(search(backend).look(picture(Box(100, 100, 45, 45)), 0.0, [])) == 1
    assert heights(backend) == [180, 360, 720]


def test_without_a_face_the_finest_level_is_tried_only_now_and_then() -> None:
    backend = FakeBackend()
    one = search(backend)
    for time_s in (0.0, 0.5, 0.99, 1.0):
        one.look(picture(), time_s, [])
    assert heights(backend) == [180, 360, 720, 180, 360, 180, 360, 180, 360, 720]


def known(backend: FakeBackend, *boxes: Box, time_s: float = 0.2) -> list[tuple[int, int]]:
    """Return the sizes (height, width) of the pictures that a look with known faces shows the detector."""
    one = search(backend)
    one.look(picture(), 0.0, [])
    backend.shapes.clear()
    one.look(picture(*boxes), time_s, list(boxes))
    return backend.shapes


def test_known_faces_are_looked_for_where_they_are_and_little_smaller() -> None:
    (shape,) = known(FakeBackend(), Box(100, 100, 120, 120))
    assert shape == (147, 147)  # 120 px with margins of 36 px, at 80 px for a face of 104.4 px


def test_a_known_face_at_the_edge_is_looked_for_within_the_picture() -> None:
    shape, *_ = known(FakeBackend(), Box(-60, 300, 120, 120))
    assert shape == (74, 74)  # rows 264 to 360, columns 0 to 96


def test_a_known_face_that_is_not_seen_is_looked_for_once_more_and_finer() -> None:
    backend = FakeBackend()
    one = search(backend)
    one.look(picture(), 0.0, [])
    backend.shapes.clear()
    one.look(picture(), 0.2, [Box(100, 100, 120, 120)])
    assert backend.shapes == [(147, 147), (197, 197)]  # for a face of 104.4 px, then of 78 px


def test_a_known_face_outside_the_picture_is_not_looked_for() -> None:
    assert known(FakeBackend(), Box(2000, 100, 120, 120)) == []


def test_a_face_found_near_a_known_one_is_told_in_pixels_of_the_frame() -> None:
    (found,) = find_near(FakeBackend(), picture(Box(210, 110, 120, 120)), Box(200, 100, 120, 120), 96, 0.0)
    assert (found.box.x, found.box.y, found.box.w) == pytest.approx((210, 110, 120), abs=2)


def test_known_faces_do_not_make_the_search_finer_than_its_finest_level() -> None:
    (shape,) = known(FakeBackend(), Box(100, 100, 41, 41))
    assert shape[0] == pytest.approx(2 * 41 * 1.6, abs=2)


def test_the_whole_picture_is_searched_for_others_of_their_size_when_the_time_has_come() -> None:
    (shape,) = known(FakeBackend(), Box(100, 100, 200, 200), Box(300, 100, 100, 100), time_s=FULL_EVERY_S)
    assert shape == (360, 640)  # at 80 px for a face of 80 px


def test_a_backend_that_knows_faces_by_the_frame_is_always_shown_the_whole_picture() -> None:
    class Knowing(FakeBackend):
        def turn_to(self, clip_id: str, time_s: float, width_px: float) -> None: ...

    (shape,) = known(Knowing(), Box(100, 100, 100, 100))
    assert shape == (360, 640)
