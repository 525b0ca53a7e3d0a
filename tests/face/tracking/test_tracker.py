"""A track is one face in one shot: it continues through what the detector misses, and never through a cut."""

from typing import Any

from pipeline.core.base.arrays import ImageGrey, Landmarks
from pipeline.face.backends.interface import Detection, FrameReference
from pipeline.face.measures.boxes import Box
from pipeline.face.tracking.tracker import Tracker
from pipeline.video.decode import GreyFrame
from tests.face.faces import FakeBackend, picture, points_in

LEFT, RIGHT = Box(100, 100, 120, 120), Box(400, 100, 120, 120)


def tracker(max_gap_s: float = 0.5) -> Tracker:
    return Tracker(FakeBackend(), min_iou=0.3, max_gap_s=max_gap_s, look_back_s=0.12)


def at(index: int) -> GreyFrame:
    return GreyFrame(index=index, time_s=index / 25, luma=picture(), scale=1.0)


def found(*boxes: Box, score: float = 1.0) -> list[Detection]:
    return [Detection(box, score) for box in boxes]


def watch(one: Tracker, searched: dict[int, list[Detection]], n_frames: int) -> None:
    """Pass frames 0 to ``n_frames`` - 1; ``searched``: in which the detector runs, and what it finds."""
    for index in range(n_frames):
        one.follow(at(index))
        if index in searched:
            one.update(at(index), searched[index])


def tracks(one: Tracker) -> list[list[dict[str, Any]]]:
    return [list(track.rows()) for track in one.finished()]


def indices(one: Tracker) -> list[list[int]]:
    return [[observation["frame_index"] for observation in track] for track in tracks(one)]


def test_a_face_is_followed_between_detections() -> None:
    one = tracker()
    watch(one, {0: found(LEFT), 5: found(LEFT), 10: found(LEFT)}, 11)
    one.end_all()
    (track,) = tracks(one)
    assert [observation["frame_index"] for observation in track] == list(range(11))
    assert [observation["frame_index"] for observation in track if observation["detected"]] == [0, 5, 10]


def test_faces_are_kept_of_frames_in_which_they_were_detected() -> None:
    one = tracker()
    watch(one, {0: found(LEFT), 5: found(LEFT), 10: found(LEFT)}, 14)
    one.end_all()
    (track,) = one.finished()
    assert [face.time_s for face in track.faces.kept()] == [0.0, 0.4]


def test_a_track_survives_a_missed_detection_within_the_gap() -> None:
    one = tracker(max_gap_s=0.5)
    watch(one, {0: found(LEFT), 5: [], 10: found(LEFT)}, 11)
    one.end_all()
    assert indices(one) == [list(range(11))]


def test_a_face_seen_again_after_the_gap_begins_another_track() -> None:
    one = tracker(max_gap_s=0.5)
    watch(one, {0: found(LEFT), 5: [], 10: [], 15: found(LEFT)}, 16)
    one.end_all()
    assert indices(one) == [[0], [15]]


def test_a_gap_of_exactly_the_longest_is_survived() -> None:
    one = tracker(max_gap_s=0.4)
    watch(one, {0: found(LEFT), 5: [], 10: found(LEFT)}, 11)
    one.end_all()
    assert indices(one) == [list(range(11))]


def test_what_was_followed_after_the_face_was_gone_is_dropped() -> None:
    """The detector last finds the face in frame 5, and no more from frame 10 on."""
    one = tracker(max_gap_s=0.5)
    watch(one, {0: found(LEFT), 5: found(LEFT), 10: [], 15: [], 20: []}, 25)
    one.end_all()
    assert indices(one) == [list(range(6))]


def test_what_was_followed_up_to_the_clips_end_is_kept() -> None:
    one = tracker()
    watch(one, {0: found(LEFT), 5: found(LEFT)}, 9)
    one.end_all()
    assert indices(one) == [list(range(9))]


def test_a_cut_ends_every_track_where_it_is() -> None:
    one = tracker()
    watch(one, {0: found(LEFT, RIGHT)}, 3)
    one.end_all()
    one.update(at(3), found(LEFT))
    one.end_all()
    assert indices(one) == [[0, 1, 2], [0, 1, 2], [3]]


def test_two_faces_stay_two_tracks_however_they_are_ordered() -> None:
    one = tracker()
    watch(one, {0: found(LEFT, RIGHT), 5: found(RIGHT, LEFT), 10: found(RIGHT) + found(LEFT, score=2.0)}, 12)
    one.end_all()
    left, right = tracks(one)
    assert {round(observation["box_x_px"] / 100) for observation in left} == {1}
    assert {round(observation["box_x_px"] / 100) for observation in right} == {4}
    assert len(left) == len(right) == 12


def test_a_track_goes_with_the_face_that_moves() -> None:
    steps = {5 * n: found(Box(100 + 20 * n, 100, 120, 120)) for n in range(10)}
    one = tracker()
    watch(one, steps, 46)
    one.end_all()
    assert indices(one) == [list(range(46))]


def test_a_second_detection_on_a_face_that_is_tracked_begins_no_track() -> None:
    one = tracker()
    one.update(at(0), found(LEFT))
    one.update(at(1), found(LEFT, score=2.0) + found(Box(110, 110, 120, 120), score=0.1))
    one.end_all()
    assert indices(one) == [[0, 1]]


def test_two_detections_of_one_new_face_begin_one_track() -> None:
    one = tracker()
    one.update(at(0), found(LEFT, score=2.0) + found(Box(105, 105, 120, 120), score=0.1))
    one.end_all()
    assert indices(one) == [[0]]


def test_a_face_that_leaves_the_frame_is_ended() -> None:
    class Drifting(FakeBackend):
        def landmarks(self, grey: ImageGrey, box: Box, frame: FrameReference | None = None) -> Landmarks:
            return points_in(Box(box.x - 60, box.y, box.w, box.h))

    one = Tracker(Drifting(), min_iou=0.3, max_gap_s=10, look_back_s=0.12)
    watch(one, {0: found(LEFT)}, 10)
    assert one.boxes() == []


def test_the_boxes_are_those_of_the_faces_followed() -> None:
    one = tracker()
    one.update(at(0), found(LEFT, Box(400, 100, 60, 60)))
    assert sorted(round(box.h) for box in one.boxes()) == [60, 120]


def test_landmarks_that_drift_from_where_the_detector_finds_the_face_are_fitted_anew() -> None:
    moved = Box(LEFT.x + 50, LEFT.y, LEFT.w, LEFT.h)  # overlaps by 0.41: the same face, no longer the same place
    one = tracker()
    watch(one, {0: found(LEFT), 2: found(moved)}, 3)
    one.end_all()
    ((_, followed, mended),) = tracks(one)
    assert (round(followed["box_x_px"]), round(mended["box_x_px"])) == (100, 150)


def test_a_followed_face_that_the_detector_confirms_keeps_its_landmarks() -> None:
    near = Box(LEFT.x + 20, LEFT.y, LEFT.w, LEFT.h)  # a step of the detector's
    one = tracker()
    watch(one, {0: found(LEFT), 2: found(near, score=3.0)}, 3)
    one.end_all()
    ((_, _, last),) = tracks(one)
    assert (round(last["box_x_px"]), last["detected"], last["score"]) == (100, True, 3.0)


def test_tracks_are_numbered_by_first_appearance_then_from_left_to_right() -> None:
    one = tracker()
    one.update(at(0), found(RIGHT))
    one.update(at(1), found(LEFT, RIGHT, Box(250, 100, 100, 100)))
    one.end_all()
    firsts = [track.first for track in one.finished()]
    assert [(first.frame_index, round(first.box.x / 50)) for first in firsts] == [(0, 8), (1, 2), (1, 5)]


class SometimesBlind(FakeBackend):
    """Its landmark model finds no face in the given frames."""

    def __init__(self, blind: set[int]) -> None:
        self.blind = blind
        self.frame_index = 0

    def landmarks(self, grey: ImageGrey, box: Box, frame: FrameReference | None = None) -> Landmarks | None:
        return None if self.frame_index in self.blind else super().landmarks(grey, box)


def watch_blind(blind: set[int], searched: set[int], n_frames: int) -> list[list[int]]:
    backend = SometimesBlind(blind)
    one = Tracker(backend, min_iou=0.3, max_gap_s=0.5, look_back_s=0.12)
    for index in range(n_frames):
        backend.frame_index = index
        one.follow(at(index))
        if index in searched:
            one.update(at(index), found(LEFT))
    one.end_all()
    return indices(one)


def test_a_frame_in_which_the_landmark_model_finds_no_face_is_a_gap_in_the_track() -> None:
    assert watch_blind({3}, {0, 5}, 6) == [[0, 1, 2, 4, 5]]


def test_a_detection_in_which_the_landmark_model_finds_no_face_is_none() -> None:
    assert watch_blind({0, 1, 2}, {0, 3}, 4) == [[3]]


def test_what_follows_a_frame_without_landmarks_counts_only_when_the_detector_confirms_it() -> None:
    assert watch_blind({3}, {0}, 6) == [[0]]
