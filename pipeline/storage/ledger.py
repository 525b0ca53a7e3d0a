"""Read ledgers: counts per stage, and the history of one item."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.outcome import OK
from pipeline.records.ledger import LedgerRow
from pipeline.storage.manifest import read_manifest

_SEGMENT_ID = re.compile(r"-a\d{8}$")


@dataclass(frozen=True, slots=True)
class StageCounts:
    """How many items of one stage and dataset ended in which way."""

    dataset: str  # empty for a stage that runs once for all
    stage: str
    of_segments: bool  # a stage that ends clips and the segments cut from them is counted in two
    ends: Counter[str]  # 'ok', or '<status>: <reason>'

    @property
    def n_items(self) -> int:
        """Number of all items of the stage."""
        return self.ends.total()

    @property
    def n_ok(self) -> int:
        """Number of items with a result."""
        return self.ends[OK]


def read_ledgers(folder: Path) -> list[tuple[str, list[LedgerRow]]]:
    """Return (dataset, rows) of every ledger under ``folder``, datasets and stages in name order."""
    return [
        (path.parent.name if path.parent != folder else "", read_manifest(path, LedgerRow))
        for path in sorted(folder.rglob("*.parquet"))
    ]


def count_ends(folder: Path) -> list[StageCounts]:
    """Return the counts of every stage that has run."""
    return [
        StageCounts(dataset, chosen[0].stage, of_segments, Counter(map(end_of, chosen)))
        for dataset, rows in read_ledgers(folder)
        for of_segments in (False, True)
        if (chosen := [row for row in rows if bool(_SEGMENT_ID.search(row.item_id)) == of_segments])
    ]


def end_of(row: LedgerRow) -> str:
    """Return 'ok', or '<status>: <reason>'."""
    return row.status if row.status == OK else f"{row.status}: {row.reason}"


def history_of(folder: Path, item: str) -> list[LedgerRow]:
    """Return every row on ``item`` and on what was cut from it; ``item``: an id, with or without its dataset."""
    return [row for _, rows in read_ledgers(folder) for row in rows if _is_about(row.item_id, item)]


def _is_about(item_id: str, item: str) -> bool:
    return any(one == item or one.startswith(f"{item}-") for one in (item_id, item_id.partition("/")[2]))
