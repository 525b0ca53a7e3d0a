"""Read ledgers: counts per stage, and the history of one item.

A ledger may have as many rows as there are faces: memory holds a part of one.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.base.outcome import OK
from pipeline.records.ledger import LedgerRow
from pipeline.records.schema import from_table
from pipeline.storage.manifest import iterate_tables
from pipeline.storage.row_groups import rows_where

_SEGMENT_ID = r"-a\d{8}$"
_DATASET = "^[^/]*/"
_OF_SEGMENTS, _ROW = "of_segments", "row"


@dataclass(frozen=True, slots=True)
class StageCounts:
    """How many items of one stage and dataset ended in which way."""

    dataset: str  # empty for a stage that runs once for all
    stage: str
    of_segments: bool  # a stage that ends clips and the segments cut from them is counted in two
    ends: Counter[str] = field(default_factory=Counter)  # 'ok', or '<status>: <reason>'

    @property
    def n_items(self) -> int:
        """Number of all items of the stage."""
        return self.ends.total()

    @property
    def n_ok(self) -> int:
        """Number of items with a result."""
        return self.ends[OK]


def count_ends(folder: Path) -> list[StageCounts]:
    """Return the counts of every stage that has run, datasets and stages in name order, clips before segments."""
    return [counts for dataset, path in _ledgers(folder) for counts in _count_ends(dataset, path)]


def end_of(row: LedgerRow) -> str:
    """Return 'ok', or '<status>: <reason>'."""
    return _end(row.status, row.reason)


def history_of(folder: Path, item: str) -> list[LedgerRow]:
    """Return every row on ``item`` and on what was cut from it; ``item``: an id, with or without its dataset."""
    return [
        row
        for _, path in _ledgers(folder)
        for table in rows_where(path, LedgerRow, partial(_may_be_about, item), partial(_is_about, item))
        for row in from_table(LedgerRow, table, str(path))
    ]


def _ledgers(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (dataset, path) of every ledger under ``folder``."""
    for path in sorted(folder.rglob("*.parquet")):
        yield path.parent.name if path.parent != folder else "", path


def _count_ends(dataset: str, path: Path) -> list[StageCounts]:
    """Return the counts of the items that are not segments, and of those that are, of a ledger that has any."""
    counts: dict[bool, StageCounts] = {}
    for rows in iterate_tables(path, LedgerRow, ["item_id", "stage", "status", "reason"]):
        of_segments = pc.match_substring_regex(rows.column("item_id"), _SEGMENT_ID)
        numbered = rows.append_column(_OF_SEGMENTS, of_segments).append_column(_ROW, pa.array(range(len(rows))))
        groups = numbered.group_by([_OF_SEGMENTS, "stage", "status", "reason"]).aggregate(
            [(_ROW, "min"), (_ROW, "count")]
        )
        # In the order of their first rows, which decides between ends of equal counts.
        for group in groups.sort_by(f"{_ROW}_min").to_pylist():
            kind = group[_OF_SEGMENTS]
            one = counts.setdefault(kind, StageCounts(dataset, group["stage"], kind))
            one.ends[_end(group["status"], group["reason"])] += group[f"{_ROW}_count"]
    return [counts[of_segments] for of_segments in sorted(counts)]


def _end(status: str, reason: str) -> str:
    return status if status == OK else f"{status}: {reason}"


def _is_about(item: str, ids: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.or_(_begin_with(item, ids), _begin_with(item, pc.replace_substring_regex(ids, _DATASET, "")))


def _begin_with(item: str, ids: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.or_(pc.equal(ids, item), pc.starts_with(ids, f"{item}-"))


def _may_be_about(item: str, first: str, last: str) -> bool:
    """Return whether an id from ``first`` to ``last`` may be about ``item``; False only where none can be."""
    end = f"{item}."  # '.' comes next after '-'
    (dataset, _, first_name), (other, _, last_name) = first.partition("/"), last.partition("/")
    return dataset != other or (first < end and item <= last) or (first_name < end and item <= last_name)
