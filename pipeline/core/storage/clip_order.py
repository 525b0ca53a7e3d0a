"""Two orders that differ: that of clip ids ('talk' before 'talk-2') and that of the ids of their rows.

'talk-2-t00-00000040' is before 'talk-t00-00000040', and shards are ordered by hashes of clip ids.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core.records.schema import arrow_schema, key_of
from pipeline.core.storage.atomic import scratch_folder
from pipeline.core.storage.external_sort import sorted_tables

_READ_ROWS = 1 << 10
_MOST_BYTES = 1 << 26  # of clips whose rows are sorted in memory


def in_row_order(
    record: type, clip_ids: Iterable[str], rows_of: Callable[[str], pa.Table], sizes: Mapping[str, int] | None = None
) -> Iterator[pa.Table]:
    """Yield the rows of all clips in the order of their ids, which begin with ``<clip_id>-``; clips come in id order.

    Only clips named 'talk' and 'talk-...' have rows in between each other. So many of them that they exceed 64 MiB come
    out of order, which ``write_tables`` notices. Tables have the schema of ``record``, with its Vectors of ``sizes``.
    """
    schema = arrow_schema(record, sizes)
    first = ""
    gathered: list[pa.Table] = []
    n_bytes = 0
    for clip_id in clip_ids:
        if not clip_id.startswith(f"{first}-") or n_bytes > _MOST_BYTES:
            yield from _sorted(record, gathered)
            first, gathered, n_bytes = clip_id, [], 0
        gathered.append(rows_of(clip_id).cast(schema))
        n_bytes += gathered[-1].nbytes
    yield from _sorted(record, gathered)


def in_order_of(tables: Iterable[pa.Table], column: str, beside: Path) -> Iterator[pa.Table]:
    """Yield the rows of ``tables``, of one schema, in the order of the ids in ``column``.

    They are sorted on the disk, in a folder beside the path ``beside`` that is there until the iterator ends; memory
    holds one of ``tables``, or 1024 rows.
    """
    tables = iter(tables)
    first = next(tables, None)
    if first is None:
        return
    with scratch_folder(beside.with_name(f"{beside.name}.sorted")) as scratch:
        unsorted = scratch / "unsorted.parquet"
        with pq.ParquetWriter(unsorted, first.schema) as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table)
        yield from sorted_tables(unsorted, first.schema, column, _READ_ROWS)


def _sorted(record: type, tables: list[pa.Table]) -> Iterator[pa.Table]:
    if not tables:
        return
    table = tables[0] if len(tables) == 1 else pa.concat_tables(tables)
    ids = table.column(key_of(record))
    ascending = pc.all(pc.less_equal(ids.slice(0, max(0, len(ids) - 1)), ids.slice(1))).as_py()
    yield table.sort_by(key_of(record)) if ascending is False else table
