"""What is missing from the dataset is named, with the command to run."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput, BadManifest
from pipeline.core.base.layout import Layout
from pipeline.core.records.face import Face
from pipeline.core.records.label import Label
from pipeline.core.records.person import TEST, TRAIN
from pipeline.core.storage import manifest
from pipeline.core.storage.manifest import read_manifest, read_table, write_manifest, write_table
from pipeline.dataset.reader import (
    BuiltDataset,
    iterate_faces,
    iterate_labels,
    iterate_segments,
    log_mels,
    only_standard,
    open_dataset,
)
from tests.built_dataset import Made
from tests.export.conftest import PEOPLE


@pytest.fixture
def copy(made: Made, tmp_path: Path) -> Layout:
    """A copy of the dataset to break."""
    shutil.copytree(made.at.root, tmp_path / "copy")
    return Layout(tmp_path / "copy")


def read_all(built: BuiltDataset) -> None:
    for rows in (iterate_faces(built), iterate_segments(built), iterate_labels(built)):
        list(rows)


def test_before_the_dataset_is_built_the_error_names_the_command(tmp_path: Path) -> None:
    path = re.escape(str(tmp_path / "manifests/dataset/identities.parquet"))
    with pytest.raises(BadInput, match=f"^{path}: not found: the dataset is not built yet. Run 'dvc repro'.$"):
        open_dataset(Layout(tmp_path))


def test_an_empty_split_is_refused(make: Callable[..., Made]) -> None:
    with pytest.raises(BadInput, match="nobody is in test, there is nothing to read"):
        make(PEOPLE[:1]).open(TEST)


def test_both_splits_are_those_that_have_rows(make: Callable[..., Made], made: Made) -> None:
    assert make(PEOPLE[:1]).open().splits == (TRAIN,)
    assert made.open().splits == (TRAIN, TEST)


def test_a_shard_that_is_gone_is_named(copy: Layout) -> None:
    shard = copy.faces_folder("one") / "shard-00000-of-00001.parquet"
    shard.unlink()
    with pytest.raises(BadManifest, match=re.escape(f"{shard}: not found. Run 'dvc repro'.")):
        read_all(open_dataset(copy))


def test_a_shard_without_a_listed_row_is_named(copy: Layout) -> None:
    shard = copy.faces_folder("two") / "shard-00000-of-00001.parquet"
    write_table(shard, Face, read_table(shard, Face).slice(1))
    with pytest.raises(BadManifest, match=re.escape(f"{shard}: 12 rows of the dataset expected, 11 found.")):
        read_all(open_dataset(copy))


def test_a_missing_label_is_named(copy: Layout) -> None:
    labels = read_manifest(copy.labels("one"), Label)
    write_manifest(copy.labels("one"), Label, labels[1:])
    with pytest.raises(BadManifest, match=f"1 labels are missing, of '{labels[0].face_id}' first"):
        read_all(open_dataset(copy))


@pytest.mark.parametrize("n_rows", [1, 5, 4096])
def test_labels_are_those_of_the_listed_faces_however_few_are_read_at_a_time(
    n_rows: int, copy: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "_READ_ROWS", n_rows)
    built = open_dataset(copy, TEST)
    listed = sorted(built.faces.filter(built.faces["is_labelled"])["face_id"].to_pylist())
    assert [label.face_id for label in iterate_labels(built)] == listed
    assert 0 < len(listed) < len(read_manifest(copy.labels("one"), Label) + read_manifest(copy.labels("two"), Label))
    last = max(listed)
    labels = copy.labels(last.partition("/")[0])
    write_manifest(labels, Label, [label for label in read_manifest(labels, Label) if label.face_id != last])
    with pytest.raises(BadManifest, match=f"1 labels are missing, of '{last}' first"):
        list(iterate_labels(built))


def test_labels_of_two_networks_are_refused(copy: Layout) -> None:
    labels = read_manifest(copy.labels("two"), Label)
    write_manifest(copy.labels("two"), Label, [replace(label, recognition_network="other") for label in labels])
    with pytest.raises(
        BadManifest, match=r"labels are of several networks: \[\('other', 6\), \('tiny-0123456789ab', 6\)"
    ):
        read_all(open_dataset(copy))


@pytest.mark.slow
def test_payload_comes_a_row_group_at_a_time_and_only_what_is_listed(make: Callable[..., Made]) -> None:
    made = make((("one", "ana", TRAIN), ("one", "ben", TEST)), n_clips=130)
    built = made.open(TEST)
    shards = sorted(set(built.segments.column("shard").to_pylist()))
    assert [Path(shard).name for shard in shards] == [f"shard-0000{number}-of-00002.parquet" for number in range(2)]
    tables = list(iterate_segments(built))
    assert max(len(table) for table in tables) == 64
    found = [
        (segment_id, log_mel.tolist())
        for table in tables
        for segment_id, log_mel in zip(table.column("segment_id").to_pylist(), log_mels(table), strict=True)
    ]
    assert sorted(found) == [(one.segment_id, made.log_mels[one.segment_id].tolist()) for one in made.segments(TEST)]
    assert sum(len(table) for table in iterate_faces(only_standard(built))) == 260
