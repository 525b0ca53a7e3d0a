"""The rows of one clip at a time, out of a manifest of every frame, face or track that is larger than memory."""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.core.records.schema import key_of
from pipeline.core.storage.manifest import open_parquet
from pipeline.core.storage.row_groups import id_range

_GROUPS_HELD = 3  # neighbours: ids of 'talk' and 'talk-2' are mixed in the order of rows, but not far apart


class ClipRows:
    """Rows by clip; memory holds a few row groups, and clips asked for in id order read each about once.

    The manifest's ids begin with the clip's: ``<clip_id>-...``; it has a column ``clip_id``.
    """

    def __init__(self, path: Path, record: type, columns: Sequence[str] | None = None) -> None:
        """Open ``path``; ``columns`` are those of the tables returned, all by default. Raises BadManifest."""
        self._path, self._record = path, record
        self._columns = None if columns is None else list(dict.fromkeys(["clip_id", *columns]))
        self._names = columns
        with open_parquet(path, record) as file:
            self._schema: pa.Schema = file.schema_arrow
            self._metadata = file.metadata
        ranges = [id_range(self._metadata, number, key_of(record)) for number in range(self._metadata.num_row_groups)]
        self._first_ids, self._last_ids = [first for first, _ in ranges], [last for _, last in ranges]
        self._held: OrderedDict[int, tuple[pa.Table, dict[str, list[slice]]]] = OrderedDict()

    def of(self, clip_id: str) -> pa.Table:
        """Return the rows of ``clip_id`` in id order; an empty table when it has none."""
        start = bisect_left(self._last_ids, f"{clip_id}-")
        stop = bisect_left(self._first_ids, f"{clip_id}.")  # '.' comes next after '-'
        parts = [
            table.slice(rows.start, rows.stop - rows.start)
            for table, rows_of in map(self._group, range(start, stop))
            for rows in rows_of.get(clip_id, [])
        ]
        table = pa.concat_tables(parts) if parts else self._empty()
        return table if self._names is None else table.select(list(self._names))

    def _group(self, number: int) -> tuple[pa.Table, dict[str, list[slice]]]:
        if number not in self._held:
            with open_parquet(self._path, self._record, self._metadata) as file:
                table = file.read_row_group(number, columns=self._columns)
            self._held[number] = table, _runs(table.column("clip_id"))
            if len(self._held) > _GROUPS_HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(number)
        return self._held[number]

    def _empty(self) -> pa.Table:
        table = self._schema.empty_table()
        return table if self._columns is None else table.select(self._columns)


def _runs(clip_ids: pa.ChunkedArray) -> dict[str, list[slice]]:
    """Return where each clip's rows are: runs of equal values."""
    encoded = clip_ids.combine_chunks().dictionary_encode()
    numbers = np.asarray(encoded.indices)
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    stops = np.flatnonzero(np.diff(numbers, append=-1)) + 1
    runs: dict[str, list[slice]] = {}
    for start, stop in zip(starts, stops, strict=True):
        runs.setdefault(encoded.dictionary[int(numbers[start])].as_py(), []).append(slice(int(start), int(stop)))
    return runs
