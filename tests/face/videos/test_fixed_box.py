"""A face's video lasts while its box overlaps the first one; its fixed box is the union, square, and a margin."""

from dataclasses import replace

import pytest

from pipeline.core.records.frame import Frame
from pipeline.face.measures.boxes import Box
from pipeline.face.videos.fixed_box import BoxedFace, Square, boxed_faces, square_around
from pipeline.face.videos.settings import FaceVideoParams
from tests.face.faces import PERFECT_FRAME

PARAMS = FaceVideoParams(
    size_px=64, fps=25, crf=18, margin=0.1, min_box_px=100, min_iou=0.25, max_gap_s=0.2, min_frames=2, max_frames=1024
)


def moving(step_px: float, n: int = 50, *, start_s: float = 0.0, track: str = "set/clip-t00") -> list[Frame]:
    """Boxes of 120 px that move right, 25 a second."""
    return [
        replace(PERFECT_FRAME, track_id=track, time_s=start_s + k / 25, box_x_px=100.0 + k * step_px) for k in range(n)
    ]


def ranges(frames: list[Frame], cuts_s: tuple[float, ...] = (0.0,), **params: float) -> list[tuple[float, float]]:
    found = boxed_faces(frames, cuts_s, PARAMS.model_copy(update=params))
    return [(round(one.start_s, 6), round(one.end_s, 6)) for one in found]


def test_the_box_is_the_union_of_all_boxes() -> None:
    (face,) = boxed_faces(moving(1.0), (0.0,), PARAMS)
    assert face == BoxedFace(0.0, 49 / 25, 50, ("set/clip-t00",), Box(100, 100, 169, 120))
    assert face.n_pictures(25) == 50
    assert square_around(face.union, 0.1) == Square(83, 58, 203)  # 1.2 x 169, around the union's centre


@pytest.mark.parametrize(("moved_px", "n_videos"), [(72, 1), (73, 2)])  # 48 of 192, and 47 of 193
def test_another_video_begins_where_the_box_overlaps_the_first_by_less_than_a_quarter(
    moved_px: int, n_videos: int
) -> None:
    frames = [*moving(0.0, 10), replace(PERFECT_FRAME, time_s=0.4, box_x_px=100.0 + moved_px)]
    assert len(ranges(frames)) == n_videos


def test_tracks_are_joined_over_a_short_gap_within_a_shot() -> None:
    frames = [*moving(0.0, 10), *moving(0.0, 10, start_s=0.56, track="set/clip-t01")]
    (face,) = boxed_faces(frames, (0.0,), PARAMS)
    assert face.track_ids == ("set/clip-t00", "set/clip-t01")
    assert ranges(frames, max_gap_s=0.19) == [(0.0, 0.36), (0.56, 0.92)]


def test_a_cut_ends_a_video_also_where_the_next_shot_has_the_face_in_the_same_place() -> None:
    assert ranges(moving(0.0, 20), (0.0, 0.4)) == [(0.0, 0.36), (0.4, 0.76)]


def test_a_long_face_is_in_several_videos_of_max_frames() -> None:
    assert ranges(moving(0.0, 50), max_frames=20) == [(0.0, 0.76), (0.8, 1.56), (1.6, 1.96)]


@pytest.mark.parametrize(
    ("square", "is_inside"),
    [(Square(0, 0, 90), True), (Square(10, 0, 90), True), (Square(11, 0, 90), False), (Square(0, 0, 91), False)]
    + [(Square(-1, 0, 90), False), (Square(0, -1, 90), False), (Square(0, 1, 90), False)],
)
def test_a_square_is_inside_up_to_the_picture_s_last_pixel(square: Square, is_inside: bool) -> None:
    assert square.is_inside(100, 90) is is_inside
