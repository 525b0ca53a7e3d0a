"""The selection goes shard by shard, and its manifest, ledger and counts say the same."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.core.base.outcome import Dropped
from pipeline.core.records.face import Face, FaceExpression, FaceMeasures, SelectedFace
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.schema import Image, from_table, to_table
from pipeline.core.storage.manifest import write_manifest, write_tables
from pipeline.core.storage.shards import shard_paths, write_shards
from pipeline.face.crops.selection import SelectionCounts, select_crops, selection_ledger
from tests.face.faces import SELECT, face

N_CLIPS = 300  # more than one shard


def of_clip(clip_id: str) -> list[FaceMeasures]:
    """A standard face, one too close to it, and one that is turned away; every third clip has the last one only."""
    faces = [face(1.0), face(1.1, standardness=-1.0), face(2.0, mesh_yaw_deg=40.0)]
    chosen = faces[2:] if int(clip_id[-3:]) % 3 == 0 else faces
    return [replace(one, clip_id=clip_id, face_id=one.face_id.replace("set/clip", clip_id)) for one in chosen]


def crop_of(measures: FaceMeasures) -> Face:
    zeros = np.zeros(2, np.float32)
    return Face(**asdict(measures), image_sha256="", image=Image(b"", ""), landmarks_px=zeros, alignment=zeros)


def rows_of(clip_id: str) -> pa.Table:
    return to_table(Face, [crop_of(one) for one in of_clip(clip_id)])


def selected(tables: Sequence[pa.Table]) -> list[SelectedFace]:
    return [row for table in tables for row in from_table(SelectedFace, table)]


def test_each_shard_is_selected_by_itself_and_manifest_ledger_and_counts_agree(tmp_path: Path) -> None:
    clip_ids = [f"set/clip-{n:03d}" for n in range(N_CLIPS)]
    write_shards(tmp_path / "faces", Face, clip_ids, rows_of)
    assert len(shard_paths(tmp_path / "faces")) == 2
    counts = SelectionCounts()
    tables = list(counts.counting(select_crops(tmp_path / "faces", {}, SELECT)))
    reasons = {row.face_id.removeprefix(row.clip_id): set() for row in selected(tables)}
    for row in selected(tables):
        reasons[row.face_id.removeprefix(row.clip_id)].add((row.is_standard, row.reason))
    assert reasons == {
        "-t00-00001000": {(True, "")},
        "-t00-00001100": {(False, "too_close")},
        "-t00-00002000": {(False, "yaw")},
    }
    assert counts.summary() == "700 faces, 200 standard, from 200 clips; not: 300 yaw, 200 too_close"
    write_tables(tmp_path / "selected.parquet", SelectedFace, tables)
    ends = [
        row for table in selection_ledger(tmp_path / "selected.parquet", SELECT) for row in from_table(LedgerRow, table)
    ]
    details = {"too_close": "less than select.min_apart_s 0.2 s from a standard face of its clip"}
    details["yaw"] = "mesh_yaw_deg 40 > select.max_yaw_deg 12"
    assert ends == [
        ledger_row(
            "select", row.face_id, None if row.is_standard else Dropped.filtered(row.reason, details[row.reason])
        )
        for row in sorted(selected(tables), key=lambda row: row.face_id)
    ]


def test_an_override_makes_a_standard_face(tmp_path: Path) -> None:
    write_shards(tmp_path / "faces", Face, ["set/clip-000"], rows_of)
    (row,) = selected(list(select_crops(tmp_path / "faces", {"set/clip-000-t00-00002000": True}, SELECT)))
    assert (row.is_standard, row.reason) == (True, "reviewed")


def test_no_faces_at_all_are_counted_as_none(tmp_path: Path) -> None:
    write_shards(tmp_path / "faces", Face, ["set/clip-000"], lambda _: to_table(Face, []))
    counts = SelectionCounts()
    assert [len(table) for table in counts.counting(select_crops(tmp_path / "faces", {}, SELECT))] == [0]
    assert counts.summary() == "0 faces, 0 standard, from 0 clips; not: none"


def test_limits_on_symmetry_and_expression_hold_up_to_themselves(tmp_path: Path) -> None:
    """Where they are asked for: as committed there is none."""
    values = {1.0: (0.05, 0.8), 2.0: (0.051, 0.8), 3.0: (0.05, 0.81), 4.0: (0.05, None)}
    faces = [crop_of(face(time_s, asymmetry=asymmetry)) for time_s, (asymmetry, _) in values.items()]
    write_shards(tmp_path / "faces", Face, ["set/clip"], lambda _: to_table(Face, faces))
    known = [
        FaceExpression(face_id=one.face_id, clip_id="set/clip", expression=expression)
        for one, (_, expression) in zip(faces, values.values(), strict=True)
        if expression is not None
    ]
    write_manifest(tmp_path / "expressions.parquet", FaceExpression, known)
    limits = SELECT.model_copy(update={"max_asymmetry": 0.05, "max_expression": 0.8})
    rows = selected(list(select_crops(tmp_path / "faces", {}, limits, tmp_path / "expressions.parquet")))
    assert [row.reason for row in rows] == ["", "asymmetric", "expressive", "expressive"]
    write_manifest(tmp_path / "selected.parquet", SelectedFace, rows)
    ledger = selection_ledger(tmp_path / "selected.parquet", limits, [tmp_path / "expressions.parquet"])
    assert [row.detail for table in ledger for row in from_table(LedgerRow, table)] == [
        "",
        "asymmetry 0.051 > select.max_asymmetry 0.05",
        "expression 0.81 > select.max_expression 0.8",
        "expression not measured > select.max_expression 0.8",
    ]
    assert {row.reason for row in selected(list(select_crops(tmp_path / "faces", {}, SELECT)))} == {""}
