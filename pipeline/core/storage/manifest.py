"""Manifests: Parquet files of one record each, sorted by id, schema-checked, written atomically.

Readers and writers come in two kinds: for tables that fit in memory, and for those of every frame or face, which are
read and written in parts.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core.base.errors import BadManifest
from pipeline.core.records.schema import arrow_schema, check_schema, from_table, key_of, to_table
from pipeline.core.storage.atomic import replacing, scratch_folder
from pipeline.core.storage.external_sort import sorted_tables

Record = TypeVar("Record")

ROW_GROUP_ROWS = 1 << 14
_READ_ROWS = 1 << 12  # rows of one part: as objects a few megabytes
_MOST_TABLES = 1 << 8  # that wait for a row group to fill: a table of one row takes 6 kB
_BUFFER_BYTES = 1 << 18  # a column's bytes held while it is read; without a limit all those of a row group

# One page layout everywhere, so that the same rows are always written to the same bytes.
_PARQUET: dict[str, Any] = {"compression": "zstd", "compression_level": 3, "write_page_index": False}


def write_manifest(path: Path, record: type[Record], rows: Iterable[Record]) -> None:
    """Write ``rows``, which may be a generator, sorted by their id; raise BadManifest when an id occurs twice."""
    write_tables(path, record, tables_of(record, rows))


def write_tables(path: Path, record: type, tables: Iterable[pa.Table], *, row_group_rows: int = ROW_GROUP_ROWS) -> None:
    """Write the rows of all ``tables``, sorted by id, each id once; memory holds a few row groups.

    All have the schema of ``record``. The bytes are those that ``write_table`` writes for one table of all rows.
    """
    groups = _in_groups(path, record, tables, row_group_rows)
    first, second = next(groups, arrow_schema(record).empty_table()), next(groups, None)
    if second is None:
        write_table(path, record, first, row_group_rows=row_group_rows)
        return
    key, schema = key_of(record), first.schema
    groups = itertools.chain([first], [second], groups)
    del first, second  # else they stay until the last is written
    with replacing(path) as temporary:
        repeated = _write_groups(temporary, key, groups)
        if repeated is not None:  # not in order of ids, or an id twice
            with scratch_folder(path) as scratch:
                unsorted = temporary.rename(scratch / path.name)
                repeated = _write_groups(temporary, key, sorted_tables(unsorted, schema, key, row_group_rows))
        if repeated is not None:
            raise BadManifest(f"{path}: the id '{repeated}' occurs 2 times or more")


def write_table(path: Path, record: type, table: pa.Table, *, row_group_rows: int = ROW_GROUP_ROWS) -> None:
    """Write ``table``, which must have the schema of ``record``, sorted by id, each id once."""
    check_schema(record, table.schema, str(path))
    table = table.sort_by(key_of(record))
    _check_unique(path, table.column(key_of(record)))
    with replacing(path) as temporary:
        pq.write_table(table, temporary, row_group_size=row_group_rows, **_PARQUET)


def tables_of(record: type[Record], rows: Iterable[Record]) -> Iterator[pa.Table]:
    """Yield ``rows`` as tables of bounded size, in the order given."""
    iterator = iter(rows)
    while part := list(itertools.islice(iterator, _READ_ROWS)):
        yield to_table(record, part)


def read_manifest(path: Path, record: type[Record]) -> list[Record]:
    """Return the rows in id order; raise BadManifest when ``path`` is absent or has another schema."""
    return from_table(record, read_table(path, record), str(path))


def iterate_manifest(path: Path, record: type[Record]) -> Iterator[Record]:
    """Yield the rows in id order, a few in memory at a time; raises as ``read_manifest``."""
    for table in iterate_tables(path, record):
        yield from from_table(record, table, str(path))


def read_table(path: Path, record: type, columns: Sequence[str] | None = None) -> pa.Table:
    """Return ``columns`` (all by default) of ``path``, whose schema must be that of ``record``."""
    with open_parquet(path, record) as file:
        return file.read(columns=None if columns is None else list(columns), use_threads=False)


def count_rows(path: Path, record: type) -> int:
    """Return the number of rows of ``path``; raises as ``read_manifest``."""
    with open_parquet(path, record) as file:
        return int(file.metadata.num_rows)


def iterate_tables(path: Path, record: type, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield ``columns`` (all by default) of ``path`` in tables of at most 4096 rows, in id order."""
    with open_parquet(path, record) as file:
        wanted = None if columns is None else list(columns)
        for batch in file.iter_batches(batch_size=_READ_ROWS, columns=wanted, use_threads=False):
            yield pa.Table.from_batches([batch])


@contextmanager
def open_parquet(path: Path, record: type, metadata: pq.FileMetaData | None = None) -> Iterator[pq.ParquetFile]:
    """Open ``path``, whose schema must be that of ``record``; ``metadata``: those of an earlier opening, to save time.

    Raises BadManifest when it is absent or has another schema, and inside the block when its bytes are damaged.
    """
    if not path.is_file():
        raise BadManifest(f"{path}: not found. The stage that writes it has not run: see 'dvc status'.")
    try:
        with pq.ParquetFile(path, metadata=metadata, pre_buffer=False, buffer_size=_BUFFER_BYTES) as file:
            check_schema(record, file.schema_arrow, str(path))
            yield file
    except (pa.ArrowInvalid, OSError) as error:  # OSError is also how Arrow reports damaged bytes
        raise BadManifest(f"{path}: no readable Parquet file ({error}). Delete it and run 'dvc repro'.") from None


class RowSpool:
    """Rows of one record in a file until all are there: for several manifests written in one pass.

    They come out in the order in which they were added; memory holds at most 4096 of them.
    """

    def __init__(self, path: Path, record: type) -> None:
        """Make the file ``path``; who makes it removes it."""
        self._path, self._record = path, record
        self._writer = pq.ParquetWriter(path, arrow_schema(record))
        self._waiting: list[Any] = []

    def add(self, rows: Iterable[Any]) -> None:
        """Add rows of the record."""
        for row in rows:
            self._waiting.append(row)
            if len(self._waiting) == _READ_ROWS:
                self._save()

    def tables(self) -> Iterator[pa.Table]:
        """Yield all rows; none can be added any more."""
        self._save()
        self._writer.close()
        yield from iterate_tables(self._path, self._record)

    def _save(self) -> None:
        if self._waiting:
            self._writer.write_table(to_table(self._record, self._waiting))
            self._waiting = []


def _in_groups(path: Path, record: type, tables: Iterable[pa.Table], n_rows: int) -> Iterator[pa.Table]:
    """Yield the rows of ``tables`` in tables of ``n_rows`` rows each, the last one shorter."""
    gathered: list[pa.Table] = []
    n_gathered = 0
    for table in tables:
        check_schema(record, table.schema, str(path))
        gathered.append(table)
        n_gathered += len(table)
        if n_gathered >= n_rows:
            whole = pa.concat_tables(gathered)
            n_full = n_gathered // n_rows * n_rows
            for start in range(0, n_full, n_rows):
                yield whole.slice(start, n_rows).combine_chunks()
            gathered, n_gathered = [whole.slice(n_full).combine_chunks()], n_gathered - n_full
            del whole  # else all its small tables stay until the next group is full
        elif len(gathered) == _MOST_TABLES:
            gathered = [pa.concat_tables(gathered).combine_chunks()]
    if n_gathered:
        yield pa.concat_tables(gathered).combine_chunks()


def _write_groups(path: Path, key: str, groups: Iterable[pa.Table]) -> str | None:
    """Write each group as a row group; return the first id that is not above the one before it, or None."""
    wrong: str | None = None
    last: pa.ChunkedArray | None = None
    writer: pq.ParquetWriter | None = None
    try:
        for group in groups:
            if writer is None:
                writer = pq.ParquetWriter(path, group.schema, **_PARQUET)
            writer.write_table(group, row_group_size=max(1, len(group)))
            pa.default_memory_pool().release_unused()  # else the allocator keeps more and more small free parts
            ids = group.column(key) if last is None else pa.chunked_array([*last.chunks, *group.column(key).chunks])
            wrong = wrong if wrong is not None else _first_not_ascending(ids)
            last = group.column(key).slice(len(group) - 1)
    finally:
        if writer is not None:
            writer.close()
    return wrong


def _first_not_ascending(ids: pa.ChunkedArray) -> str | None:
    later = ids.slice(1)
    row = pc.index(pc.greater(later, ids.slice(0, len(later))), False).as_py()
    return None if row < 0 else str(later[row].as_py())


def _check_unique(path: Path, ids: pa.ChunkedArray) -> None:
    counts = pc.value_counts(ids)
    twice = counts.filter(pc.greater(counts.field("counts"), 1)) if len(counts) else counts
    if len(twice):
        raise BadManifest(f"{path}: the id '{twice[0]['values'].as_py()}' occurs {twice[0]['counts'].as_py()} times")
