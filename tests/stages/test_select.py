"""Standard faces of all datasets are selected by one stage, those of each dataset by themselves."""

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

from pipeline.core.base.errors import BadManifest
from pipeline.core.base.layout import Layout
from pipeline.core.records.face import Face, SelectedFace
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.schema import Image, to_table
from pipeline.core.storage import manifest
from pipeline.core.storage.manifest import read_manifest, write_tables
from pipeline.core.storage.shards import write_shards
from stages import select
from stages.__main__ import run_stage
from tests.face.faces import SELECT, face

DATASETS = ["b", "a", "a-2"]
"""In the order of params.yaml; that of their ids is a-2/1, a/1, b/1."""


def crops_of(clip_id: str) -> pa.Table:
    """Two standard faces, and one that is turned away."""
    empty = np.zeros(2, np.float32)
    nothing = {"image_sha256": "", "image": Image(b"", ""), "landmarks_px": empty, "alignment": empty}
    faces = [face(1.0), face(2.0), face(3.0, mesh_yaw_deg=40.0)]
    named = [replace(one, clip_id=clip_id, face_id=one.face_id.replace("set/clip", clip_id)) for one in faces]
    return to_table(Face, [Face(**asdict(one), **nothing) for one in named])


def list_datasets(at: Layout, datasets: list[str]) -> None:
    at.params.write_text(
        yaml.safe_dump({"datasets": datasets, "select": SELECT.model_dump(), "crop": {"max_verified_gap": 0.06}}),
        encoding="utf-8",
    )


def ends(at: Layout) -> dict[str, str]:
    """Return the reason of each face, of standard ones 'ok' as well."""
    faces = read_manifest(at.selected_faces, SelectedFace)
    return {one.face_id: f"{'ok ' if one.is_standard else ''}{one.reason}".strip() for one in faces}


def ends_of(dataset: str, *of_each: str) -> dict[str, str]:
    return {f"{dataset}/1-t00-{second:08d}": end for second, end in zip((1000, 2000, 3000), of_each, strict=True)}


@pytest.fixture
def at(tmp_path: Path) -> Layout:
    """Three datasets of a clip each, with the same name."""
    at = Layout(tmp_path)
    list_datasets(at, DATASETS)
    for dataset in DATASETS:
        write_shards(at.faces_folder(dataset), Face, [f"{dataset}/1"], crops_of)
    return at


def test_one_table_and_one_ledger_have_the_faces_of_all_datasets_in_the_order_of_their_ids(
    at: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    run_stage("select", at)
    expected = {id_: end for name in ("a-2", "a", "b") for id_, end in ends_of(name, "ok", "ok", "yaw").items()}
    assert list(ends(at).items()) == list(expected.items())
    rows = {row.item_id: row for row in read_manifest(at.ledger("select"), LedgerRow)}
    assert list(rows) == list(expected)
    assert rows["b/1-t00-00001000"] == ledger_row("select", "b/1-t00-00001000")
    assert (rows["b/1-t00-00003000"].status, rows["b/1-t00-00003000"].reason) == ("filtered", "yaw")
    assert capsys.readouterr().out.splitlines() == [
        f"select: {dataset}: 3 faces, 2 standard, from 1 clips; not: 1 yaw" for dataset in DATASETS
    ]


def test_the_overrides_of_a_dataset_decide_on_its_own_faces_alone(at: Layout) -> None:
    at.review("a").parent.mkdir(parents=True)
    rows = [f"{dataset}/1-t00-00003000,yes,me,looks at us" for dataset in ("a", "b")]
    at.review("a").write_text("\n".join(["face_id,is_standard,who,why", *rows]) + "\n", encoding="utf-8")
    run_stage("select", at)
    plain = ends_of("a-2", "ok", "ok", "yaw") | ends_of("b", "ok", "ok", "yaw")
    assert ends(at) == ends_of("a", "ok", "ok", "ok reviewed") | plain


def test_a_dataset_has_the_rows_that_it_has_alone_and_one_that_is_not_listed_has_none(at: Layout) -> None:
    run_stage("select", at)
    together = read_manifest(at.selected_faces, SelectedFace)
    list_datasets(at, ["a"])
    run_stage("select", at)
    alone = read_manifest(at.selected_faces, SelectedFace)
    assert len(alone) == 3
    assert alone == [one for one in together if one.clip_id == "a/1"]
    assert {row.item_id for row in read_manifest(at.ledger("select"), LedgerRow)} == {one.face_id for one in alone}


def test_datasets_are_read_in_the_order_of_their_ids_so_that_nothing_is_sorted_on_the_disk(
    at: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row groups of one row: of a single group all rows are sorted in memory."""
    monkeypatch.setattr(select, "write_tables", partial(write_tables, row_group_rows=1))
    monkeypatch.setattr(manifest, "sorted_tables", None)
    run_stage("select", at)
    assert len(ends(at)) == 9


def test_a_dataset_whose_faces_are_not_cropped_is_named_and_what_was_selected_stays(at: Layout) -> None:
    run_stage("select", at)
    before = ends(at)
    list_datasets(at, [*DATASETS, "c"])
    with pytest.raises(BadManifest, match=r"data/faces/c: no shards. The stage that writes them has not run"):
        run_stage("select", at)
    assert ends(at) == before
