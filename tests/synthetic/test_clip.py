"""A clip is reproducible, its ground truth fits its frames, and every kind has its property."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import pytest

from pipeline.synthetic.clip import sound_of, write_clip
from pipeline.synthetic.plan import plan_clip
from pipeline.synthetic.script.spec import KINDS, ClipSpec, edge_case_spec
from pipeline.synthetic.script.truth import POINTS, ClipTruth, truth_rows

TALK = ClipSpec(seed=7, person=3, clip=1, duration_s=3.0)


class Decoded:
    """Everything a decoder gets out of a clip."""

    def __init__(self, path: Path) -> None:
        with av.open(str(path)) as container:
            self.has_sound = bool(container.streams.audio)
            frames = list(container.decode(video=0))
            self.rate = container.streams.video[0].average_rate
        self.time_s = np.array([frame.time for frame in frames])
        self.rotation_deg = frames[0].rotation
        self.images = np.stack([frame.to_ndarray(format="rgb24") for frame in frames[::5]])
        self.sound = self._sound(path) if self.has_sound else np.zeros(0)

    def _sound(self, path: Path) -> np.ndarray:
        with av.open(str(path)) as container:
            return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


def _spec(kind: str) -> ClipSpec:
    spec = edge_case_spec(kind, seed=7, person=3, clip=1)
    return spec if kind == "short" else replace(spec, duration_s=0.6 if kind == "portrait" else 3.0)


@lru_cache
def _made(kind: str) -> tuple[ClipTruth, Decoded]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.mp4")
        truth = write_clip(_spec(kind), path)
        return truth, Decoded(path)


def _bytes(spec: ClipSpec, folder: Path) -> bytes:
    write_clip(spec, folder / "a.mp4")
    return (folder / "a.mp4").read_bytes()


def test_the_same_spec_gives_the_same_bytes_and_any_other_gives_others(tmp_path: Path) -> None:
    spec = replace(TALK, duration_s=0.6)
    first = _bytes(spec, tmp_path)
    assert _bytes(spec, tmp_path) == first
    for other in ({"seed": 8}, {"person": 4}, {"clip": 2}, {"preset": "wide"}, {"crf": 30}):
        assert _bytes(replace(spec, **other), tmp_path) != first


@pytest.mark.slow
def test_true_times_are_those_of_the_encoded_frames() -> None:
    for kind in ("talk", "odd_rate", "short"):
        truth, decoded = _made(kind)
        assert len(truth.time_s) == len(decoded.time_s) == _spec(kind).n_frames
        assert np.abs(truth.time_s - decoded.time_s).max() < 1e-4


def test_decoded_sound_is_in_step_with_the_truth() -> None:
    _, decoded = _made("talk")
    time_s = np.arange(_spec("talk").n_frames) / 25
    made = sound_of(_spec("talk"), plan_clip(_spec("talk"), time_s))
    assert made is not None
    lags = np.arange(-1600, 1601)
    middle = made[8000:40000]
    match = [np.dot(middle, decoded.sound[8000 + lag : 40000 + lag]) for lag in lags]
    assert abs(lags[int(np.argmax(match))]) / 16_000 < 0.020


def test_the_lips_move_when_there_is_voice_and_rest_when_there_is_none() -> None:
    truth, decoded = _made("talk")
    (face,) = truth.faces
    loud = np.array([np.abs(decoded.sound[int(t * 16000) :][:640]).mean() for t in truth.time_s])
    assert face.lip_opening[~face.is_speaking].max() == 0
    assert loud[face.lip_opening > 0.02].min() > 3 * loud[~face.is_speaking].mean()
    assert np.corrcoef(loud, face.lip_opening)[0, 1] > 0.6


def test_one_row_per_face_and_frame_holds_the_whole_truth() -> None:
    truth, _ = _made("two_people")
    rows = truth_rows(truth)
    assert len(rows) == 2 * len(truth.time_s)
    last, face = rows[-1], truth.faces[1]
    assert (last["person"], last["frame"], last["time_s"]) == (4, len(truth.time_s) - 1, truth.time_s[-1])
    for point in POINTS:
        assert (last[f"{point}_x_px"], last[f"{point}_y_px"]) == tuple(getattr(face, f"{point}_px")[-1])
    assert {type(value) for value in last.values()} == {int, float, bool}


def test_an_ordinary_clip_shows_and_plays_one_person() -> None:
    truth, decoded = _made("talk")
    assert [face.person for face in truth.faces] == [3]
    assert truth.voices == (3,)
    assert truth.faces[0].face_visible.all()
    assert len(truth.speech_intervals_s) >= 1
    assert decoded.rotation_deg == 0


def test_two_people_take_turns_on_either_side() -> None:
    truth, _ = _made("two_people")
    left, right = truth.faces
    assert (left.person, right.person) == truth.voices == (3, 4)
    assert left.right_eye_px[:, 0].max() < right.left_eye_px[:, 0].min()
    assert left.is_speaking.any() and right.is_speaking.any()
    assert not (left.is_speaking & right.is_speaking).any()
    assert left.lip_opening[right.is_speaking].max() == 0


def test_no_face_has_a_voice_but_nobody_in_the_picture() -> None:
    truth, decoded = _made("no_face")
    assert truth.faces == () and truth.voices == (3,)
    assert np.abs(decoded.sound).max() > 0.1
    assert np.abs(decoded.images[0].astype(int) - decoded.images[-1]).mean() < 4


def test_profile_only_never_turns_to_the_camera() -> None:
    truth, _ = _made("profile_only")
    yaw_deg = np.abs(truth.faces[0].yaw_deg)
    assert yaw_deg.min() >= 70 and yaw_deg.max() <= 90


def test_no_sound_has_no_sound_stream_and_silent_an_empty_one() -> None:
    (none, without), (quiet, silent) = _made("no_sound"), _made("silent")
    assert not without.has_sound and silent.has_sound
    assert np.abs(silent.sound).max() == 0
    for truth in (none, quiet):
        assert truth.speech_intervals_s == () and truth.voices == ()
        assert truth.faces[0].lip_opening.max() > 0 and not truth.faces[0].is_speaking.any()


def test_voice_over_keeps_the_mouth_still() -> None:
    truth, decoded = _made("voice_over")
    assert truth.faces[0].lip_opening.max() == 0 and not truth.faces[0].is_speaking.any()
    assert truth.voices == (3,) and np.abs(decoded.sound).max() > 0.1


def test_a_wrong_face_moves_its_mouth_out_of_step_with_the_voice() -> None:
    truth, _ = _made("wrong_face")
    (face,), (right,) = truth.faces, _made("talk")[0].faces
    assert truth.speech_intervals_s == _made("talk")[0].speech_intervals_s
    assert face.lip_opening.max() > 0.1 and not face.is_speaking.any()
    assert np.corrcoef(face.lip_opening, right.lip_opening)[0, 1] < 0.3


def test_a_cut_replaces_one_person_by_another_half_way() -> None:
    truth, decoded = _made("cuts")
    first, second = truth.faces
    half = len(truth.time_s) // 2
    assert first.face_visible[:half].all() and not first.face_visible[half:].any()
    assert np.array_equal(second.face_visible, ~first.face_visible)
    jumps = np.abs(np.diff(decoded.images.astype(int), axis=0)).mean(axis=(1, 2, 3))
    assert np.argmax(jumps) == half // 5 and jumps.max() > 5 * np.median(jumps)
    assert all((end <= half / 25) or (start >= half / 25) for start, end in truth.speech_intervals_s)


def test_a_rotated_clip_shows_the_ordinary_picture_once_its_metadata_is_obeyed() -> None:
    (truth, rotated), (same, talk) = _made("rotated"), _made("talk")
    assert rotated.rotation_deg == -90
    shown = np.rot90(rotated.images, rotated.rotation_deg // 90, axes=(1, 2))
    assert shown.shape == talk.images.shape
    assert np.abs(shown.astype(int) - talk.images).mean() < 2.5
    assert np.array_equal(truth.faces[0].left_eye_px, same.faces[0].left_eye_px)


def test_an_odd_rate_is_kept_exactly() -> None:
    assert _made("odd_rate")[1].rate == _spec("odd_rate").fps


def test_a_truncated_file_is_sixty_percent_of_a_whole_one_and_cannot_be_opened(tmp_path: Path) -> None:
    whole = len(_bytes(replace(TALK, duration_s=1.0), tmp_path))
    part = len(_bytes(replace(TALK, duration_s=1.0, kind="truncated"), tmp_path))
    assert part == int(0.6 * whole)
    with pytest.raises(av.error.InvalidDataError):
        av.open(str(tmp_path / "a.mp4"))


def test_a_short_clip_lasts_a_second_and_a_portrait_stands_upright() -> None:
    assert len(_made("short")[1].time_s) == 25
    assert _made("portrait")[1].images.shape[1:3] == (1920, 1080)


def test_every_kind_is_tested_here() -> None:
    assert all(kind in Path(__file__).read_text() for kind in KINDS)
