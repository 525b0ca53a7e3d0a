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

from pipeline.core.base.outcome import OK, end_of
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.schema import from_table
from pipeline.core.storage.manifest import iterate_tables
from pipeline.core.storage.row_groups import rows_where

_SEGMENT_ID = r"-a\d{8}$"
_DATASET = "^[^/]*/"
_DATASET_OF_ITEM, _OF_SEGMENTS, _ROW = "dataset", "of_segments", "row"

# Stages that run once for all datasets although each item's end depends on its dataset alone: their counts are those of
# the datasets, by the ids of the items. The others compare or join datasets, and are counted over all.
_COUNTED_BY_DATASET = frozenset({"select"})


@dataclass(frozen=True, slots=True)
class StageCounts:
    """How many items of one stage and dataset ended in which way."""

    dataset: str  # empty for a stage that is counted over all datasets
    stage: str
    of_segments: bool  # a stage that ends clips and the segments cut from them is counted in two
    ends: Counter[str] = field(default_factory=Counter)  # see ``end_of``

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
    counted = [counts for dataset, path in _ledgers(folder) for counts in _count_ends(dataset, path)]
    return sorted(counted, key=lambda one: (one.dataset, one.stage, one.of_segments))


def history_of(folder: Path, item: str) -> list[LedgerRow]:
    """Return every row on ``item`` and on what was cut from it; ``item``: an id, with or without its dataset."""
    return [
        row
        for _, path in _ledgers(folder)
        for table in rows_where(path, LedgerRow, partial(_may_be_about, item), partial(_is_about, item))
        for row in from_table(LedgerRow, table, str(path))
    ]


def _ledgers(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (dataset, path) of every ledger under ``folder``; the dataset of a stage that runs once for all is empty.

    A stage that has a ledger for all datasets has no others: what lies in their folders is of a version of the project
    in which it ran per dataset.
    """
    paths = sorted(folder.rglob("*.parquet"))
    of_all = {path.name for path in paths if path.parent == folder}
    for path in paths:
        if path.parent == folder:
            yield "", path
        elif path.name not in of_all:
            yield path.parent.name, path


def _count_ends(dataset: str, path: Path) -> list[StageCounts]:
    """Return the counts of the items that are not segments, and of those that are, of a ledger that has any.

    Those of a stage in _COUNTED_BY_DATASET are of the items of each dataset.
    """
    by_item = not dataset and path.stem in _COUNTED_BY_DATASET
    counts: dict[tuple[str, bool], StageCounts] = {}
    for rows in iterate_tables(path, LedgerRow, ["item_id", "stage", "status", "reason", "remedy"]):
        of_segments = pc.match_substring_regex(rows.column("item_id"), _SEGMENT_ID)
        datasets = (
            pc.list_element(pc.split_pattern(rows.column("item_id"), "/", max_splits=1), 0)
            if by_item
            else pa.repeat(dataset, len(rows))
        )
        numbered = (
            rows.append_column(_DATASET_OF_ITEM, datasets)
            .append_column(_OF_SEGMENTS, of_segments)
            .append_column(_ROW, pa.array(range(len(rows))))
        )
        groups = numbered.group_by([_DATASET_OF_ITEM, _OF_SEGMENTS, "stage", "status", "reason", "remedy"]).aggregate(
            [(_ROW, "min"), (_ROW, "count")]
        )
        # In the order of their first rows, which decides between ends of equal counts.
        for group in groups.sort_by(f"{_ROW}_min").to_pylist():
            kind = (group[_DATASET_OF_ITEM], group[_OF_SEGMENTS])
            one = counts.setdefault(kind, StageCounts(kind[0], group["stage"], kind[1]))
            one.ends[end_of(group["status"], group["reason"], group["remedy"])] += group[f"{_ROW}_count"]
    return list(counts.values())


def _is_about(item: str, ids: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.or_(_begin_with(item, ids), _begin_with(item, pc.replace_substring_regex(ids, _DATASET, "")))


def _begin_with(item: str, ids: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.or_(pc.equal(ids, item), pc.starts_with(ids, f"{item}-"))


def _may_be_about(item: str, first: str, last: str) -> bool:
    """Return whether an id from ``first`` to ``last`` may be about ``item``; False only where none can be."""
    end = f"{item}."  # '.' comes next after '-'
    (dataset, _, first_name), (other, _, last_name) = first.partition("/"), last.partition("/")
    return dataset != other or (first < end and item <= last) or (first_name < end and item <= last_name)
