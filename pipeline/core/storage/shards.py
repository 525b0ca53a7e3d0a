"""Payload shards: images and log-mels in few, large Parquet files.

An item's shard follows from the hash of its clip, so that a new clip rewrites one shard only.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.base.errors import BadManifest
from pipeline.core.records.schema import arrow_schema, check_schema
from pipeline.core.storage.atomic import replacing_folder
from pipeline.core.storage.clip_order import in_row_order
from pipeline.core.storage.manifest import read_table, write_table, write_tables

CLIPS_PER_SHARD = 256
_ROW_GROUP_ROWS = 64


def n_shards_for(n_clips: int) -> int:
    """Return the smallest power of two at which a shard has at most 256 clips on average.

    A power of two, because doubling then splits each shard instead of redistributing all rows.
    """
    n_shards = 1
    while n_shards * CLIPS_PER_SHARD < n_clips:
        n_shards *= 2
    return n_shards


def shard_of(clip_id: str, n_shards: int) -> int:
    """Return the shard that holds the rows of ``clip_id``."""
    return int.from_bytes(hashlib.sha256(clip_id.encode()).digest()[:8]) % n_shards


def write_shards(
    folder: Path,
    record: type,
    clip_ids: Sequence[str],
    rows_of: Callable[[str], pa.Table],
    sizes: Mapping[str, int] | None = None,
) -> None:
    """Write the rows of all clips into ``folder``, one shard at a time: memory holds the rows of a few clips."""
    n_shards = n_shards_for(len(clip_ids))
    members: list[list[str]] = [[] for _ in range(n_shards)]
    for clip_id in sorted(clip_ids):
        members[shard_of(clip_id, n_shards)].append(clip_id)
    with replacing_folder(folder) as temporary:
        for index, clips in enumerate(members):
            path = temporary / f"shard-{index:05d}-of-{n_shards:05d}.parquet"
            tables = (table for table in in_row_order(record, clips, rows_of, sizes) if len(table))
            first = next(tables, None)
            if first is None:
                write_table(path, record, arrow_schema(record, sizes).empty_table())
            else:
                write_tables(path, record, itertools.chain([first], tables), row_group_rows=_ROW_GROUP_ROWS)


def shard_paths(folder: Path) -> list[Path]:
    """Return the shards of ``folder`` in order; raise BadManifest when there is none."""
    paths = sorted(folder.glob("shard-*.parquet"))
    if not paths:
        raise BadManifest(f"{folder}: no shards. The stage that writes them has not run: see 'dvc status'.")
    return paths


def read_columns(folder: Path, record: type, columns: Sequence[str]) -> pa.Table:
    """Return ``columns`` of all shards, without reading the others (the payload stays on the disk)."""
    return pa.concat_tables([read_table(path, record, columns) for path in shard_paths(folder)])


def iterate_batches(folder: Path, record: type, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield ``columns`` of all shards in batches of bounded size, in shard order."""
    for path in shard_paths(folder):
        with pq.ParquetFile(path) as file:
            check_schema(record, file.schema_arrow, str(path))
            yield from file.iter_batches(batch_size=_ROW_GROUP_ROWS, columns=list(columns))
