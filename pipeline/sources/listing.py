"""What a source finds, as manifests: clips in id order, each id and each content once, and how everything ended.

A list may be longer than memory: what is found goes to the disk, and duplicates are looked for there.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.schema import arrow_schema, column, to_table
from pipeline.core.storage.atomic import scratch_folder
from pipeline.core.storage.manifest import iterate_tables, write_tables
from pipeline.core.storage.query import query
from pipeline.sources.reading.found import Drop, Found

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_READ_ROWS = 1 << 12

# Of clips with one id the one found first is kept, then of those with one content the one with the first id. Both are
# rare: only numbers that stand for ids and contents are grouped for all clips.
_REPEATED = """
    CREATE TABLE first_of_id AS SELECT clip_id, min(number) AS number FROM found
        WHERE hash(clip_id) IN (SELECT hash(clip_id) AS hashed FROM found GROUP BY hashed HAVING count(*) > 1)
        GROUP BY clip_id HAVING count(*) > 1;
    CREATE TABLE same_id AS SELECT found.number FROM found JOIN first_of_id AS one USING (clip_id)
        WHERE found.number > one.number;
    CREATE TABLE first_of_content AS SELECT content_hash, min(clip_id) AS clip_id FROM found
        ANTI JOIN same_id USING (number)
        WHERE hash(content_hash) IN (SELECT hash(content_hash) AS hashed FROM found GROUP BY hashed HAVING count(*) > 1)
        GROUP BY content_hash HAVING count(*) > 1;
    CREATE TABLE same_content AS SELECT found.number FROM found JOIN first_of_content AS one USING (content_hash)
        ANTI JOIN same_id USING (number) WHERE found.clip_id <> one.clip_id
"""
_REPEATED_NUMBERS = "SELECT number FROM same_id UNION ALL SELECT number FROM same_content ORDER BY number"
_SAME_ID = """
    SELECT found.clip_id, found.origin, kept.origin FROM found JOIN same_id USING (number)
    JOIN first_of_id AS one ON one.clip_id = found.clip_id JOIN found AS kept ON kept.number = one.number
    ORDER BY found.clip_id, found.number
"""
_SAME_CONTENT = """
    SELECT found.clip_id, found.identity, kept.clip_id, kept.identity FROM found JOIN same_content USING (number)
    JOIN first_of_content AS one ON one.content_hash = found.content_hash
    JOIN found AS kept ON kept.clip_id = one.clip_id ANTI JOIN same_id ON same_id.number = kept.number
    ORDER BY found.clip_id
"""
_OK_IDS = "SELECT clip_id FROM clips WHERE clip_id NOT IN (SELECT item_id FROM drops) ORDER BY clip_id"
_LAST_DROPS = """
    SELECT * FROM drops QUALIFY row_number() OVER (PARTITION BY item_id ORDER BY reason DESC, number DESC) = 1
    ORDER BY item_id
"""
_COUNTS = """
    SELECT (SELECT count(*) FROM clips), (SELECT count(DISTINCT identity) FROM clips),
        (SELECT count(DISTINCT item_id) FROM drops)
"""


@dataclass(frozen=True, slots=True)
class ListingCounts:
    """How many clips a source has, of how many published identities, and how many ids were dropped."""

    n_clips: int
    n_identities: int
    n_dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _FoundClip(Clip):
    number: int = column("in the order found, from 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class _FoundDrop(LedgerRow):
    number: int = column("in the order found, from 0")


def write_listing(found: Iterable[Found], clips_path: Path, ledger_path: Path) -> ListingCounts:
    """Write the manifest of Clip and the ledger of what a source yields.

    Of clips with one id, and then of those with one content, the first is kept and the others are dropped.
    """
    with scratch_folder(clips_path.with_name(f"{clips_path.name}.found")) as scratch:
        clips, drops = (
            _NumberedRows(scratch / "clips.parquet", Clip),
            _NumberedRows(scratch / "drops.parquet", LedgerRow),
        )
        with drops:
            with clips:
                for part in _parts(found):
                    clips.add([one for one in part if isinstance(one, Clip)])
                    drops.add([ledger_row("sources", *one) for one in part if not isinstance(one, Clip)])
            with query({"found": (clips.path, _FoundClip)}, scratch) as connection:
                connection.execute(_REPEATED)
                repeated = connection.sql(_REPEATED_NUMBERS).fetchnumpy()["number"]
                kept = _nearly_in_order(_without(repeated, clips.path))
                write_tables(clips_path, Clip, kept)
                for part in _parts(itertools.chain(_same_id(connection), _same_content(connection))):
                    drops.add([ledger_row("sources", *one) for one in part])
        with query({"clips": (clips_path, Clip), "drops": (drops.path, _FoundDrop)}, scratch) as connection:
            write_tables(ledger_path, LedgerRow, _ends(connection))
            return ListingCounts(*connection.sql(_COUNTS).fetchall()[0])


class _NumberedRows:
    """A Parquet file of the rows of ``record`` in the order added, with a column ``number``."""

    def __init__(self, path: Path, record: type) -> None:
        self.path = path
        self._record = record
        number = pa.field("number", pa.int64(), nullable=False)
        self._writer = pq.ParquetWriter(path, arrow_schema(record).append(number))
        self._field, self._n = number, 0

    def __enter__(self) -> "_NumberedRows":
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    def add(self, rows: list[Any]) -> None:
        if not rows:
            return
        numbers = pa.array(range(self._n, self._n + len(rows)), pa.int64())
        self._writer.write_table(to_table(self._record, rows).append_column(self._field, numbers))
        self._n += len(rows)


def _parts(found: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(found)
    while part := list(itertools.islice(iterator, _READ_ROWS)):
        yield part


def _tables(rows: "DuckDBPyRelation", record: type) -> Iterator[pa.Table]:
    schema = arrow_schema(record)
    for batch in rows.to_arrow_reader(_READ_ROWS):
        yield pa.Table.from_batches([batch]).select(schema.names).cast(schema)


def _without(numbers: NDArray[np.int64], path: Path) -> Iterator[pa.Table]:
    """Yield the clips found, in the order found, without those of ``numbers``, which ascend."""
    schema = arrow_schema(Clip)
    for table in iterate_tables(path, _FoundClip):
        found = table.column("number").to_numpy()
        first, last = np.searchsorted(numbers, (found[0], found[-1] + 1))
        kept = ~np.isin(found, numbers[first:last])
        yield table.select(schema.names).filter(pa.array(kept)).cast(schema)


def _nearly_in_order(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield the rows of ``tables``, sorted as far as 4096 rows at a time can be.

    A list that counts '9', '10' is then in the order of its ids, and need not be sorted on the disk.
    """
    held = arrow_schema(Clip).empty_table()
    for table in tables:
        held = pa.concat_tables([held, table])
        order = pc.sort_indices(held, sort_keys=[("clip_id", "ascending")])
        n_done = max(0, len(held) - _READ_ROWS)
        if n_done:
            yield held.take(order[:n_done])  # a slice would keep all of the table in memory
        held = held.take(order[n_done:])
    yield held


def _same_id(connection: "DuckDBPyConnection") -> Iterator[Drop]:
    for clip_id, origin, kept_origin in _rows(connection.sql(_SAME_ID)):
        detail = f"{origin}: the id is taken by {kept_origin}; ids must be unique"
        yield clip_id, Dropped.failed("duplicate_id", detail)


def _same_content(connection: "DuckDBPyConnection") -> Iterator[Drop]:
    for clip_id, identity, kept_id, kept_identity in _rows(connection.sql(_SAME_CONTENT)):
        also = "" if kept_identity == identity else f", which is there '{kept_identity}' and here '{identity}'"
        yield clip_id, Dropped.filtered("duplicate_content", f"same bytes as {kept_id}{also}")


def _ends(connection: "DuckDBPyConnection") -> Iterator[pa.Table]:
    """Yield a row for each id: of several drops of one id the last, by reason."""
    for part in _parts(_rows(connection.sql(_OK_IDS))):
        yield to_table(LedgerRow, [ledger_row("sources", clip_id) for (clip_id,) in part])
    yield from _tables(connection.sql(_LAST_DROPS), LedgerRow)


def _rows(rows: "DuckDBPyRelation") -> Iterator[tuple[Any, ...]]:
    for batch in rows.to_arrow_reader(_READ_ROWS):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
