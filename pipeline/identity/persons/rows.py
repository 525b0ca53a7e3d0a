"""Records of clips held as an Arrow table: as objects those of a million clips take three times as much memory."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.core.records.schema import arrow_schema, from_table, key_of
from pipeline.core.storage.manifest import tables_of

Record = TypeVar("Record")

_PART_ROWS = 1 << 10  # that are objects at a time


class TableRows(Generic[Record]):
    """Rows of one record, without images and vectors, which become objects when they are asked for."""

    def __init__(self, record: type[Record], table: pa.Table) -> None:
        """``table`` has the schema of ``record``."""
        self._record, self._table = record, table

    @classmethod
    def of(cls, record: type[Record], rows: "Iterable[Record] | TableRows[Record]") -> "TableRows[Record]":
        """Return ``rows``, which may be a generator, in the order given."""
        if isinstance(rows, TableRows):
            return rows
        return cls(record, pa.concat_tables([arrow_schema(record).empty_table(), *tables_of(record, rows)]))

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __iter__(self) -> Iterator[Record]:
        for start in range(0, len(self), _PART_ROWS):
            yield from from_table(self._record, self._table.slice(start, _PART_ROWS))

    def __getitem__(self, row: int) -> Record:
        columns = zip(self._table.column_names, self._table.columns, strict=True)
        return self._record(**{name: column[row].as_py() for name, column in columns})

    def in_id_order(self) -> "TableRows[Record]":
        """Return the rows in the order of their ids."""
        ids = self.column(key_of(self._record))
        if pc.all(pc.less_equal(ids.slice(0, max(0, len(ids) - 1)), ids.slice(1)), min_count=0).as_py():
            return self
        return TableRows(self._record, self._table.sort_by(key_of(self._record)))

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column of all rows."""
        return self._table.column(name)


def texts_of(texts: pa.ChunkedArray) -> Iterator[str]:
    """Yield the texts of an array, few of them in memory as objects at a time."""
    for start in range(0, len(texts), _PART_ROWS):
        yield from texts.slice(start, _PART_ROWS).to_pylist()


def rows_of_ids(wanted: pa.ChunkedArray, ids: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return for each of ``wanted`` its row in ``ids``, -1 where it has none; ``ids`` are in ascending order.

    Fast, and in little memory, where ``wanted`` are about in that order too.
    """
    rows = np.full(len(wanted), -1)
    for start in range(0, len(wanted), _PART_ROWS):
        part = wanted.slice(start, _PART_ROWS)
        ends = pc.min_max(part).as_py()
        first = bisect_left(range(len(ids)), ends["min"], key=lambda row: str(ids[row]))
        stop = bisect_right(range(len(ids)), ends["max"], key=lambda row: str(ids[row]))
        found = pc.index_in(part, value_set=ids.slice(first, stop - first))
        rows[start : start + len(part)] = pc.fill_null(pc.add(found.cast(pa.int64()), first), -1).to_numpy()
    return rows
