"""Rows come in the order of their ids where clips come in that of theirs, and clips in order out of hashed shards."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipeline.core.storage.clip_order
from pipeline.core.records.schema import Vector, arrow_schema, column
from pipeline.core.storage.clip_order import in_order_of, in_row_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    row_id: str = column("id")
    clip_id: str = column("clip")
    numbers: Vector = column("numbers")


def rows_of(clip_id: str) -> pa.Table:
    """Return three rows of a clip, two in order and the first last."""
    ids = [f"{clip_id}-{end}" for end in ("t00-00000040", "t01-00000000", "a00000000")]
    numbers = pa.array([[float(n)] * 2 for n in range(3)], pa.list_(pa.field("element", pa.float32())))
    return pa.table({"row_id": ids, "clip_id": [clip_id] * 3, "numbers": numbers})


def row_ids(clip_ids: list[str]) -> list[str]:
    return [
        row_id
        for table in in_row_order(Row, clip_ids, rows_of, {"numbers": 2})
        for row_id in table.column("row_id").to_pylist()
    ]


@given(st.sets(st.from_regex(r"[ab_-]{0,2}(-[0b.-]{1,3})?", fullmatch=True).map("set/{}".format)))
def test_rows_of_clips_in_order_come_in_the_order_of_their_ids(clip_ids: set[str]) -> None:
    found = row_ids(sorted(clip_ids))
    assert found == sorted(found)
    assert len(found) == 3 * len(clip_ids)


def test_a_clip_is_held_only_with_those_that_are_named_after_it() -> None:
    tables = list(in_row_order(Row, ["set/talk", "set/talk-2", "set/talk.x", "set/talk2"], rows_of))
    assert [len(table) for table in tables] == [6, 3, 3]


def test_tables_have_the_schema_of_their_record_whatever_lists_were_called() -> None:
    (sized,) = in_row_order(Row, ["set/a"], rows_of, {"numbers": 2})
    (unsized,) = in_row_order(Row, ["set/a"], rows_of)
    assert sized.schema.equals(arrow_schema(Row, {"numbers": 2}), check_metadata=True)
    assert unsized.schema.equals(arrow_schema(Row), check_metadata=True)
    assert str(unsized.schema.field("numbers").type) == "list<item: float>"


def test_no_more_rows_are_held_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    clip_ids = ["set/a", *(f"set/a-{number}" for number in range(5))]
    monkeypatch.setattr(pipeline.core.storage.clip_order, "_MOST_BYTES", rows_of("set/a-0").nbytes)
    assert sorted(row_ids(clip_ids)) == sorted(f"{clip}-{end}" for clip in clip_ids for end in _ENDS)
    assert max(len(table) for table in in_row_order(Row, clip_ids, rows_of)) == 6


_ENDS = ("t00-00000040", "t01-00000000", "a00000000")


def test_clips_come_in_order_out_of_tables_in_any_order(tmp_path: Path) -> None:
    beside = tmp_path / "sets" / "x.parquet"
    schema = pa.schema({"clip_id": pa.string(), "shard": pa.int64(), "hashes": pa.list_(pa.string())})
    clips = [(f"set/{number * 7919 % 3001}", number % 4, ["x"] * (number % 3)) for number in range(3001)]
    tables = [
        pa.table(dict(zip(schema.names, zip(*clips[shard::4], strict=True), strict=True)), schema) for shard in range(4)
    ]
    found = list(in_order_of(iter(tables), "clip_id", beside))
    assert [tuple(row.values()) for table in found for row in table.to_pylist()] == sorted(clips)
    assert max(map(len, found)) <= 1024
    assert list(beside.parent.iterdir()) == []


def test_no_tables_have_no_clips(tmp_path: Path) -> None:
    assert list(in_order_of(iter([]), "clip_id", tmp_path / "x.parquet")) == []
