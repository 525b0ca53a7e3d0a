"""The accuracy benchmarks: figures of truth made by hand are exact; those of one generated talker are bounded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import __main__ as accuracy
from benchmarks.accuracy import figures, persons, real_persons, sound, voice
from benchmarks.accuracy.__main__ import ObservedTruth, detection_figures, pose_figures, track_figures
from benchmarks.accuracy.figures import Figure, list_wide
from pipeline.core.base.layout import Layout
from pipeline.core.records.frame import Frame
from pipeline.core.records.truth import TruthFrame
from tests.face.faces import PERFECT_FRAME
from tests.real_files import needs_weights

SEED = 31415


def values(found: list[Figure]) -> dict[str, float]:
    return {figure.name: figure.value for figure in found}


def truth(number: int, person: int = 0, yaw_deg: float = 0.0) -> TruthFrame:
    """What is true of the person in a frame: 100 px from eye to eye, 300 px right of the person before."""
    left_x = 100.0 + 300 * person
    return TruthFrame(
        truth_id=f"{number:06d}-{person}",
        person=person,
        frame=number,
        time_s=number / 25,
        left_eye_x_px=left_x,
        left_eye_y_px=100.0,
        right_eye_x_px=left_x + 100,
        right_eye_y_px=100.0,
        mouth_left_x_px=left_x + 10,
        mouth_left_y_px=200.0,
        mouth_right_x_px=left_x + 90,
        mouth_right_y_px=200.0,
        lip_opening=0.0,
        eye_opening=1.0,
        yaw_deg=yaw_deg,
        pitch_deg=0.0,
        roll_deg=0.0,
        visible=True,
        speaking=False,
    )


def frame_of(row: TruthFrame, track: int, off_px: float = 0.0, yaw_off_deg: float = 0.0) -> Frame:
    """An observation of a person that is so far off."""
    return replace(
        PERFECT_FRAME,
        frame_id=f"{row.truth_id}-{track}-{off_px}",
        track_id=f"accuracy/clip-t{track:02d}",
        time_s=row.time_s,
        left_eye_x_px=row.left_eye_x_px + off_px,
        left_eye_y_px=row.left_eye_y_px,
        right_eye_x_px=row.right_eye_x_px + off_px,
        right_eye_y_px=row.right_eye_y_px,
        yaw_deg=row.yaw_deg + yaw_off_deg,
        pitch_deg=1.0,
    )


def observed(rows: list[TruthFrame], frames: list[Frame]) -> ObservedTruth:
    by_person = {row.person: [one for one in rows if one.person == row.person] for row in rows}
    clip = ObservedTruth("accuracy/clip", by_person)
    for frame in frames:
        accuracy._match(clip, frame)
    return clip


def test_an_observation_belongs_to_the_nearest_person_within_half_an_interocular_distance() -> None:
    rows = [truth(0), truth(0, person=1)]
    frames = [frame_of(rows[0], 0, off_px=50.0), frame_of(rows[1], 1, off_px=-50.0), frame_of(rows[0], 2, off_px=51.0)]
    assert list(observed(rows, frames).person_of.values()) == [0, 1, None]


def test_an_observation_of_another_time_or_of_a_hidden_face_belongs_to_nobody() -> None:
    row = truth(0)
    late = frame_of(replace(row, time_s=0.0021), 0)
    assert observed([row], [late]).person_of == {late.frame_id: None}
    hidden = frame_of(row, 0)
    assert observed([replace(row, visible=False)], [hidden]).person_of == {hidden.frame_id: None}


def test_recall_is_of_frontal_faces_and_what_matches_nobody_is_counted() -> None:
    rows = [truth(0), truth(1), truth(2), truth(3), truth(4, yaw_deg=accuracy.FRONTAL_DEG + 0.1)]
    clip = observed(rows, [frame_of(row, 0) for row in rows[:3]] + [frame_of(rows[0], 1, off_px=90.0)])
    assert list(values(detection_figures([clip])).values()) == [75.0, 0, 25.0]


def test_what_is_observed_without_a_face_is_false() -> None:
    empty = replace(observed([], [frame_of(truth(0), 0)]), clip_id="accuracy/no_face_person-000")
    seen = observed([truth(0)], [frame_of(truth(0), 0)])
    assert values(detection_figures([seen, empty]))["false observations in clips without a face"] == 1


def test_errors_of_a_pose_are_medians_of_absolute_values() -> None:
    rows = [truth(number) for number in range(3)]
    frames = [frame_of(row, 0, yaw_off_deg=off) for row, off in zip(rows, (-5.0, 2.0, 1.0), strict=True)]
    assert list(values(pose_figures([observed(rows, frames)])).values()) == [2.0, 1.0]


def test_a_track_of_two_persons_is_mixed_and_a_persons_second_track_is_a_loss() -> None:
    rows = [truth(number, person) for person in (0, 1) for number in range(4)]
    tracks = [0, 0, 0, 1, 1, 1, 1, 1]
    clip = observed(rows, [frame_of(row, track) for row, track in zip(rows, tracks, strict=True)])
    assert list(values(track_figures([clip])).values()) == [1, 100 * 7 / 8]


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a benchmark of clips of 3.2 s and a single recording, with a store of its own."""
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv("FACEVOX_WORKERS", "1")
    monkeypatch.setattr(figures, "DURATION_S", 3.2)
    monkeypatch.setattr(voice, "DURATION_S", 3.2)
    monkeypatch.setattr(sound, "RECORDINGS", sound.RECORDINGS[:1])
    return tmp_path


@pytest.mark.slow
def test_one_generated_talker_is_found_followed_and_measured(short: Path) -> None:
    at = Layout(short)
    list_wide(at, accuracy.DATASET, 1, SEED, (320, 240), edge_cases=False)
    found = values(accuracy.measure(at))
    assert found["frontal faces, recall of observations"] == 100
    assert found["observations that match no person"] == 0
    assert found["tracks that mix two persons"] == 0
    assert found["a person's observations that are in one track"] == 100
    assert 0 < found["eye centres in crops, median error"] < 5
    assert 0 < found["yaw, median absolute error"] < 6
    assert 0 < found["pitch, median absolute error"] < 6
    assert 0 < found["VAD error in frames of 10 ms, silero"] < 10
    assert found["click-flash offset, largest of 1 files, 1 containers"] < 20


@pytest.mark.slow
def test_a_talkers_own_voice_is_kept_and_another_one_is_filtered(short: Path) -> None:
    assert values(voice.measure_voice(short / "voice", 1, SEED)) == {
        "clips of talkers, kept": 100,
        "clips of a voice over a silent face, filtered": 100,
        "clips of a voice under a wrong face, filtered": 100,
    }


@pytest.mark.slow
@needs_weights
def test_planted_leaks_are_found_among_generated_persons(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEVOX_REAL_CLIPS", raising=False)
    found = values(persons.measure_persons(short / "persons", 2, SEED))
    assert found["planted leaks that the audit finds"] == 100


def test_without_weights_there_are_no_figures_of_persons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(persons, "NETWORK", "vggface")
    monkeypatch.setenv("FACEVOX_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path))
    monkeypatch.delenv("FACEVOX_REAL_CLIPS", raising=False)
    assert persons.measure_persons(tmp_path, 1, SEED) == []
    assert capsys.readouterr().out.startswith("unavailable  persons: weights 'vggface'")


def test_the_best_limit_is_the_middle_one_of_those_that_are_equally_good() -> None:
    angles = np.deg2rad([0, 40, 100])  # the first two are 0.766 alike, the last two 0.5
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = real_persons.best_limit(vectors, np.array(["a", "a", "b"]))
    groups_mean = (np.cos(np.deg2rad(60)) + np.cos(np.deg2rad(100))) / 2  # below the lowest limit that is tried
    assert groups_mean < 0.2
    assert found == pytest.approx(0.2 + 0.5 * (0.765 - 0.2), abs=0.002)


def test_pairs_are_counted_with_the_chosen_clips_alone() -> None:
    groups, people = np.array([0, 0, 0, 3]), np.array(["a", "a", "b", "b"])
    assert real_persons.count_pairs(groups, people, np.array([True, True, False, False])) == (1, 3, 1)
    assert real_persons.count_pairs(groups, people, np.array([False, False, False, True])) == (0, 0, 1)
