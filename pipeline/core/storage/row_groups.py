"""Some rows of a Parquet file by their ids: row groups without any are not read.

Which may have some, the file's statistics say: the first and last id of each.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core.records.schema import key_of
from pipeline.core.storage.manifest import open_parquet

_LAST_ID = chr(0x10FFFF)

MayHold = Callable[[str, str], bool]
"""Whether ids from a first to a last one may be among those wanted."""

IsWanted = Callable[[pa.ChunkedArray], pa.ChunkedArray]
"""Of each id whether it is wanted."""


def rows_where(
    path: Path, record: type, may_hold: MayHold, is_wanted: IsWanted, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Yield ``columns`` (all by default) of the wanted rows in id order, those of one row group at a time.

    Raises BadManifest when ``path`` is absent or has another schema.
    """
    key = key_of(record)
    with open_parquet(path, record) as file:
        for number in range(file.num_row_groups):
            if may_hold(*id_range(file.metadata, number, key)):
                wanted = is_wanted(file.read_row_group(number, columns=[key]).column(key))
                if pc.any(wanted).as_py():
                    rows = file.read_row_group(number, columns=None if columns is None else list(columns))
                    yield rows.filter(wanted)


def rows_of_ids(
    path: Path, record: type, ids: Collection[str], columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Yield ``columns`` (all by default) of the rows of ``ids``; an id without a row has none. As ``rows_where``."""
    in_order = sorted(ids)
    wanted_ids = pa.array(in_order, pa.string())

    def may_hold(first: str, last: str) -> bool:
        place = bisect_left(in_order, first)
        return place < len(in_order) and in_order[place] <= last

    def is_wanted(found: pa.ChunkedArray) -> pa.ChunkedArray:
        return pc.is_in(found, value_set=wanted_ids)

    return rows_where(path, record, may_hold, is_wanted, columns)


def rows_of_dataset(path: Path, record: type, dataset: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield ``columns`` (all by default) of the rows whose ids are ``<dataset>/...``. As ``rows_where``."""
    start, end = dataset_range(dataset)

    def may_hold(first: str, last: str) -> bool:
        return first < end and start <= last

    def is_wanted(found: pa.ChunkedArray) -> pa.ChunkedArray:
        return pc.starts_with(found, start)

    return rows_where(path, record, may_hold, is_wanted, columns)


def dataset_range(dataset: str) -> tuple[str, str]:
    """Return the first id that an item of ``dataset`` may have, and the first one behind those of the dataset."""
    return f"{dataset}/", f"{dataset}0"  # '0' comes next after '/'


def id_range(metadata: pq.FileMetaData, number: int, key: str) -> tuple[str, str]:
    """Return the first and last id of a row group; where the file does not state them, those of all ids."""
    group = metadata.row_group(number)
    column = next(group.column(i) for i in range(group.num_columns) if group.column(i).path_in_schema == key)
    statistics = column.statistics
    return (statistics.min, statistics.max) if statistics is not None and statistics.has_min_max else ("", _LAST_ID)
