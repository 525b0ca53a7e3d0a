"""Tables in numbered Parquet files of bounded size, written as they come."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

# A file is closed at the first row group that ends behind this.
FILE_BYTES = 500 * 10**6


class ParquetFiles:
    """Files ``<name>-00000.parquet``, ... in one folder, in row groups of equal size."""

    def __init__(self, folder: Path, name: str, row_group_rows: int) -> None:
        self.paths: list[Path] = []
        self.n_rows = 0
        self._folder, self._name, self._row_group_rows = folder, name, row_group_rows
        self._waiting: list[pa.Table] = []
        self._file: Any = None
        self._writer: Any = None
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self._write_groups(least=1)
        self._close()

    def write(self, table: pa.Table) -> None:
        """Add the rows of ``table``; all tables have one schema."""
        self.n_rows += len(table)
        self._waiting.append(table)
        self._write_groups(least=self._row_group_rows)

    def _write_groups(self, least: int) -> None:
        """Write row groups while ``least`` rows wait."""
        while sum(map(len, self._waiting)) >= least:
            waiting = pa.concat_tables(self._waiting)
            self._write(waiting.slice(0, self._row_group_rows))
            self._waiting = [waiting.slice(self._row_group_rows)]

    def _write(self, group: pa.Table) -> None:
        if self._writer is None:
            self._open(group.schema)
        self._writer.write_table(group)
        if self._file.tell() >= FILE_BYTES:
            self._close()

    def _open(self, schema: pa.Schema) -> None:
        self.paths.append(self._folder / f"{self._name}-{len(self.paths):05d}.parquet")
        self._file = pa.OSFile(str(self.paths[-1]), "wb")
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
        # Pictures and log-mels hold no value twice: a dictionary of them costs time and room.
        self._writer = pq.ParquetWriter(
            self._file, schema, compression="zstd", compression_level=3, use_dictionary=texts
        )

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._file.close()
        self._writer = None
