"""Rows of the dataset: persons, shards and main subjects are joined to faces and segments, person by person."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.core.base.layout import Layout
from pipeline.core.records.dataset import DatasetFace, DatasetSegment, Identity, Pair
from pipeline.core.records.face import RANDOM, Face, SelectedFace
from pipeline.core.records.label import Label
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.person import TRAIN, SubjectPerson
from pipeline.core.records.schema import Image, key_of, to_table
from pipeline.core.records.segment import Segment
from pipeline.core.records.subject import Subject, main_subject_id
from pipeline.core.storage.manifest import read_manifest, read_table, write_manifest
from pipeline.core.storage.shards import shard_paths, write_shards
from pipeline.dataset.build import build_person
from pipeline.dataset.rows import dataset_writer, iterate_persons, iterate_segments
from tests.built_dataset import ALL
from tests.face.faces import PERFECT_FACE
from tests.face.tracks import a_subject


def subject(number: int, av_zscore: float | None, *, is_main: bool) -> Subject:
    one = a_subject("set/one", number, is_main=is_main)
    return replace(one, av_covered_s=8.0, av_zscore=av_zscore)


def segment(clip_id: str) -> Segment:
    return Segment(
        segment_id=f"{clip_id}-a00000000",
        clip_id=clip_id,
        subject_id=main_subject_id(clip_id),
        start_s=0.0,
        end_s=6.0,
        voiced_s=3.0,
        n_valid_frames=2,
        level_dbfs=-20.0,
        clipped_share=0.0,
        face_seen_share=0.75,
        n_turns=1,
        skipped_s=0.0,
        turn_log_odds=None,
        overlap_share=None,
        music_share=None,
        sound_channel="mix",
        av_correction_s=0.0,
        profile="paper",
        n_mels=1,
        n_frames=2,
        log_mel=np.zeros(2, np.float32),
    )


def subject_person(clip: str, person: str = "ana", dataset: str = "set") -> SubjectPerson:
    return SubjectPerson(
        subject_id=f"{dataset}/{clip}-s00", clip_id=f"{dataset}/{clip}", dataset=dataset, person_id=person, split=TRAIN
    )


@pytest.fixture
def at(tmp_path: Path) -> Layout:
    """Two clips with sound: one has two faces, the other none."""
    at = Layout(tmp_path)
    subjects = [subject(0, 4.5, is_main=True), subject(1, 1.0, is_main=False)]
    write_manifest(at.subjects("set"), Subject, subjects)
    write_segments(at, "set", ["set/none", "set/one"])
    return at


def write_segments(at: Layout, dataset: str, clip_ids: list[str]) -> None:
    def rows_of(clip_id: str) -> pa.Table:
        return to_table(Segment, [segment(clip_id)], {"log_mel": 2})

    write_shards(at.audio_folder(dataset), Segment, clip_ids, rows_of, {"log_mel": 2})


def test_a_segment_has_the_measures_of_its_clips_main_subject(at: Layout) -> None:
    write_manifest(at.subject_persons, SubjectPerson, [subject_person("none"), subject_person("one")])
    none, one = iterate_segments(["set"], at)
    assert (one.clip_id, one.face_seen_share, one.av_covered_s, one.av_zscore) == ("set/one", 0.75, 8.0, 4.5)
    assert (none.clip_id, none.av_covered_s, none.av_zscore) == ("set/none", 0.0, None)
    assert one.shard == none.shard == "data/audio/set/" + Path(one.shard).name


def test_a_segment_without_a_clip_person_is_dropped(at: Layout) -> None:
    write_manifest(at.subject_persons, SubjectPerson, [])
    assert list(iterate_segments(["set"], at)) == []


N_CLIPS = 300  # more than one shard


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """The dataset of 300 clips of 60 persons, and of a second dataset with one clip of one of these persons."""
    at = Layout(tmp_path_factory.mktemp("dataset"))
    subject_persons = [subject_person(f"c{n:03d}", f"p{n % 60:02d}") for n in range(N_CLIPS)]
    subject_persons.append(subject_person("d", "p07", "other"))
    write_manifest(at.subject_persons, SubjectPerson, subject_persons)
    for dataset in ("set", "other"):
        clip_ids = [one.clip_id for one in subject_persons if one.dataset == dataset] + [f"{dataset}/nobody"]
        write_manifest(at.subjects(dataset), Subject, [])
        write_segments(at, dataset, clip_ids)
        write_faces(at, dataset, clip_ids)
    with dataset_writer(at) as writer:
        for person in iterate_persons(["set", "other"], at):
            writer.add(build_person(person, ALL))
        writer.write(at)
    return at


def write_faces(at: Layout, dataset: str, clip_ids: list[str]) -> None:
    """Add two faces a clip; the second one has a label, and is a standard face but in every tenth clip."""
    measures = [
        replace(
            PERFECT_FACE,
            clip_id=clip_id,
            subject_id=main_subject_id(clip_id),
            face_id=f"{clip_id}-t00-{n:08d}",
            sampled_by=RANDOM,
        )
        for clip_id in clip_ids
        for n in range(2)
    ]
    selected = read_manifest(at.selected_faces, SelectedFace) if at.selected_faces.exists() else []
    selected += [
        SelectedFace(
            **asdict(one),
            is_standard=one.face_id[-1] == "1" and one.clip_id[-1] != "0",
            is_resting=False,
            reason="",
        )
        for one in measures
    ]
    write_manifest(at.selected_faces, SelectedFace, selected)
    vector = np.zeros(2, np.float32)
    labels = [
        Label(face_id=one.face_id, recognition_network="n", embedding=vector)
        for one in measures
        if one.face_id[-1] == "1"
    ]
    write_manifest(at.labels(dataset), Label, labels)

    def rows_of(clip_id: str) -> pa.Table:
        return to_table(
            Face,
            [
                Face(**asdict(one), image_sha256="", image=Image(b"", ""), landmarks_px=vector, alignment=vector)
                for one in measures
                if one.clip_id == clip_id
            ],
        )

    write_shards(at.faces_folder(dataset), Face, clip_ids, rows_of)


def test_each_row_has_its_person_and_the_shard_that_holds_it(built: Layout) -> None:
    for name, record, folder, payload in (
        ("faces", DatasetFace, built.faces_folder("set"), Face),
        ("audio", DatasetSegment, built.audio_folder("set"), Segment),
    ):
        held = {
            row_id: path.relative_to(built.root).as_posix()
            for path in shard_paths(folder)
            for row_id in read_table(path, payload, [key_of(payload)]).column(0).to_pylist()
        }
        rows = [row for row in read_manifest(built.dataset(name), record) if row.dataset == "set"]
        assert len(set(held.values())) == 2
        assert all(row.shard == held[getattr(row, key_of(record))] for row in rows)
        assert {(row.clip_id, row.person_id) for row in rows} == {
            (f"set/c{n:03d}", f"p{n % 60:02d}") for n in range(N_CLIPS) if n % 10
        }


def test_faces_are_standard_and_labelled_as_the_stages_before_say(built: Layout) -> None:
    faces = read_manifest(built.dataset("faces"), DatasetFace)
    assert all(face.is_labelled == (face.face_id[-1] == "1") for face in faces)
    assert all(face.is_standard == (face.face_id[-1] == "1") for face in faces)


def test_persons_are_counted_within_each_dataset(built: Layout) -> None:
    identities = {one.dataset_person: one for one in read_manifest(built.dataset("identities"), Identity)}
    assert len(identities) == 55  # of 60 persons, six have no standard face; one is in both datasets
    one = identities["set/p07"]
    assert (one.n_clips, one.n_faces, one.n_standard_faces, one.n_segments, one.n_pairs) == (5, 10, 5, 5, 25)
    assert identities["other/p07"].n_pairs == 1
    pairs = read_manifest(built.dataset("pairs"), Pair)
    assert len(pairs) == 54 * 25 + 1
    assert all(pair.pair_id == f"{pair.face_id}+{pair.segment_id}" for pair in pairs)


def test_the_ledger_has_every_person_and_every_segment_and_nothing_of_a_clip_without_a_person(built: Layout) -> None:
    ends = {row.item_id: row.reason for row in read_manifest(built.ledger("dataset"), LedgerRow)}
    assert len(ends) == 60 + 1 + N_CLIPS + 1
    assert {item_id for item_id, reason in ends.items() if reason} == {f"set/p{n:02d}" for n in range(0, 60, 10)}
    assert set(ends.values()) == {"", "no_standard_face"}


def test_nothing_temporary_is_left(built: Layout) -> None:
    assert sorted(path.name for path in built.dataset("faces").parent.iterdir()) == [
        *("audio.parquet", "faces.parquet", "identities.parquet", "pairs.parquet")
    ]
