"""Choose a few rows for the page, blindly and always the same, and read their payload without touching the rest."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pipeline.base.draws import draw_order
from pipeline.records.schema import check_schema, key_of


class Owned(Protocol):
    """A row that is a person's."""

    @property
    def person_id(self) -> str:
        """The person."""


Row = TypeVar("Row", bound=Owned)

_SEED = 1  # the page is one look at the dataset: another seed would only show other faces


def choose(rows: Iterable[Row], n: int) -> list[Row]:
    """Return ``n`` rows drawn by hash, a row of each person before a second one of anybody; persons in name order."""
    turns: Counter[str] = Counter()
    in_turn: list[tuple[int, Row]] = []
    for row in sorted(rows, key=lambda row: draw_order(_SEED, _id(row))):
        in_turn.append((turns[row.person_id], row))
        turns[row.person_id] += 1
    in_turn.sort(key=lambda one: one[0])
    return sorted((row for _, row in in_turn[:n]), key=lambda row: (row.person_id, _id(row)))


def read_payload(
    root: Path, record: type, shard_of: Mapping[str, str], columns: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Return ``columns`` of the rows of ``record`` by id, for the ids of ``shard_of`` that are in their shard still."""
    key = key_of(record)
    return {
        row[key]: row
        for shard in sorted(set(shard_of.values()))
        for row in read_rows(root / shard, record, [one for one in shard_of if shard_of[one] == shard], columns)
    }


def read_rows(path: Path, record: type, ids: Collection[str], columns: Collection[str]) -> list[dict[str, Any]]:
    """Return ``columns`` of the rows of ``ids``; none where ``path`` is gone.

    Arrow opens only the row groups in which they may stand. Raises BadManifest for a file of another record.
    """
    import pyarrow.parquet as pq

    if not path.is_file():
        return []
    check_schema(record, pq.read_schema(path), str(path))
    if not ids:
        return []  # Arrow compares no column with a list of unknown kind
    key = key_of(record)
    rows: list[dict[str, Any]] = pq.read_table(
        path, columns=[key, *columns], filters=[(key, "in", list(ids))], partitioning=None
    ).to_pylist()
    return rows


def _id(row: Owned) -> str:
    return str(getattr(row, key_of(type(row))))
