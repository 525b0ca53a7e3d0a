"""A manifest is sorted, the same bytes for the same rows, and nothing else than it promises to be."""

import random
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.base.errors import BadManifest
from pipeline.core.records.schema import arrow_schema, column, from_table, to_table
from pipeline.core.storage import manifest
from pipeline.core.storage.manifest import (
    RowSpool,
    count_rows,
    iterate_manifest,
    iterate_tables,
    read_manifest,
    read_table,
    write_manifest,
    write_table,
    write_tables,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    sample_id: str = column("id")
    count: int = column("a number")
    share: float | None = column("share, 0-1")


def sample(sample_id: str, count: int = 0, share: float | None = None) -> Sample:
    return Sample(sample_id=sample_id, count=count, share=share)


ROWS = [sample("b", 2, 0.5), sample("a", 1), sample("B", -3, 1.0)]


def test_rows_come_back_in_the_order_of_their_ids(tmp_path: Path) -> None:
    write_manifest(tmp_path / "a.parquet", Sample, ROWS)
    assert read_manifest(tmp_path / "a.parquet", Sample) == [ROWS[2], ROWS[1], ROWS[0]]


def test_no_rows_are_a_manifest_too(tmp_path: Path) -> None:
    write_manifest(tmp_path / "a.parquet", Sample, [])
    assert read_manifest(tmp_path / "a.parquet", Sample) == []


_ROWS = st.lists(
    st.builds(
        sample,
        st.text(st.characters(codec="utf-8"), max_size=4),
        st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False),
    ),
    unique_by=lambda row: row.sample_id,
    max_size=20,
)


@given(rows=_ROWS, order=st.randoms(use_true_random=False))
def test_the_same_rows_in_any_order_give_the_same_bytes(rows: list[Sample], order: random.Random) -> None:
    shuffled = list(rows)
    order.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("a.parquet", "b.parquet")]
        for path, content in zip(paths, (rows, shuffled), strict=True):
            write_manifest(path, Sample, content)
        assert paths[0].read_bytes() == paths[1].read_bytes()
        assert read_manifest(paths[0], Sample) == sorted(rows, key=lambda row: row.sample_id.encode())


def test_the_same_rows_in_other_chunks_give_the_same_bytes(tmp_path: Path) -> None:
    whole = to_table(Sample, [sample(f"{i:03d}", i) for i in range(100)])
    write_table(tmp_path / "whole.parquet", Sample, whole)
    write_table(tmp_path / "parts.parquet", Sample, pa.concat_tables([whole.slice(60), whole.slice(0, 60)]))
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "parts.parquet").read_bytes()


def test_an_id_that_occurs_twice_is_named_and_the_old_manifest_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_manifest(path, Sample, ROWS)
    before = path.read_bytes()
    with pytest.raises(BadManifest, match=re.escape(f"{path}: the id 'twice' occurs 2 times")):
        write_manifest(path, Sample, [sample("twice", 1), sample("once"), sample("twice", 2)])
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


WHOLE = to_table(Sample, ROWS)
BAD_TABLES = [
    (WHOLE.drop_columns("count"), "missing columns ['count'], unknown columns []"),
    (WHOLE.append_column("more", pa.array([1, 2, 3])), "missing columns [], unknown columns ['more']"),
    (WHOLE.select(["count", "sample_id", "share"]), "expected ['sample_id', 'count', 'share']"),
    (
        WHOLE.set_column(1, pa.field("count", pa.int32(), False), pa.array([1, 2, 3], pa.int32())),
        "column 'count' of Sample: expected int64 not null, found int32 not null",
    ),
    (
        WHOLE.set_column(1, pa.field("count", pa.int64()), pa.array([1, None, 3])),
        "column 'count' of Sample: expected int64 not null, found int64",
    ),
]


@pytest.mark.parametrize(("table", "message"), BAD_TABLES)
def test_a_wrong_column_is_named_on_reading(tmp_path: Path, table: pa.Table, message: str) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    with pytest.raises(BadManifest, match=f"{re.escape(str(path))}: .*{re.escape(message)}"):
        read_table(path, Sample)


@pytest.mark.parametrize(("table", "message"), BAD_TABLES)
def test_a_wrong_column_is_named_on_writing_and_nothing_is_written(
    tmp_path: Path, table: pa.Table, message: str
) -> None:
    with pytest.raises(BadManifest, match=re.escape(message)):
        write_table(tmp_path / "a.parquet", Sample, table)
    assert list(tmp_path.iterdir()) == []


def test_single_columns_can_be_read(tmp_path: Path) -> None:
    write_manifest(tmp_path / "a.parquet", Sample, ROWS)
    assert read_table(tmp_path / "a.parquet", Sample, ["count"]).to_pydict() == {"count": [-3, 1, 2]}


def test_an_absent_manifest_says_that_its_stage_has_not_run(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(BadManifest, match=re.escape(f"{path}: not found. The stage that writes it has not run")):
        read_manifest(path, Sample)


def _damage(content: bytes, kind: str) -> bytes:
    if kind == "footer":
        return content[:-200] + b"x" * 100 + content[-100:]
    if kind == "page":
        return content[:60] + b"y" * 400 + content[460:]
    return {"empty": b"", "text": b"sample_id,count,share\n", "cut": content[:-100]}[kind]


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "footer", "page"])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.parquet"
    write_manifest(path, Sample, [sample(f"{i:04d}", i * i) for i in range(1000)])
    path.write_bytes(_damage(path.read_bytes(), kind))
    expected = re.escape(f"{path}: no readable Parquet file (") + ".*Delete it and run 'dvc repro'"
    with pytest.raises(BadManifest, match=expected):
        read_manifest(path, Sample)


def test_the_schema_of_a_file_is_that_of_its_record(tmp_path: Path) -> None:
    write_manifest(tmp_path / "a.parquet", Sample, ROWS)
    assert pq.read_schema(tmp_path / "a.parquet").equals(arrow_schema(Sample), check_metadata=True)


@given(
    rows=_ROWS,
    order=st.randoms(use_true_random=False),
    row_group_rows=st.integers(1, 8),
    n_part=st.integers(1, 8),
)
def test_rows_written_in_parts_of_any_order_give_the_bytes_of_one_table(
    rows: list[Sample], order: random.Random, row_group_rows: int, n_part: int
) -> None:
    whole = to_table(Sample, rows)
    order.shuffle(rows)
    parts = [to_table(Sample, rows[start : start + n_part]) for start in range(0, len(rows), n_part)]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("whole.parquet", "parts.parquet")]
        write_table(paths[0], Sample, whole, row_group_rows=row_group_rows)
        write_tables(paths[1], Sample, iter(parts), row_group_rows=row_group_rows)
        assert paths[0].read_bytes() == paths[1].read_bytes()
        assert sorted(path.name for path in Path(folder).iterdir()) == ["parts.parquet", "whole.parquet"]


@pytest.mark.parametrize("ids", ["abccd", "cabdc", "ccabd"])
def test_an_id_twice_in_rows_written_in_parts_is_named_and_nothing_is_written(tmp_path: Path, ids: str) -> None:
    parts = [to_table(Sample, [sample(one)]) for one in ids]
    with pytest.raises(BadManifest, match=re.escape("a.parquet: the id 'c' occurs 2 times or more")):
        write_tables(tmp_path / "a.parquet", Sample, parts, row_group_rows=2)
    assert list(tmp_path.iterdir()) == []


def test_rows_can_be_read_one_by_one(tmp_path: Path) -> None:
    rows = [sample(f"{i:05d}", i) for i in range(5000)]
    write_manifest(tmp_path / "a.parquet", Sample, iter(rows))
    assert list(iterate_manifest(tmp_path / "a.parquet", Sample)) == rows
    assert [len(table) for table in iterate_tables(tmp_path / "a.parquet", Sample, ["count"])] == [4096, 904]


def test_rows_are_counted_without_reading_them(tmp_path: Path) -> None:
    write_manifest(tmp_path / "a.parquet", Sample, ROWS)
    assert count_rows(tmp_path / "a.parquet", Sample) == 3


def test_tables_of_one_row_do_not_wait_for_a_row_group_each_by_itself(tmp_path: Path) -> None:
    n_rows, whole = 3000, to_table(Sample, [sample(f"{i:05d}", i) for i in range(3000)])
    most_bytes, bytes_before = 0, pa.total_allocated_bytes()

    def tables() -> Iterator[pa.Table]:
        nonlocal most_bytes
        for row in range(n_rows):
            yield whole.take([row])
            most_bytes = max(most_bytes, pa.total_allocated_bytes() - bytes_before)

    write_tables(tmp_path / "a.parquet", Sample, tables(), row_group_rows=1000)
    alone_bytes = pa.total_allocated_bytes()
    alone = whole.take([0])
    alone_bytes = pa.total_allocated_bytes() - alone_bytes
    del alone
    assert most_bytes < 600 * alone_bytes  # two row groups of large tables, and 256 small ones
    assert read_table(tmp_path / "a.parquet", Sample).equals(whole)


@pytest.mark.parametrize("n_rows", [0, 3, 4, 5, 9])
def test_rows_come_out_of_a_file_in_the_order_in_which_they_were_added(
    n_rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "_READ_ROWS", 4)
    rows = [sample(f"{-n}", n, n / 3 if n % 2 else None) for n in range(n_rows)]
    spool = RowSpool(tmp_path / "rows", Sample)
    spool.add(rows[:2])
    spool.add(rows[2:])
    assert [row for table in spool.tables() for row in from_table(Sample, table)] == rows
