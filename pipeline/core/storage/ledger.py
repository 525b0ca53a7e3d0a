"""Read ledgers: counts per stage, the history of one item, what was dropped, and ids like one that is not there.

A ledger may have as many rows as there are faces: memory holds a part of one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.base.outcome import OK, end_of
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.schema import from_table
from pipeline.core.storage.manifest import iterate_tables
from pipeline.core.storage.row_groups import rows_where

_SEGMENT_ID, _FACE_ID = r"-a\d{8}$", r"-t\d{2,}-\d{8}$"
_DATASET = "^[^/]*/"
_DATASET_OF_ITEM, _CUT, _ROW = "dataset", "cut", "row"

# Of a face, a track, a segment, a subject or a part: what its id has behind that of its clip.
_CUT_FROM = re.compile(r"-(?:t\d*(?:-\d*)?|[asp]\d+)$")
_OF_CLIPS_AND_PERSONS = frozenset({"sources", "released_audioface", "dataset"})
_LEAST_LIKENESS = 0.6  # the share of letters in common that difflib takes for a close match

# Stages that run once for all datasets although each item's end depends on its dataset alone: their counts are those of
# the datasets, by the ids of the items. The others compare or join datasets, and are counted over all.
_COUNTED_BY_DATASET = frozenset({"select"})

# Stages of clips that may end faces cut from them too.
_ENDS_FACES_TOO = frozenset({"crop"})


@dataclass(frozen=True, slots=True)
class StageCounts:
    """How many items of one stage and dataset ended in which way."""

    dataset: str  # empty for a stage that is counted over all datasets
    stage: str
    cut: str  # what was cut from the items, 'faces' or 'segments', where its ends are counted; empty: the items
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
    return sorted(counted, key=lambda one: (one.dataset, one.stage, one.cut))


def history_of(folder: Path, item: str) -> list[LedgerRow]:
    """Return every row on ``item`` and on what was cut from it; ``item``: an id, with or without its dataset."""
    return [
        row
        for _, path in _ledgers(folder)
        for table in rows_where(path, LedgerRow, partial(_may_be_about, item), partial(_is_about, item))
        for row in from_table(LedgerRow, table, str(path))
    ]


@dataclass(slots=True)
class Drops:
    """The items of one stage that ended alike without a result."""

    stage: str
    end: str  # see ``end_of``
    n: int = 0
    first: list[LedgerRow] = field(default_factory=list)  # in id order within each dataset


def drops_in(folder: Path, dataset: str | None, n_first: int) -> list[Drops]:
    """Return what was dropped, of one dataset or all, by stage and end, with the first ``n_first`` rows of each."""
    found: dict[tuple[str, str], Drops] = {}
    for of_dataset, path in _ledgers(folder):
        if of_dataset and dataset not in (None, of_dataset):
            continue
        for table in iterate_tables(path, LedgerRow):
            is_dropped = pc.not_equal(table.column("status"), OK)
            if dataset is not None:
                is_dropped = pc.and_(is_dropped, pc.starts_with(table.column("item_id"), f"{dataset}/"))
            rows = table.filter(is_dropped)
            ends = map(end_of, *(rows.column(name).to_pylist() for name in ("status", "reason", "remedy")))
            for at, end in enumerate(ends):
                one = found.setdefault((path.stem, end), Drops(path.stem, end))
                one.n += 1
                if len(one.first) < n_first:
                    one.first += from_table(LedgerRow, rows.slice(at, 1), str(path))
    return list(found.values())


def ids_like(folder: Path, item: str, n: int = 3) -> list[str]:
    """Return the ``n`` ids most like ``item``, which has no rows, the likest first; none where nothing is like it.

    Compared are clips and persons, of its dataset if it names one; of a face, a segment or a subject what was cut from
    its clip, if that has rows.
    """
    if (clip := _CUT_FROM.sub("", item)) != item and (rows := history_of(folder, clip)):
        return _likest(item, [row.item_id for row in rows], n)
    dataset = item.partition("/")[0] if "/" in item else None
    paths = [(of, path) for of, path in _ledgers(folder) if path.stem in _OF_CLIPS_AND_PERSONS]
    if dataset in {of for of, _ in paths}:
        paths = [(of, path) for of, path in paths if of in ("", dataset)]
    ids = (
        item_id
        for _, path in paths
        for table in iterate_tables(path, LedgerRow, ["item_id"])
        for item_id in table.column("item_id").to_pylist()
    )
    return _likest(item, ids, n)


def _likest(item: str, ids: Iterable[str], n: int) -> list[str]:
    """Return the ``n`` of ``ids`` most like ``item``, whose dataset may be omitted."""
    matcher = SequenceMatcher(None, "", item, autojunk=False)
    best: list[tuple[float, str]] = []
    for item_id in ids:
        matcher.set_seq1(item_id if "/" in item else item_id.partition("/")[2])
        least = best[-1][0] if len(best) == n else _LEAST_LIKENESS
        # The first two are bounds of the third, which takes longer.
        if min(matcher.real_quick_ratio(), matcher.quick_ratio()) >= least:
            found = {*best, (matcher.ratio(), item_id)}
            best = sorted((one for one in found if one[0] >= _LEAST_LIKENESS), key=lambda one: (-one[0], one[1]))[:n]
    return [item_id for _, item_id in best]


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
    """Return the counts of a stage's items, and of the faces or segments that were cut from them, where it ends any.

    Those of a stage in _COUNTED_BY_DATASET are of the items of each dataset.
    """
    by_item = not dataset and path.stem in _COUNTED_BY_DATASET
    counts: dict[tuple[str, str], StageCounts] = {}
    for rows in iterate_tables(path, LedgerRow, ["item_id", "stage", "status", "reason", "remedy"]):
        cut = pc.if_else(pc.match_substring_regex(rows.column("item_id"), _SEGMENT_ID), "segments", "")
        if path.stem in _ENDS_FACES_TOO:
            cut = pc.if_else(pc.match_substring_regex(rows.column("item_id"), _FACE_ID), "faces", cut)
        datasets = (
            pc.list_element(pc.split_pattern(rows.column("item_id"), "/", max_splits=1), 0)
            if by_item
            else pa.repeat(dataset, len(rows))
        )
        numbered = (
            rows.append_column(_DATASET_OF_ITEM, datasets)
            .append_column(_CUT, cut)
            .append_column(_ROW, pa.array(range(len(rows))))
        )
        groups = numbered.group_by([_DATASET_OF_ITEM, _CUT, "stage", "status", "reason", "remedy"]).aggregate(
            [(_ROW, "min"), (_ROW, "count")]
        )
        # In the order of their first rows, which decides between ends of equal counts.
        for group in groups.sort_by(f"{_ROW}_min").to_pylist():
            kind = (group[_DATASET_OF_ITEM], group[_CUT])
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
