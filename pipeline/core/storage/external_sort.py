"""Sort a Parquet file that is larger than memory: rows are dealt into ranges of ids, and each range is sorted."""

from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

_RANGE_ROWS = 1 << 14  # on average
_RANGE_BYTES = 1 << 23  # on average, as the file has them: in memory they are a few times as many
_MOST_RANGES = 512  # each is an open file
_SAMPLES_PER_RANGE = 64
_READ_ROWS = 1 << 14  # at most, and of wide rows as many as _READ_BYTES hold: several copies are made of them
_READ_BYTES = 1 << 22
_BUFFER_BYTES = 1 << 18  # of a column while it is read


def sorted_tables(path: Path, schema: pa.Schema, key: str, n_rows: int) -> Iterator[pa.Table]:
    """Yield the rows of the Parquet file ``path``, of ``schema``, in ascending order of ``key``, ``n_rows`` at a time.

    Strings are ordered by their UTF-8 bytes. Memory holds the rows of one range; all lie beside ``path`` until the
    iterator ends. (DuckDB's sort on the disk needs memory that grows with the rows, if they have many columns.)
    """
    starts = _range_starts(path, key)
    ranges = [path.with_name(f"{path.name}.range-{number:05d}") for number in range(len(starts) + 1)]
    _deal(path, schema, key, starts, ranges)
    gathered = schema.empty_table()
    for range_path in ranges:
        with pa.OSFile(str(range_path)) as file:
            rows = pa.ipc.open_stream(file).read_all()
        range_path.unlink()
        gathered = pa.concat_tables([gathered, rows.sort_by(key)])
        del rows
        while len(gathered) >= n_rows:
            yield gathered.slice(0, n_rows).combine_chunks()
            gathered = gathered.slice(n_rows)
        gathered = gathered.combine_chunks()
    if len(gathered):
        yield gathered


def _range_starts(path: Path, key: str) -> list[str]:
    """Return ids that part the rows into ranges of about equal size, from every n-th id."""
    with _opened(path) as file:
        n_rows = file.metadata.num_rows
        n_ranges = min(max(n_rows // _RANGE_ROWS, _bytes_of(file) // _RANGE_BYTES) + 1, _MOST_RANGES)
        step = max(1, n_rows // (n_ranges * _SAMPLES_PER_RANGE))
        samples: list[str] = []
        offset = 0
        for batch in file.iter_batches(batch_size=_READ_ROWS, columns=[key], use_threads=False):
            samples += batch.column(0).take(pa.array(range(offset, len(batch), step))).to_pylist()
            offset = (offset - len(batch)) % step
    samples.sort()
    return sorted({samples[len(samples) * number // n_ranges] for number in range(1, n_ranges)})


def _deal(path: Path, schema: pa.Schema, key: str, starts: list[str], ranges: list[Path]) -> None:
    """Write each row into the file of its range: ids up to the first of ``starts``, from there to the next, ..."""
    files = [pa.OSFile(str(one), "wb") for one in ranges]
    writers = [pa.ipc.new_stream(file, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) for file in files]
    try:
        with _opened(path) as file:
            n_bytes = _bytes_of(file)
            n_rows = min(_READ_ROWS, max(1, file.metadata.num_rows * _READ_BYTES // max(1, n_bytes)))
            for batch in file.iter_batches(batch_size=n_rows, use_threads=False):
                rows = pa.Table.from_batches([batch]).cast(schema).sort_by(key).combine_chunks()
                ids = rows.column(key).to_pylist()
                bounds = [0, *(bisect_left(ids, start) for start in starts), len(ids)]
                for number, writer in enumerate(writers):
                    if bounds[number] < bounds[number + 1]:
                        writer.write_table(rows.slice(bounds[number], bounds[number + 1] - bounds[number]))
    finally:
        for writer, file in zip(writers, files, strict=True):
            writer.close()
            file.close()


def _bytes_of(file: pq.ParquetFile) -> int:
    return sum(file.metadata.row_group(number).total_byte_size for number in range(file.metadata.num_row_groups))


def _opened(path: Path) -> pq.ParquetFile:
    return pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER_BYTES)
