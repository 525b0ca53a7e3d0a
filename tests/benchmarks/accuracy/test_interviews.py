"""What the benchmark of interviews counts is exact on truth made by hand, and it runs on a short interview."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy.interviews import __main__ as command
from benchmarks.accuracy.interviews import axes
from benchmarks.accuracy.interviews.__main__ import Measured, report, report_pairs, subject_people
from benchmarks.accuracy.interviews.axes import axes_of
from benchmarks.accuracy.interviews.links import true_embeddings
from benchmarks.accuracy.interviews.pairs import JudgedPair, is_voice_of
from benchmarks.accuracy.interviews.seconds import ANOTHER, LISTENING, RIGHT, SILENT, UNSEEN, seconds_of, speakers
from benchmarks.accuracy.interviews.truth import NOBODY, Interview, interview_of, people_of_tracks
from benchmarks.accuracy.pairs import MAX_OTHER_S
from benchmarks.accuracy.turns import Links
from benchmarks.face_truth import LIPS_SLACK, SHUT_LIPS, STILL_LIPS, lips_error
from pipeline.core.records.truth import TruthFace, TruthShot, TruthVoice
from pipeline.interview.plan import InterviewSpec
from pipeline.interview.truth import InterviewTruth
from tests.benchmarks.accuracy.test_accuracy import frame_of, truth
from tests.benchmarks.accuracy.test_montages import turn

FPS = 25


def shot(number: int, kind: str, first: int, end: int) -> TruthShot:
    return TruthShot(
        shot_id=f"{number:04d}",
        kind=kind,
        start_s=first / FPS,
        end_s=end / FPS,
        first_frame=first,
        n_frames=end - first,
        n_faces=1,
    )


def face(shot_number: int, person: int, speaking_s: float) -> TruthFace:
    return TruthFace(
        face_id=f"{shot_number:04d}-{person:02d}",
        shot_id=f"{shot_number:04d}",
        person=person,
        is_talker=True,
        place="room",
        lips="own",
        left_px=0.0,
        top_px=0.0,
        right_px=9.0,
        bottom_px=9.0,
        interocular_px=50.0,
        speaking_s=speaking_s,
    )


def voice(number: int, person: int, start_s: float, end_s: float) -> TruthVoice:
    return TruthVoice(
        voice_id=f"{number:05d}",
        person=person,
        is_talker=True,
        turn=number,
        start_s=start_s,
        end_s=end_s,
        overlap_s=0.0,
        in_step_s=0.0,
    )


def an_interview() -> Interview:
    """Four seconds: person 0 is seen and speaks for one, then is seen while 2 does; then 1 is seen while 0 speaks."""
    frames = [replace(truth(n, person=0), speaking=n < 25) for n in range(50)]
    frames += [truth(n, person=1) for n in range(50, 100)]
    return interview_of(
        "made",
        InterviewTruth(
            frames=tuple(frames),
            shots=(shot(0, "single", 0, 50), shot(1, "reaction", 50, 100)),
            faces=(face(0, 0, 1.0), face(1, 1, 0.0)),
            voices=(voice(0, 0, 0.0, 1.0), voice(1, 2, 1.0, 2.0), voice(2, 0, 2.0, 4.0)),
            sounds=(),
        ),
    )


def test_truth_says_of_every_frame_who_is_seen_speaks_and_is_heard() -> None:
    of = an_interview()
    assert of.seen.sum(axis=1).tolist() == [50, 50, 0]
    assert of.speaking.sum(axis=1).tolist() == [25, 0, 0]
    assert of.heard.sum(axis=1).tolist() == [75, 0, 25]
    assert np.flatnonzero(of.silent[1]).tolist() == [*range(50, 100)] and not of.silent[0].any()
    assert (of.kinds[49], of.kinds[50]) == ("single", "reaction")


def test_seconds_are_those_of_who_speaks_and_of_who_has_a_turn() -> None:
    of = an_interview()
    turns = [turn("s00", 0.0, 0.6), turn("s09", 0.6, 0.8), turn("s00", 1.0, 1.2), turn("s01", 2.0, 2.4)]
    given = speakers(turns, {"s00": 0, "s01": 1}, of)
    found = seconds_of(given, of).of
    assert found[RIGHT, ""].tolist() == pytest.approx([0.6, 1.0])
    assert found[ANOTHER, ""].tolist() == pytest.approx([0.2, 1.0])
    assert found[SILENT, "reaction"].tolist() == pytest.approx([0.4, 2.0])
    assert found[LISTENING, ""].tolist() == pytest.approx([0.6, 3.0])
    assert found[UNSEEN, "single"].tolist() == pytest.approx([0.8, 1.0])
    assert found[UNSEEN, "reaction"].tolist() == pytest.approx([1.6, 2.0])
    told = report([Measured(seconds_of(given, of), Links(right=3, wrong=1, missed=2))])
    assert f"{RIGHT} in 60.0 % (60.0 to 60.0) of 1 s" in told
    assert "precision 75.0 % (75.0 to 75.0) of 4, recall 60.0 % (60.0 to 60.0) of 5" in told


def test_a_track_shows_who_is_near_in_each_of_its_frames() -> None:
    of = an_interview()
    frames = [frame_of(truth(n, person=0), 0) for n in (0, 1)] + [frame_of(truth(2, person=0), 0, off_px=80.0)]
    frames = [replace(frame, frame_index=n) for n, frame in enumerate(frames)]
    (people,) = people_of_tracks(frames, of).values()
    assert people == {0: 2, NOBODY: 1}


def test_true_embeddings_are_of_whom_a_track_shows_most() -> None:
    found = true_embeddings("m/a", {"t0": {0: 9}, "t1": {1: 8, NOBODY: 7}, "t2": {0: 5, 1: 4}, "t3": {NOBODY: 3}})
    assert [one.track_id for one in found] == ["t0", "t1", "t2"]
    assert [one.embedding.tolist() for one in found] == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]


def test_a_subject_is_whom_its_tracks_show_most() -> None:
    people = {"t0": {0: 5}, "t1": {1: 4}, "t2": {1: 3}, "t3": {NOBODY: 9}}
    subjects = {"t0": "s00", "t1": "s00", "t2": "s00", "t3": "s01"}
    assert subject_people(people, subjects) == {"s00": 1}


def test_a_segment_is_of_a_person_up_to_so_much_of_other_voices() -> None:
    of = an_interview()
    assert is_voice_of(0, [(0.0, 1.0 + MAX_OTHER_S - 0.03)], of)
    assert not is_voice_of(0, [(0.0, 1.0 + MAX_OTHER_S + 0.03)], of)
    assert is_voice_of(0, [(0.2, 0.9), (2.0, 2.5)], of)
    assert not is_voice_of(2, [(0.0, 1.0)], of) and not is_voice_of(None, [(0.0, 1.0)], of)


def test_lips_are_wrong_beyond_their_limits() -> None:
    row = replace(truth(0), lip_opening=SHUT_LIPS)
    assert lips_error(row, [SHUT_LIPS, SHUT_LIPS + LIPS_SLACK], LIPS_SLACK) == ""
    assert lips_error(replace(row, lip_opening=SHUT_LIPS + 1e-6), [SHUT_LIPS], LIPS_SLACK) == "lips open"
    assert lips_error(row, [SHUT_LIPS + LIPS_SLACK + 1e-6], LIPS_SLACK) == "lips open"
    assert lips_error(row, [0.0, STILL_LIPS + LIPS_SLACK + 1e-6], LIPS_SLACK) == "lips moving"


def test_pairs_are_told_with_what_is_wrong_and_how_many_an_hour() -> None:
    judged = [JudgedPair(interview="a", errors=()), JudgedPair(interview="a", errors=("voice", "lips"))]
    told = report_pairs(judged, ["a", "b"], 60.0)
    assert "1 of 2 right, 50.0 % (50.0 to 50.0)" in told
    assert "person 0, voice 1, lips 1, split 0" in told
    assert told.endswith("30 right pairs for an hour")


def test_axes_learnt_on_other_people_tell_people_apart() -> None:
    """Faces differ most by light, which is the same for all people, and along some axes by person."""
    rng = np.random.default_rng(0)

    def faces(n_people: int) -> tuple[np.ndarray, np.ndarray]:
        people = np.repeat(np.arange(n_people), 3)
        found = np.concatenate([rng.normal(size=(n_people, 24)), np.zeros((n_people, 40))], axis=1)[people]
        found[:, -1] = rng.uniform(5, 20, len(people))
        found += 0.1 * rng.normal(size=found.shape)
        return found / np.linalg.norm(found, axis=1, keepdims=True), people

    others, people = faces(10)
    moved = axes_of(faces(60), 16)(others)
    assert moved.shape == (30, 16) and np.linalg.norm(moved, axis=1) == pytest.approx(np.ones(30))
    is_same = people[:, None] == people
    for embeddings, is_apart in ((others, False), (moved, True)):
        alike = embeddings @ embeddings.T
        assert (alike[is_same].min() > alike[~is_same].max()) == is_apart


def test_what_axes_are_learnt_on_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, made = np.random.default_rng(0), []

    def known(network: str) -> tuple[np.ndarray, np.ndarray]:
        made.append(network)
        return rng.normal(size=(60, 20)), np.repeat(np.arange(20), 3)

    monkeypatch.setattr(axes, "known_faces", known)
    embeddings = rng.normal(size=(2, 20))
    first, again = (axes.face_axes("net", tmp_path)(embeddings) for _ in range(2))
    assert made == ["net"] and first.tolist() == again.tolist()


@pytest.mark.slow
def test_the_command_measures_a_short_interview(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(*, seed: int, duration_s: float) -> InterviewSpec:
        return InterviewSpec(seed=seed, duration_s=duration_s, width_px=320, height_px=180)

    monkeypatch.setattr(command, "InterviewSpec", small)
    options = ["--n", "1", "--seconds", "3", "--seed", "101", "--linked", "truth", "--limits", "real"]
    monkeypatch.setattr(sys, "argv", ["interviews", *options, "--last", "subjects", "--at", str(tmp_path)])
    command.main()
    told = capsys.readouterr().out
    assert "linked by the truth: 1 interviews of 3 s" in told
    assert "pairs of tracks: precision" in told and RIGHT in told
    video = next((tmp_path / "interviews").glob("*.mp4"))
    made_ns = video.stat().st_mtime_ns
    command.main()
    assert video.stat().st_mtime_ns == made_ns
