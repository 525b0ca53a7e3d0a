"""Rows that are wide are sorted in memory that depends on their bytes, not on their number."""

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.storage import external_sort
from pipeline.core.storage.external_sort import sorted_tables

N_ROWS, ROW_BYTES = 8000, 8192
SCHEMA = pa.schema({"id": pa.string(), "content": pa.binary()})


def test_rows_of_64_mebibytes_are_sorted_in_half_of_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    ids = [f"{number:05d}" for number in rng.permutation(N_ROWS)]
    with pq.ParquetWriter(tmp_path / "a.parquet", SCHEMA) as writer:
        for start in range(0, N_ROWS, 200):
            some = ids[start : start + 200]
            content = [one.encode() + rng.bytes(ROW_BYTES) for one in some]
            writer.write_table(pa.table({"id": some, "content": content}, SCHEMA))
    bytes_before = pa.total_allocated_bytes()
    sampled: list[int] = []

    def searched(values: Sequence[str], wanted: str) -> int:
        sampled.append(pa.total_allocated_bytes() - bytes_before)  # while rows are dealt
        return bisect_left(values, wanted)

    monkeypatch.setattr(external_sort, "bisect_left", searched)
    found: list[str] = []
    for table in sorted_tables(tmp_path / "a.parquet", SCHEMA, "id", 100):
        sampled.append(pa.total_allocated_bytes() - bytes_before)
        assert [content[:5].decode() for content in table["content"].to_pylist()] == table["id"].to_pylist()
        found += table["id"].to_pylist()
    assert found == sorted(ids)
    assert 0 < max(sampled) < N_ROWS * ROW_BYTES / 2
