"""Choose a few rows for the page, at random by hash, and read their payload without reading the rest."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pipeline.base.draws import draw_order
from pipeline.records.schema import check_schema, key_of


class HasPerson(Protocol):
    """A row of one person."""

    @property
    def person_id(self) -> str:
        """The person."""


Row = TypeVar("Row", bound=HasPerson)

_SEED = 1  # not a param: another seed would only show other rows


def choose(rows: Iterable[Row], n: int) -> list[Row]:
    """Return ``n`` rows drawn by hash, each person's first before any person's second; in the order of persons."""
    n_rows_of: Counter[str] = Counter()
    ranked: list[tuple[int, Row]] = []
    for row in sorted(rows, key=lambda row: draw_order(_SEED, _id(row))):
        ranked.append((n_rows_of[row.person_id], row))
        n_rows_of[row.person_id] += 1
    ranked.sort(key=lambda pair: pair[0])
    return sorted((row for _, row in ranked[:n]), key=lambda row: (row.person_id, _id(row)))


def read_payload(
    root: Path, record: type, shard_of: Mapping[str, str], columns: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Return ``columns`` of the rows of ``record`` by id, for those ids of ``shard_of`` that are in their shard."""
    key = key_of(record)
    return {
        row[key]: row
        for shard in sorted(set(shard_of.values()))
        for row in read_rows(
            root / shard, record, [row_id for row_id in shard_of if shard_of[row_id] == shard], columns
        )
    }


def read_rows(path: Path, record: type, ids: Collection[str], columns: Collection[str]) -> list[dict[str, Any]]:
    """Return ``columns`` of the rows of ``ids``; none where there is no such file.

    Arrow reads only the row groups that may have them. Raises BadManifest for a file of another record.
    """
    import pyarrow.parquet as pq

    if not path.is_file():
        return []
    check_schema(record, pq.read_schema(path), str(path))
    if not ids:
        return []  # Arrow can't filter by an empty list, whose type is unknown
    key = key_of(record)
    rows: list[dict[str, Any]] = pq.read_table(
        path, columns=[key, *columns], filters=[(key, "in", list(ids))], partitioning=None
    ).to_pylist()
    return rows


def _id(row: HasPerson) -> str:
    return str(getattr(row, key_of(type(row))))
