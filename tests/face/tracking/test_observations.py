"""A track is stored as numbers: those of each observation, independent of the others, in little memory."""

import tracemalloc
from dataclasses import fields

import numpy as np
import pytest

from pipeline.core.records.frame import Frame
from pipeline.face.measures.boxes import Box
from pipeline.face.measures.measures import (
    asymmetry,
    changes_from_shut,
    eye_opening,
    lip_opening,
    lip_to_chin,
    mouth_height,
    mouth_width,
    nose_to_lip,
)
from pipeline.face.measures.points import eye_centres, interocular_px
from pipeline.face.measures.pose import head_pose_deg
from pipeline.face.tracking.observations import Observation, TrackObservations
from tests.face.faces import points_in

SCALE = 1.5


def observation(index: int) -> Observation:
    """A face that grows and turns from frame to frame, partly beyond the left edge."""
    box = Box(-10.0, 20.0, 80.0 + index % 50, 90.0)
    return Observation(
        frame_index=index,
        time_s=index / 25,
        width_px=640,
        height_px=360,
        scale=SCALE,
        box=box,
        points=points_in(box) + np.linspace(0, index % 7, 68, dtype=np.float32)[:, None],
        score=0.5 + index,
        detected=index % 10 == 0,
        sharpness=100.0 + index,
        brightness=90.0,
        mouth_change=0.25,
        eye_change=0.125,
        mouth_profile=mouth_profile(index),
    )


def mouth_profile(index: int) -> np.ndarray:
    """Grey skin with a dark gap that is wider in some frames than in others."""
    return np.where(np.abs(np.arange(29) - 14) <= index % 5, np.float32(40), np.float32(160))


def track(n: int, at_a_time: int = 1) -> TrackObservations:
    seen = TrackObservations(observation(0))
    for start in range(1, n, at_a_time):
        seen.add([observation(index) for index in range(start, min(start + at_a_time, n))])
    seen.end()
    return seen


def of_one(index: int) -> list[dict]:
    seen = TrackObservations(observation(index))
    seen.end()
    return list(seen.rows())


def test_an_observation_has_every_number_of_a_frame_and_in_its_type() -> None:
    (row,) = track(1).rows()
    assert {name: type(value) for name, value in row.items()} == {
        one.name: one.type for one in fields(Frame) if one.type is not str
    }


def test_numbers_are_those_of_the_observation_in_pixels_of_the_full_frame() -> None:
    *_, row = track(12).rows()
    seen, points = observation(11), observation(11).points
    left, right = eye_centres(points)
    pose = [float(angle) for angle in head_pose_deg(points)]
    assert (row["frame_index"], row["time_s"], row["detected"], row["score"]) == (11, 0.44, False, 11.5)
    assert (row["sharpness"], row["brightness"], row["mouth_change"], row["eye_change"]) == (111.0, 90.0, 0.25, 0.125)
    assert (row["box_x_px"], row["box_y_px"]) == (-15.0, 30.0)
    assert (row["box_w_px"], row["box_h_px"]) == (seen.box.w * SCALE, 135.0)
    assert [row["left_eye_x_px"], row["left_eye_y_px"]] == pytest.approx(left * SCALE)
    assert [row["right_eye_x_px"], row["right_eye_y_px"]] == pytest.approx(right * SCALE)
    assert row["interocular_px"] == pytest.approx(interocular_px(points) * SCALE)
    assert [row["yaw_deg"], row["pitch_deg"], row["roll_deg"]] == pytest.approx(pose)
    for measure in (asymmetry, lip_opening, mouth_height, mouth_width, nose_to_lip, lip_to_chin, eye_opening):
        assert row[measure.__name__] == pytest.approx(float(measure(points)))
    assert row["inside_share"] == pytest.approx(1 - 10 / seen.box.w)


def test_a_long_track_has_the_rows_of_its_observations_however_they_came() -> None:
    alone = [row for index in range(700) for row in of_one(index)]
    for at_a_time in (1, 10, 700):
        rows = list(track(700, at_a_time).rows())
        assert [row["frame_index"] for row in rows] == list(range(700))
        for name in rows[0].keys() - {"mouth_from_shut"}:  # which depends on the whole track
            np.testing.assert_allclose([row[name] for row in rows], [row[name] for row in alone], atol=1e-4)


def test_a_mouth_is_compared_with_the_shut_mouth_of_the_whole_track_once_that_has_ended() -> None:
    rows = list(track(700, 10).rows())
    heights = np.array([row["mouth_height"] for row in rows])
    profiles = np.stack([mouth_profile(index) for index in range(700)]).astype(np.uint8)
    found = [row["mouth_from_shut"] for row in rows]
    assert found == pytest.approx(changes_from_shut(profiles, heights))
    assert max(found) > 0.4


@pytest.mark.parametrize("lengths", [[6000], [100] * 60])
def test_an_observation_is_kept_in_some_250_bytes_in_long_tracks_and_in_short_ones(lengths: list[int]) -> None:
    track(600)
    tracemalloc.start()
    try:
        kept = [track(length, 10) for length in lengths]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == len(lengths)
    assert taken / sum(lengths) < 275
