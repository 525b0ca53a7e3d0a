"""The tracks of every clip become subjects, by embeddings where there are some; one of each clip's is its main one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

from pipeline.core.base.errors import WeightsUnavailable
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.media import Media
from pipeline.core.records.schema import to_table
from pipeline.core.records.subject import StretchSound, Subject, SubjectTrack, TrackEmbedding, Turn, VoiceEmbedding
from pipeline.core.records.track import ActiveSpeaker, Agreement, Shot, Track
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.identity.network.recogniser import NamedRecogniser
from pipeline.identity.subjects.embedding import TrackedClip
from pipeline.speaker.agreement import LAGS_S
from stages import subjects
from stages.__main__ import run_stage
from tests.face.tracks import a_shot, a_track, a_track_embedding
from tests.identity.clips import RECOGNISE, clip
from tests.identity.subjects.test_link import PARAMS

CLIPS = ("none", "talk", "talk-2")


@pytest.fixture
def at(tmp_path: Path) -> Layout:
    """Three clips: one without a face, one of three shots of two persons, and one of a single track."""
    at = Layout(tmp_path)
    write_params(at, kind="folder")
    write_manifest(at.clips("set"), Clip, [clip("set", "ana", name) for name in CLIPS])
    write_manifest(at.media("set"), Media, [])  # none is of sound alone
    shots = [replace(a_track("set/talk", n), start_s=2.0 * n, end_s=2.0 * n + 1.9) for n in range(3)]
    shots[1] = replace(shots[1], presence_px2=500_000.0)
    write_manifest(at.tracks("set"), Track, [*shots, a_track("set/talk-2", 0)])
    cuts = [a_shot("set/talk", n, 2.0 * n + 2, 2.0 * n) for n in range(3)]
    write_manifest(at.shots("set"), Shot, [*cuts, a_shot("set/talk-2", 0, 1.2)])
    write_manifest(at.agreement("set"), Agreement, [agrees(f"set/talk-t{n:02d}", 2.0 * n) for n in (0, 1)])
    return at


def agrees(track_id: str, start_s: float) -> Agreement:
    """Return half a second in which mouth and sound of a track agree at the usual lag."""
    products = np.zeros(len(LAGS_S), np.float32)
    products[len(LAGS_S) // 2] = 60.0
    return Agreement(
        agreement_id=f"{track_id}-{round(1000 * start_s):08d}",
        clip_id=track_id[: -len("-t00")],
        track_id=track_id,
        start_s=start_s,
        covered_s=0.5,
        products=products,
        voice_power=25.0,
        loud_products=np.zeros(len(LAGS_S), np.float32),
        loud_power=25.0,
        variance_factor=1.0,
    )


def write_params(at: Layout, kind: str, network: str | None = "faces", voices: str | None = None) -> None:
    content = {
        "datasets": ["set"],
        "sources": {"set": {"kind": kind}},
        "detect": {"backend": "dlib"},
        "subjects": {**PARAMS.model_dump(), "voices": voices},
        "recognise": {**RECOGNISE.model_dump(), "network": network},
    }
    at.params.write_text(yaml.safe_dump(content), encoding="utf-8")


def voice(clip_id: str, start_s: float, number: int) -> VoiceEmbedding:
    """Return the voice of a shot of two seconds; that of the third is that of the first."""
    return VoiceEmbedding(
        stretch_id=f"{clip_id}-v{round(1000 * start_s):08d}",
        clip_id=clip_id,
        start_s=start_s,
        end_s=start_s + 2,
        network="voices-0",
        embedding=np.eye(2, dtype=np.float32)[number % 2],
    )


class Stored:
    """The finished run of the step on the clip 'talk'."""

    ok_ids = ("set/talk",)

    def ledger(self) -> list[LedgerRow]:
        return [ledger_row("subjects", "set/talk"), ledger_row("subjects", "set/z", Dropped.failed("no_video", ""))]

    def rows(self, clip_id: str, record: type) -> pa.Table:
        if record in (StretchSound, ActiveSpeaker):
            return to_table(record, [])
        if record is VoiceEmbedding:
            return to_table(record, [voice(clip_id, 2.0 * n, n) for n in range(3)])
        return to_table(record, [a_track_embedding(clip_id, n, "faces-000000000000", n % 2) for n in range(3)])


def links(at: Layout) -> dict[str, tuple[str, bool]]:
    rows = read_manifest(at.subject_tracks("set"), SubjectTrack)
    return {row.track_id[4:]: (row.subject_id[4:], row.is_taken) for row in rows}


def test_shots_of_one_face_are_one_subject_and_the_one_seen_most_is_main(
    at: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(subjects, "named_recogniser", lambda *_: NamedRecogniser(None, "faces", {}))  # type: ignore[arg-type]
    monkeypatch.setattr(subjects, "read_tracked_clips", lambda *_, **__: iter(()))
    monkeypatch.setattr(subjects, "run_step", lambda *_, **__: Stored())
    run_stage("subjects", "set", at)
    assert links(at) == {
        "talk-t00": ("talk-s00", True),
        "talk-t01": ("talk-s01", False),
        "talk-t02": ("talk-s00", True),
        "talk-2-t00": ("talk-2-s00", True),
    }
    assert len(read_manifest(at.track_embeddings("set"), TrackEmbedding)) == 3
    found = {row.subject_id[4:]: (row.n_tracks, row.is_main) for row in read_manifest(at.subjects("set"), Subject)}
    assert found == {"talk-2-s00": (1, True), "talk-s00": (2, True), "talk-s01": (1, False)}
    ledger = {row.item_id[4:]: row.reason for row in read_manifest(at.ledger("subjects", "set"), LedgerRow)}
    assert ledger == {"talk-2-s00": "", "talk-s00": "", "talk-s01": "not_main_subject", "z": "no_video"}
    turns = [(turn.subject_id[4:], turn.start_s, turn.end_s) for turn in read_manifest(at.turns("set"), Turn)]
    assert turns == [
        ("talk-2-s00", 0.0, 1.2),
        ("talk-s00", 0.0, 2.0),
        ("talk-s00", 4.0, 6.0),  # by the voice alone: in this shot mouth and sound were not compared
        ("talk-s01", 2.0, 4.0),
    ]
    assert "subjects@set: 3 subjects in 2 clips, 4 turns" in capsys.readouterr().out


class NothingStored:
    """The finished run of the step on no clip."""

    ok_ids = ()

    def ledger(self) -> list[LedgerRow]:
        return []


@pytest.mark.parametrize(("kind", "network"), [("synthetic", "faces"), ("folder", None)])
def test_without_embeddings_each_track_is_a_subject_and_the_largest_is_main(
    at: Layout, kind: str, network: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(at, kind, network)
    monkeypatch.setattr(subjects, "run_step", lambda *_, **__: NothingStored())
    run_stage("subjects", "set", at)
    assert links(at) == {
        "talk-t00": ("talk-s01", False),
        "talk-t01": ("talk-s00", True),
        "talk-t02": ("talk-s02", False),
        "talk-2-t00": ("talk-2-s00", True),
    }
    assert read_manifest(at.track_embeddings("set"), TrackEmbedding) == []


@pytest.mark.parametrize(
    ("kind", "voices", "seconds"), [("folder", "voices", 3.0), ("folder", None, None), ("synthetic", "voices", None)]
)
def test_voices_of_clips_of_one_shot_are_embedded_where_persons_are_compared_by_faces(
    at: Layout, kind: str, voices: str | None, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float | None] = []

    def read(
        _dataset: str, _params: object, _at: Layout, voice_s: float | None, *, all_sound: bool
    ) -> Iterator[TrackedClip]:
        assert not all_sound
        asked.append(voice_s)
        return iter(())

    write_params(at, kind, voices=voices)
    monkeypatch.setattr(subjects, "named_recogniser", lambda *_: NamedRecogniser(None, "faces", {}))  # type: ignore[arg-type]
    monkeypatch.setattr(subjects, "find_weights", Path)
    monkeypatch.setattr(subjects, "network_name", lambda *_: "voices-0")
    monkeypatch.setattr(subjects, "read_tracked_clips", read)
    monkeypatch.setattr(subjects, "run_step", lambda *_, **__: NothingStored())
    run_stage("subjects", "set", at)
    assert asked == [seconds]


def test_networks_of_sound_that_are_missing_are_said_and_all_goes_on(
    at: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> Path:
        raise WeightsUnavailable(f"{name}: not installed.")

    content = yaml.safe_load(at.params.read_text(encoding="utf-8"))
    content["subjects"] |= {"overlap": "overlap_detector", "music": "sound_events", "active_speaker": "light_asd"}
    at.params.write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setattr(subjects, "find_weights", missing)
    monkeypatch.setattr(subjects, "named_recogniser", lambda *_: NamedRecogniser(None, "faces", {}))  # type: ignore[arg-type]
    monkeypatch.setattr(subjects, "run_step", lambda *_, **__: NothingStored())
    run_stage("subjects", "set", at)
    said = capsys.readouterr().out
    without = "voices that sound at once are not found, and stretches do not end at pauses"
    assert f"overlap_detector: not installed. Until then {without};" in said
    assert "sound_events: not installed. Until then music is not found;" in said
    assert "light_asd: not installed. Until then mouths are compared with the sound alone;" in said
    assert read_manifest(at.stretch_sounds("set"), StretchSound) == []


def test_a_network_whose_file_is_missing_is_said_and_all_goes_on(
    at: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object) -> None:
        raise WeightsUnavailable("faces: can't be fetched.")

    monkeypatch.setattr(subjects, "named_recogniser", missing)
    monkeypatch.setattr(subjects, "run_step", lambda *_, **__: NothingStored())
    run_stage("subjects", "set", at)
    assert "Until then each track is a subject of its own" in capsys.readouterr().out
    assert len(read_manifest(at.subjects("set"), Subject)) == 4
