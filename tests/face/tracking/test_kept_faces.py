"""Of each half of a track its most frontal face is kept, of those that are whole, with its landmarks in the picture."""

import numpy as np
import pytest

from pipeline.core.base.arrays import Landmarks
from pipeline.face.measures.boxes import Box
from pipeline.face.measures.points import eye_centres
from pipeline.face.measures.pose import head_pose_deg
from pipeline.face.tracking.kept_faces import KeptFaces
from pipeline.video.decode import GreyFrame
from tests.face.faces import points_in

BOX = Box(200, 100, 120, 120)


def at(time_s: float, luma: np.ndarray | None = None, scale: float = 1.0) -> GreyFrame:
    return GreyFrame(0, time_s, np.zeros((360, 640), np.uint8) if luma is None else luma, scale)


def turned(points: Landmarks, share: float) -> Landmarks:
    """Return the points with the face narrowed towards one side, as if it were turned."""
    moved = points.copy()
    moved[27:36, 0] += share * 40
    return moved


def kept_times(turns: list[float], every_s: float = 0.4) -> list[float]:
    faces = KeptFaces()
    for number, share in enumerate(turns):
        faces.see(at(number * every_s), BOX, turned(points_in(BOX), share))
    return [round(face.time_s / every_s) for face in faces.kept()]


@pytest.mark.parametrize("n_seen", [2, 4, 9, 16, 40, 130])
def test_the_most_frontal_face_of_each_half_is_kept_however_long_the_track_is(n_seen: int) -> None:
    turns = [0.5] * n_seen
    turns[0] = turns[-1] = 0.1
    assert kept_times(turns) == [0, n_seen - 1]


def test_a_better_face_takes_the_place_of_another_of_its_half() -> None:
    assert kept_times([0.3, 0.2, 0.4, 0.4, 0.4, 0.3, 0.1, 0.4]) == [1, 6]


def test_of_a_face_seen_once_one_picture_is_kept_and_of_none_none() -> None:
    assert kept_times([0.3]) == [0]
    assert KeptFaces().kept() == []


@pytest.mark.parametrize(("left_px", "n_kept"), [(-24.0, 1), (-24.1, 0)])
def test_a_face_less_of_which_is_in_the_frame_than_the_limit_is_not_kept(left_px: float, n_kept: int) -> None:
    box = Box(left_px, 100, 120, 120)
    faces = KeptFaces()
    faces.see(at(0.0), box, points_in(box))
    assert len(faces.kept()) == n_kept


def test_a_face_out_of_the_frame_whose_box_is_in_it_is_not_kept() -> None:
    faces = KeptFaces()
    faces.see(at(0.0), BOX, points_in(Box(-900, 100, 120, 120)))
    assert faces.kept() == []


@pytest.mark.parametrize("side_px", [60.0, 120.0, 300.0])
def test_the_landmarks_lie_in_the_picture_where_they_lay_in_the_frame(side_px: float) -> None:
    box = Box(150, 40, side_px, side_px)
    points = points_in(box)
    luma = np.zeros((360, 640), np.uint8)
    eyes = eye_centres(points)
    for x, y in eyes:
        luma[round(float(y)) - 4 : round(float(y)) + 5, round(float(x)) - 4 : round(float(x)) + 5] = 250
    faces = KeptFaces()
    faces.see(at(0.0, luma, scale=2.0), box, points)
    (face,) = faces.kept()
    assert max(face.grey.shape) <= 224
    assert face.interocular_px == pytest.approx(2 * float(np.hypot(*(eyes[1] - eyes[0]))), rel=1e-5)
    assert face.turned_deg == pytest.approx(float(np.hypot(*head_pose_deg(points)[:2])))
    for x, y in eye_centres(face.points):
        assert face.grey[round(float(y)), round(float(x))] > 200
