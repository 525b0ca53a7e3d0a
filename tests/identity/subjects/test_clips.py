"""The subjects and turns of a dataset's clips are found in one pass, and written in the order of their ids."""

from pathlib import Path

import pytest

from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.media import Media
from pipeline.core.records.schema import key_of
from pipeline.core.records.subject import Subject, SubjectTrack, Turn
from pipeline.core.records.track import Agreement, Shot, Track
from pipeline.core.storage.manifest import read_manifest, read_table, write_manifest, write_table
from pipeline.identity.subjects.clips import DatasetSubjects, Embedded
from tests.face.tracks import a_shot, a_track, a_track_embedding
from tests.identity.clips import clip
from tests.identity.subjects.test_link import PARAMS

N_CLIPS = 300
WITHOUT_A_FACE = "set/talk-7"
CLIP_IDS = sorted(f"set/talk-{n}" if n else "set/talk" for n in range(N_CLIPS))


@pytest.fixture
def at(tmp_path: Path) -> Layout:
    """Clips of one track and shot, and longer names of three: one face in the first and last one, another between."""
    at = Layout(tmp_path)
    places = [(clip_id, n) for clip_id in CLIP_IDS if clip_id != WITHOUT_A_FACE for n in range(n_shots(clip_id))]
    write_manifest(at.clips("set"), Clip, [clip("set", "ana", clip_id[4:]) for clip_id in CLIP_IDS])
    write_manifest(at.media("set"), Media, [])  # none is of sound alone
    write_manifest(at.tracks("set"), Track, [a_track(clip_id, 3 * n) for clip_id, n in places])
    write_manifest(at.shots("set"), Shot, [a_shot(clip_id, n, n + 1.0) for clip_id, n in places])
    write_manifest(at.agreement("set"), Agreement, [])
    return at


def n_shots(clip_id: str) -> int:
    return 1 if len(clip_id) % 3 else 3


def embedded(clip_id: str) -> Embedded:
    return Embedded([a_track_embedding(clip_id, 3 * n, "faces", n % 2) for n in range(n_shots(clip_id))], [])


def test_each_clip_is_linked_once(at: Layout) -> None:
    asked: list[str] = []
    found = DatasetSubjects("set", lambda clip_id: asked.append(clip_id) or embedded(clip_id), PARAMS, at)  # type: ignore[func-returns-value]
    found.write(())
    assert asked == [clip_id for clip_id in CLIP_IDS if clip_id != WITHOUT_A_FACE]


def test_all_rows_have_the_bytes_of_a_table_sorted_in_memory(at: Layout, tmp_path: Path) -> None:
    found = DatasetSubjects("set", embedded, PARAMS, at)
    found.write(())
    paths = {
        SubjectTrack: at.subject_tracks("set"),
        Subject: at.subjects("set"),
        Turn: at.turns("set"),
        LedgerRow: at.ledger("subjects", "set"),
    }
    n_rows = {record: len(read_manifest(path, record)) for record, path in paths.items()}
    n_edited = sum(n_shots(clip_id) == 3 for clip_id in CLIP_IDS)
    assert found.n_clips == N_CLIPS - 1
    assert n_rows[SubjectTrack] == n_rows[Subject] == n_rows[LedgerRow] == N_CLIPS - 1 + 2 * n_edited
    assert (n_rows[Subject], n_rows[Turn]) == (found.n_subjects, found.n_turns)
    assert found.n_turns == N_CLIPS - 1 - n_edited  # in the edited ones nobody is seen to speak
    for record, path in paths.items():
        table = read_table(path, record)
        ids = table.column(key_of(record)).to_pylist()
        assert ids == sorted(ids)
        write_table(tmp_path / "again.parquet", record, table)
        assert path.read_bytes() == (tmp_path / "again.parquet").read_bytes()


def test_nothing_is_left_beside_the_manifests(at: Layout) -> None:
    DatasetSubjects("set", embedded, PARAMS, at).write(())
    assert not [path for path in at.subjects("set").parent.iterdir() if path.name.startswith(".")]
