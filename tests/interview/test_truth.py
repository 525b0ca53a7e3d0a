"""The truth of an interview says who is seen, who is heard, and whose lips move with their own voice."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.records.truth import TruthFrame, TruthVoice
from pipeline.core.storage.manifest import read_manifest
from pipeline.interview.plan import Box, Interview, InterviewSpec, Panel, Seen, Shot, Turn
from pipeline.interview.takes import speeches_of, takes_of
from pipeline.interview.truth import InterviewTruth, truth_of, write_truth
from pipeline.interview.write import truth_of_interview

SPEC = InterviewSpec(seed=2, duration_s=60.0, width_px=320, height_px=180)
SEEDS = (2, 5)
NEVER_SPEAKING = ("reaction", "dubbing", "b_roll", "off_screen")


@cache
def _truth(seed: int) -> InterviewTruth:
    return truth_of_interview(InterviewSpec(seed=seed, duration_s=60.0, width_px=320, height_px=180))


def _bytes(spec: InterviewSpec, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    write_truth(truth_of_interview(spec), folder / "a.mp4")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_same_seed_gives_the_same_bytes_of_truth_and_another_seed_others(tmp_path: Path) -> None:
    spec = InterviewSpec(seed=2, duration_s=20.0)
    first = _bytes(spec, tmp_path / "first")
    assert list(first) == [f"a.{name}.parquet" for name in ("faces", "frames", "shots", "sounds", "voices")]
    assert _bytes(spec, tmp_path / "second") == first
    assert (
        _bytes(InterviewSpec(seed=3, duration_s=20.0), tmp_path / "other")["a.frames.parquet"]
        != first["a.frames.parquet"]
    )
    assert tuple(read_manifest(tmp_path / "first" / "a.frames.parquet", TruthFrame)) == truth_of_interview(spec).frames


@pytest.mark.parametrize("seed", SEEDS)
def test_every_face_of_a_shot_has_a_row_in_each_of_its_frames_and_in_no_other(seed: int) -> None:
    truth = _truth(seed)
    people = {
        shot.shot_id: {face.person for face in truth.faces if face.shot_id == shot.shot_id} for shot in truth.shots
    }
    expected = {
        (person, frame)
        for shot in truth.shots
        for person in people[shot.shot_id]
        for frame in range(shot.first_frame, shot.first_frame + shot.n_frames)
    }
    assert {(row.person, row.frame) for row in truth.frames} == expected
    assert len(truth.frames) == len(expected) and all(row.visible for row in truth.frames)
    assert [len(people[shot.shot_id]) for shot in truth.shots] == [shot.n_faces for shot in truth.shots]


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_speaks_in_a_reaction_in_dubbing_in_b_roll_and_with_an_off_screen_voice(seed: int) -> None:
    truth = _truth(seed)
    spans = [(s.first_frame, s.first_frame + s.n_frames) for s in truth.shots if s.kind in NEVER_SPEAKING]
    frames = [row for row in truth.frames if any(first <= row.frame < end for first, end in spans)]
    assert frames and not any(row.speaking for row in frames)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_face_speaks_exactly_when_its_own_voice_sounds_and_its_lips_follow_it(seed: int) -> None:
    truth = _truth(seed)
    own = {(face.shot_id, face.person) for face in truth.faces if face.lips == "own"}
    shot_of = {
        frame: shot.shot_id
        for shot in truth.shots
        for frame in range(shot.first_frame, shot.first_frame + shot.n_frames)
    }
    for row in truth.frames:
        sounds = any(v.person == row.person and v.start_s <= row.time_s < v.end_s for v in truth.voices)
        assert row.speaking == (sounds and (shot_of[row.frame], row.person) in own)


@pytest.mark.parametrize("seed", SEEDS)
def test_eyes_and_mouth_of_every_face_lie_in_the_picture(seed: int) -> None:
    for face in _truth(seed).faces:
        assert 0 < face.left_px < face.right_px < 320 and 0 < face.top_px < face.bottom_px < 180


def _panel(person: int, lips: str = "own") -> Panel:
    seen = Seen(person=person, x_share=0.5, eyes_px=20.0, look_deg=0.0, lips=lips)  # type: ignore[arg-type]
    whole = Box(left_px=0, top_px=0, width_px=320, height_px=180)
    return Panel(box=whole, back="room", place="here", seen=(seen,))


def _written_by_hand(turns: tuple[Turn, ...], shots: tuple[Shot, ...]) -> InterviewTruth:
    interview = Interview(spec=SPEC, n_talkers=2, shots=shots, turns=turns, backings=())
    speeches = speeches_of(interview)
    return truth_of(interview, speeches, takes_of(interview, speeches))


def _spoken(voice: int, start_s: float, end_s: float) -> Turn:
    return Turn(voice=voice, start_s=start_s, end_s=end_s)


def _sum(rows: tuple[TruthVoice, ...], person: int, column: str) -> float:
    return float(sum(getattr(row, column) for row in rows if row.person == person))


def test_voices_state_overlap_and_the_time_in_step_with_their_own_seen_lips() -> None:
    """Talker 0 speaks from 1 to 2 s and is seen until 1.6 s; an unseen voice joins at 1.5 s."""
    truth = _written_by_hand(
        (_spoken(0, 1.0, 2.0), _spoken(2, 1.5, 2.5)),
        (
            Shot(kind="single", first=0, end=40, panels=(_panel(0),)),
            Shot(kind="off_screen", first=40, end=1500, panels=(_panel(1),)),
        ),
    )
    assert [(row.person, row.turn, row.is_talker) for row in truth.voices] == [(0, 0, True), (2, 1, False)]
    assert [(row.start_s, row.end_s) for row in truth.voices] == [(1.0, 2.0), (1.5, 2.5)]
    assert [row.overlap_s for row in truth.voices] == pytest.approx([0.5, 0.5])
    assert [row.in_step_s for row in truth.voices] == pytest.approx([0.6, 0.0])
    assert [(face.person, face.speaking_s) for face in truth.faces] == [(0, pytest.approx(0.6)), (1, 0.0)]
    assert [row.frame for row in truth.frames if row.speaking] == list(range(25, 40))


def test_a_voice_over_of_a_seen_person_is_not_in_step() -> None:
    truth = _written_by_hand(
        (_spoken(0, 1.0, 6.0),), (Shot(kind="b_roll", first=0, end=1500, panels=(_panel(0, "shut"),)),)
    )
    assert _sum(truth.voices, 0, "in_step_s") == 0
    assert max(row.lip_opening for row in truth.frames) == 0


def test_a_part_of_the_picture_moves_its_face_by_its_place() -> None:
    def points(box: Box) -> np.ndarray:
        panel = Panel(box=box, back="room", place="here", seen=_panel(0).seen)
        truth = _written_by_hand((), (Shot(kind="grid", first=0, end=100, panels=(panel,)),))
        return np.array([[row.left_eye_x_px, row.mouth_right_y_px] for row in truth.frames])

    here = Box(left_px=0, top_px=0, width_px=160, height_px=90)
    there = Box(left_px=150, top_px=60, width_px=160, height_px=90)
    assert points(there) - points(here) == pytest.approx(np.tile([150.0, 60.0], (100, 1)), abs=1e-3)
