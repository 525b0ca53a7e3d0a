"""Read the ledger back: how many items each stage kept, and the story of one item."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.outcome import OK
from pipeline.records.ledger import LedgerRow
from pipeline.storage.manifest import read_manifest

_SEGMENT_ID = re.compile(r"-a\d{8}$")


@dataclass(frozen=True, slots=True)
class StageEnds:
    """How the items of one stage and dataset ended."""

    dataset: str  # empty for a stage that runs once for all
    stage: str
    of_segments: bool  # the stage ends clips, and the segments cut from them: these are counted apart
    ends: Counter[str]  # 'ok', or '<status>: <reason>'

    @property
    def n_items(self) -> int:
        """All items that the stage took up."""
        return self.ends.total()

    @property
    def n_ok(self) -> int:
        """Those that ended well."""
        return self.ends[OK]


def read_ledgers(folder: Path) -> list[tuple[str, list[LedgerRow]]]:
    """Return (dataset, rows) of every ledger under ``folder``, datasets and stages in name order."""
    return [
        (path.parent.name if path.parent != folder else "", read_manifest(path, LedgerRow))
        for path in sorted(folder.rglob("*.parquet"))
    ]


def count_ends(folder: Path) -> list[StageEnds]:
    """Return the ends of every stage that has run."""
    return [
        StageEnds(dataset, chosen[0].stage, of_segments, Counter(map(end_of, chosen)))
        for dataset, rows in read_ledgers(folder)
        for of_segments in (False, True)
        if (chosen := [row for row in rows if bool(_SEGMENT_ID.search(row.item_id)) == of_segments])
    ]


def end_of(row: LedgerRow) -> str:
    """Return 'ok', or '<status>: <reason>'."""
    return row.status if row.status == OK else f"{row.status}: {row.reason}"


def story_of(folder: Path, item: str) -> list[LedgerRow]:
    """Return every row about ``item``: a whole id or the part behind the dataset; what was cut from it included."""
    return [row for _, rows in read_ledgers(folder) for row in rows if _is_about(row.item_id, item)]


def _is_about(item_id: str, item: str) -> bool:
    return any(one == item or one.startswith(f"{item}-") for one in (item_id, item_id.partition("/")[2]))
