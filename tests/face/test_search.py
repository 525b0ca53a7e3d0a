"""The search looks coarse to fine, at known faces' scale where there are any, and everywhere now and then."""

import pytest

from pipeline.face.detector import Box, Detection
from pipeline.face.search import FaceSearch, find_faces
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


def test_known_faces_are_looked_for_at_their_own_scale_alone() -> None:
    backend = FakeBackend()
    one = search(backend)
    one.look(picture(), 0.0, [])
    backend.shapes.clear()
    one.look(picture(Box(100, 100, 120, 120)), 0.2, [120.0, 150.0])
    assert len(backend.shapes) == 1
    assert 1.0 <= 120 * backend.shapes[0][0] / 360 / backend.min_face_px <= 2.0


def test_known_faces_do_not_make_the_search_finer_than_its_finest_level() -> None:
    backend = FakeBackend()
    one = search(backend)
    one.look(picture(), 0.0, [])
    backend.shapes.clear()
    one.look(picture(), 0.2, [41.0])
    assert heights(backend) == [720]


def test_all_levels_are_looked_through_again_when_the_time_has_come() -> None:
    backend = FakeBackend()
    one = search(backend)
    one.look(picture(), 0.0, [])
    backend.shapes.clear()
    one.look(picture(Box(100, 100, 200, 200)), FULL_EVERY_S, [60.0])
    assert heights(backend) == [180]
