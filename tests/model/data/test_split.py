import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import model.data.split
from model.data.split import DatasetSplit, open_split
from pipeline.core.base.errors import BadInput
from pipeline.core.records.person import TEST, TRAIN

ROOT = Path(__file__).parents[3]


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def ids(column, n: int) -> list[str]:
    return [column[row] for row in range(n)]


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("splits")


@pytest.mark.parametrize("split", [TRAIN, TEST])
def test_faces_labels_and_log_mels_are_those_of_the_shards_bit_by_bit(made, out: Path, split: str) -> None:
    opened = open_split(made.at, out, split=split, standard_only=False)
    pngs, log_mels = {}, {}
    for folder in (made.at.root / "data" / "faces").iterdir():
        for path in folder.iterdir():
            pngs |= {row["face_id"]: row["image"]["bytes"] for row in pq.read_table(path).to_pylist()}
    for folder in (made.at.root / "data" / "audio").iterdir():
        for path in folder.iterdir():
            log_mels |= {row["segment_id"]: row["log_mel"] for row in pq.read_table(path).to_pylist()}
    listed = {face.face_id: face for face in made.rows.faces if face.split == split}
    assert sorted(ids(opened.face_ids, opened.n_faces)) == sorted(listed)
    for row in range(opened.n_faces):
        face_id = opened.face_ids[row]
        expected = np.asarray(Image.open(io.BytesIO(pngs[face_id])))
        assert opened.face(row).dtype == np.uint8
        assert np.array_equal(opened.face(row), expected)
        assert opened.label(row).tobytes() == made.labels[face_id].tobytes()
        assert opened.persons[opened.person_of_face[row]] == listed[face_id].person_id
        assert opened.datasets[row] == listed[face_id].dataset
    segments = {segment.segment_id: segment for segment in made.rows.segments if segment.split == split}
    assert sorted(ids(opened.segment_ids, opened.n_segments)) == sorted(segments)
    for row in range(opened.n_segments):
        segment_id = opened.segment_ids[row]
        expected = np.array(log_mels[segment_id], np.float32).reshape(64, 96)
        assert opened.log_mel(row).tobytes() == expected.tobytes() == made.log_mels[segment_id].tobytes()
        assert opened.log_mel(row).shape == opened.log_mel_shape == (64, 96)
        assert opened.persons[opened.person_of_segment[row]] == segments[segment_id].person_id
        assert opened.clips[row] == segments[segment_id].clip_id


def test_a_person_is_one_in_all_datasets_and_stays_on_one_side_of_the_split(made, out: Path) -> None:
    train = open_split(made.at, out, split=TRAIN, standard_only=False)
    test = open_split(made.at, out, split=TEST, standard_only=False)
    assert train.persons == ["ana", "ben"]
    assert test.persons == ["cem", "dora"]
    assert {train.datasets[row] for row in train.faces_of(0)} == {"one", "two"}
    assert {train.datasets[row] for row in train.faces_of(1)} == {"one"}


def test_faces_and_segments_are_grouped_by_person(made, out: Path) -> None:
    opened = open_split(made.at, out, split=TRAIN, standard_only=False)
    for person, name in enumerate(opened.persons):
        faces = {face.face_id for face in made.rows.faces if face.person_id == name}
        segments = {segment.segment_id for segment in made.rows.segments if segment.person_id == name}
        assert {opened.face_ids[row] for row in opened.faces_of(person)} == faces
        assert {opened.segment_ids[row] for row in opened.segments_of(person)} == segments


def test_standard_faces_alone_are_given_when_they_are_asked_for(made, out: Path) -> None:
    opened = open_split(made.at, out, split=TRAIN, standard_only=True)
    standard = sorted(face.face_id for face in made.rows.faces if face.is_standard and face.split == TRAIN)
    assert sorted(ids(opened.face_ids, opened.n_faces)) == standard
    for row in range(opened.n_faces):
        face_id = opened.face_ids[row]
        assert np.array_equal(opened.face(row), made.pictures[face_id])
        assert np.array_equal(opened.label(row), made.labels[face_id])
    assert opened.summary() == (
        "2 persons, 12 faces (12 with a label of 16 values), 12 segments; 6 faces left out: no standard faces"
    )


def test_the_datasets_asked_for_alone_are_given(made, out: Path) -> None:
    opened = open_split(made.at, out, split=TRAIN, standard_only=False, datasets=["two"])
    assert opened.persons == ["ana"]
    assert (opened.n_faces, opened.n_segments) == (6, 4)
    assert set(ids(opened.datasets, 6)) == {"two"}
    for row in range(opened.n_segments):
        assert np.array_equal(opened.log_mel(row), made.log_mels[opened.segment_ids[row]])
    assert opened.summary().endswith("; 12 faces left out: of other datasets")


@pytest.mark.parametrize("datasets", [["one", "three"], []])
def test_a_dataset_with_nobody_in_it_is_refused(made, out: Path, datasets: list[str]) -> None:
    with pytest.raises(BadInput, match=r"expected some of \['one', 'two'\].* found \["):
        open_split(made.at, out, split=TRAIN, standard_only=False, datasets=datasets)


def test_opening_twice_writes_once(made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_written = 0
    write = model.data.split.write_split_files

    def counted(built, folder: Path) -> None:
        nonlocal n_written
        n_written += 1
        write(built, folder)

    monkeypatch.setattr(model.data.split, "write_split_files", counted)
    first = open_split(made.at, tmp_path / "a", split=TRAIN, standard_only=True)
    again = open_split(made.at, tmp_path / "a", split=TRAIN, standard_only=True)
    assert first.content_hash == again.content_hash
    other_faces = open_split(made.at, tmp_path / "a", split=TRAIN, standard_only=False)
    other_datasets = open_split(made.at, tmp_path / "a", split=TRAIN, standard_only=True, datasets=["one"])
    assert len({first.content_hash, other_faces.content_hash, other_datasets.content_hash}) == 3
    assert n_written == 1
    elsewhere = open_split(made.at, tmp_path / "b", split=TRAIN, standard_only=True)
    assert n_written == 2
    assert elsewhere.content_hash == first.content_hash
    assert files_in(tmp_path / "a") == files_in(tmp_path / "b")


def test_another_dataset_or_split_has_other_files(made, make_dataset: Callable, out: Path) -> None:
    same, other = make_dataset(), make_dataset(seed=8)
    hashes = [open_split(one.at, out, split=TRAIN, standard_only=True).content_hash for one in (made, same, other)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert open_split(made.at, out, split=TEST, standard_only=True).content_hash not in hashes


def test_a_process_killed_while_it_writes_leaves_nothing_half_done(made, tmp_path: Path) -> None:
    killed = """
import os, signal, sys
from pathlib import Path
import model.data.split_files, model.data.split
from pipeline.core.base.layout import Layout
def dies(built, shape):
    yield next(segments(built, shape))
    os.kill(os.getpid(), signal.SIGKILL)
segments, model.data.split_files._segment_batches = model.data.split_files._segment_batches, dies
model.data.split.open_split(Layout(Path(sys.argv[1])), Path(sys.argv[2]), split="train", standard_only=True)
"""
    ran = subprocess.run([sys.executable, "-c", killed, made.at.root, tmp_path], cwd=ROOT, env={"PYTHONPATH": "."})
    assert ran.returncode == -9
    left = [name for name in files_in(tmp_path) if not name.startswith(".used/")]
    assert [Path(name).name for name in sorted(left)] == ["faces.arrow", "labels.arrow", "segments.arrow"]
    assert all(".tmp/" in name for name in left)
    opened = open_split(made.at, tmp_path, split=TRAIN, standard_only=True)
    assert (opened.n_faces, opened.n_segments) == (12, 12)
    assert np.array_equal(opened.log_mel(11), made.log_mels[opened.segment_ids[11]])


def test_damaged_files_are_refused_with_their_folder(made, tmp_path: Path) -> None:
    open_split(made.at, tmp_path, split=TRAIN, standard_only=True)
    (segments,) = tmp_path.rglob("segments.arrow")
    segments.chmod(0o644)
    segments.write_bytes(segments.read_bytes()[:1000])
    with pytest.raises(BadInput, match=r"no readable dataset split .* Delete this folder") as refused:
        DatasetSplit.from_folder(segments.parent, standard_only=True, datasets=None)
    assert str(segments.parent) in str(refused.value)


def test_damaged_files_are_written_again(made, tmp_path: Path) -> None:
    first = open_split(made.at, tmp_path, split=TRAIN, standard_only=True)
    expected = first.log_mel(11).tobytes()
    (segments,) = tmp_path.rglob("segments.arrow")
    segments.chmod(0o644)
    segments.unlink()
    segments.write_bytes(b"")
    again = open_split(made.at, tmp_path, split=TRAIN, standard_only=True)
    assert again.log_mel(11).tobytes() == expected


def test_a_shard_that_is_not_there_is_named(make_dataset: Callable, tmp_path: Path) -> None:
    lost = make_dataset()
    (shard,) = (lost.at.root / "data" / "audio" / "two").iterdir()
    shard.unlink()
    with pytest.raises(BadInput, match=f"{shard}: missing"):
        open_split(lost.at, tmp_path, split=TRAIN, standard_only=True)


def test_log_mels_of_several_shapes_are_refused(make_dataset: Callable, tmp_path: Path) -> None:
    uneven = make_dataset(n_frames=(96, 95))
    with pytest.raises(BadInput, match=r"log-mels have shapes \[\(64, 95\), \(64, 96\)\], the networks take one"):
        open_split(uneven.at, tmp_path, split=TRAIN, standard_only=True)
    assert [name for name in files_in(tmp_path) if not name.startswith(".used/")] == []


def test_faces_of_another_size_are_refused(make_dataset: Callable, tmp_path: Path) -> None:
    small = make_dataset(face_px=255)
    with pytest.raises(BadInput, match=r"face 'one/ana\.0-t00-00000000' has 255x255 px, the networks take 256x256"):
        open_split(small.at, tmp_path, split=TRAIN, standard_only=True)
    assert [name for name in files_in(tmp_path) if not name.startswith(".used/")] == []


def test_faces_without_a_label_are_distinguished_from_those_with_one(make_dataset: Callable, tmp_path: Path) -> None:
    half = make_dataset(unlabelled=("ana",))
    opened = open_split(half.at, tmp_path, split=TRAIN, standard_only=True)
    assert [opened.persons[opened.person_of_face[row]] for row in np.flatnonzero(opened.is_labelled)] == ["ben"] * 4
    assert np.array_equal(opened.label(opened.faces_of(1)[0]), half.labels[opened.face_ids[opened.faces_of(1)[0]]])
    with pytest.raises(IndexError, match="face 'one/ana"):
        opened.label(opened.faces_of(0)[0])


def test_a_dataset_without_labels_can_be_opened(make_dataset: Callable, tmp_path: Path) -> None:
    bare = make_dataset(unlabelled=("ana", "ben", "cem", "dora"))
    opened = open_split(bare.at, tmp_path, split=TRAIN, standard_only=True)
    assert opened.label_size == 0
    assert not opened.is_labelled.any()
    assert opened.summary().startswith("2 persons, 12 faces (none with a label), 12 segments")


def test_opening_and_reading_costs_no_memory_of_the_size_of_the_split(made, out: Path) -> None:
    opened = open_split(made.at, out, split=TRAIN, standard_only=False)
    before = pa.total_allocated_bytes()
    again: DatasetSplit = pickle.loads(pickle.dumps(opened))
    log_mels = [again.log_mel(row) for row in range(again.n_segments)]
    assert pa.total_allocated_bytes() - before < 10_000 < sum(log_mel.nbytes for log_mel in log_mels) // 20
    assert not any(log_mel.flags.owndata or log_mel.flags.writeable for log_mel in log_mels)


def test_a_split_is_pickled_as_its_path(made, out: Path) -> None:
    opened = open_split(made.at, out, split=TRAIN, standard_only=True, datasets=["one"])
    pickled = pickle.dumps(opened)
    again = pickle.loads(pickled)
    assert len(pickled) < 500
    assert again.content_hash == opened.content_hash
    assert np.array_equal(again.face(3), opened.face(3))


def test_arrays_are_read_as_a_dataset_is(make_array_split: Callable[..., DatasetSplit]) -> None:
    opened = make_array_split(n_persons=3, n_faces=2, n_segments=4)
    assert opened.persons == ["person_0", "person_1", "person_2"]
    assert opened.faces_of(1).tolist() == [2, 3]
    assert opened.segments_of(2).tolist() == [8, 9, 10, 11]
    assert opened.face(5).shape == (32, 32, 3)
    assert opened.label(5)[0] == 5
    assert opened.log_mel(11)[0, 0] == 11
    assert (opened.label_size, opened.log_mel_shape) == (16, (64, 96))


def test_the_hash_of_arrays_is_of_every_value_and_of_whose_each_is() -> None:
    faces, log_mels = np.zeros((2, 16, 16, 3), np.uint8), np.zeros((2, 4, 5), np.float32)
    labels, persons = np.zeros((2, 3), np.float32), ["a", "b"]

    def hash_of(part: int | None) -> str:
        arrays = [faces.copy(), log_mels.copy(), labels.copy()]
        if part is not None:
            arrays[part].flat[-1] = 1
        return DatasetSplit.from_arrays(*arrays, persons, persons).content_hash

    others = [
        DatasetSplit.from_arrays(faces, log_mels, labels, ["b", "a"], persons).content_hash,
        DatasetSplit.from_arrays(faces, log_mels, labels, persons, ["b", "a"]).content_hash,
        DatasetSplit.from_arrays(faces, log_mels, None, persons, persons).content_hash,
    ]
    assert hash_of(None) == hash_of(None)
    assert len({hash_of(None), hash_of(0), hash_of(1), hash_of(2), *others}) == 7


@pytest.mark.parametrize(("n_faces", "n_labels", "n_segments"), [(1, 2, 2), (2, 1, 2), (2, 2, 1)])
def test_arrays_that_do_not_belong_together_are_refused(n_faces: int, n_labels: int, n_segments: int) -> None:
    faces, log_mels = np.zeros((n_faces, 16, 16, 3), np.uint8), np.zeros((n_segments, 4, 5), np.float32)
    with pytest.raises(BadInput, match=f"found {n_faces} faces of 2 persons, {n_labels} labels"):
        DatasetSplit.from_arrays(faces, log_mels, np.zeros((n_labels, 3), np.float32), ["a", "b"], ["a", "b"])
