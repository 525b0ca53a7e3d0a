"""Manifests: Parquet files of one record each, sorted by id, schema-checked, written atomically."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.base.errors import BadManifest
from pipeline.records.schema import check_schema, from_table, key_of, to_table
from pipeline.storage.atomic import replacing

Record = TypeVar("Record")

# One page layout everywhere, so that the same rows are always written to the same bytes.
_PARQUET: dict[str, Any] = {"compression": "zstd", "compression_level": 3, "write_page_index": False}


def write_manifest(path: Path, record: type[Record], rows: Iterable[Record]) -> None:
    """Write ``rows`` sorted by their id; raise BadManifest when an id occurs twice."""
    write_table(path, record, to_table(record, list(rows)))


def write_table(path: Path, record: type, table: pa.Table, *, row_group_rows: int = 1 << 16) -> None:
    """Write ``table``, which must have the schema of ``record``, sorted by id, each id once."""
    check_schema(record, table.schema, str(path))
    table = table.sort_by(key_of(record))
    _check_unique(path, table.column(key_of(record)))
    with replacing(path) as temporary:
        pq.write_table(table, temporary, row_group_size=row_group_rows, **_PARQUET)


def read_manifest(path: Path, record: type[Record]) -> list[Record]:
    """Return the rows in id order; raise BadManifest when ``path`` is absent or has another schema."""
    return from_table(record, read_table(path, record), str(path))


def read_table(path: Path, record: type, columns: Sequence[str] | None = None) -> pa.Table:
    """Return ``columns`` (all by default) of ``path``, whose schema must be that of ``record``."""
    if not path.is_file():
        raise BadManifest(f"{path}: not found. The stage that writes it has not run: see 'dvc status'.")
    try:
        with pq.ParquetFile(path) as file:
            check_schema(record, file.schema_arrow, str(path))
            return file.read(columns=None if columns is None else list(columns))
    except (pa.ArrowInvalid, OSError) as error:  # OSError is also how Arrow reports damaged bytes
        raise BadManifest(f"{path}: no readable Parquet file ({error}). Delete it and run 'dvc repro'.") from None


def _check_unique(path: Path, ids: pa.ChunkedArray) -> None:
    counts = pc.value_counts(ids)
    twice = counts.filter(pc.greater(counts.field("counts"), 1)) if len(counts) else counts
    if len(twice):
        raise BadManifest(f"{path}: the id '{twice[0]['values'].as_py()}' occurs {twice[0]['counts'].as_py()} times")
