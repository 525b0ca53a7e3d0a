"""Choose a few rows for the page, at random by hash, and read their payload without reading the rest."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pipeline.core.base.draws import draw_order
from pipeline.core.records.schema import from_table, key_of
from pipeline.core.storage.query import query
from pipeline.core.storage.row_groups import rows_of_ids


class HasPerson(Protocol):
    """A row of one person."""

    @property
    def person_id(self) -> str:
        """The person."""


Row = TypeVar("Row", bound=HasPerson)

_SEED = 1  # not a param: another seed would only show other rows


@dataclass(frozen=True, slots=True)
class Choice(Generic[Row]):
    """Some of ``n_rows`` rows of ``n_persons``."""

    rows: list[Row]
    n_rows: int
    n_persons: int


def choose(rows: Iterable[Row], n: int) -> list[Row]:
    """Return ``n`` rows drawn by hash, each person's first before any person's second; in the order of persons."""
    n_rows_of: Counter[str] = Counter()
    ranked: list[tuple[int, Row]] = []
    for row in sorted(rows, key=lambda row: draw_order(_SEED, _id(row))):
        ranked.append((n_rows_of[row.person_id], row))
        n_rows_of[row.person_id] += 1
    ranked.sort(key=lambda pair: pair[0])
    return sorted((row for _, row in ranked[:n]), key=lambda row: (row.person_id, _id(row)))


def choose_from(
    path: Path, record: type[Row], values: Mapping[str, str | bool | tuple[str, ...]], n: int
) -> Choice[Row]:
    """Return what ``choose`` returns for those rows of ``path``, which may be very many, that have ``values``.

    A tuple is of values of which a row has one.
    """
    from duckdb import ColumnExpression, ConstantExpression

    key = key_of(record)
    with query({"listed": (path, record)}) as connection:
        rows = connection.table("listed")
        for name, value in values.items():
            wanted = value if isinstance(value, tuple) else (value,)
            rows = rows.filter(ColumnExpression(name).isin(*map(ConstantExpression, wanted)))
        ((n_rows, n_persons),) = rows.aggregate("count(*), count(DISTINCT person_id)").fetchall()
        drawn = rows.project(f"{key} AS id, person_id, sha256('{_SEED}/' || {key}) AS draw")  # draw_order
        if n_persons < n:
            ids = drawn.aggregate(f"unnest(min_by(id, draw, {n}))", "person_id")
        else:  # each chosen row is its person's first
            ids = drawn.aggregate("min_by(id, draw), min(draw) AS draw", "person_id").order("draw").limit(n)
        chosen = [row[0] for row in ids.fetchall()]
    candidates = [row for table in rows_of_ids(path, record, chosen) for row in from_table(record, table, str(path))]
    return Choice(choose(candidates, n), n_rows, n_persons)


def read_payload(
    root: Path, record: type, shard_of: Mapping[str, str], columns: Sequence[str]
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


def read_rows(path: Path, record: type, ids: Collection[str], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return ``columns`` of the rows of ``ids``, and their ids; none where there is no such file.

    Only the row groups that have them are read. Raises BadManifest for a file of another record.
    """
    if not path.is_file():
        return []
    return [row for table in rows_of_ids(path, record, ids, [key_of(record), *columns]) for row in table.to_pylist()]


def _id(row: HasPerson) -> str:
    return str(getattr(row, key_of(type(row))))
