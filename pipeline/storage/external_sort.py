"""Sort a Parquet file that is larger than memory, by DuckDB, which sorts in runs on the disk."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

_MEMORY = "256MB"  # beyond it, runs go to the disk


def sorted_tables(path: Path, schema: pa.Schema, key: str, n_rows: int) -> Iterator[pa.Table]:
    """Yield the rows of the Parquet file ``path``, of ``schema``, in ascending order of ``key``, ``n_rows`` at a time.

    Strings are ordered by their UTF-8 bytes, as Arrow does. The runs lie beside ``path`` until the iterator ends.
    """
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY,
        "temp_directory": f"{path}.runs",
        "threads": 1,
        "preserve_insertion_order": False,
    }
    with duckdb.connect(config=settings) as connection:
        rows = connection.read_parquet(str(path)).order(f'"{key}"')
        gathered: list[pa.RecordBatch] = []
        for batch in rows.to_arrow_reader(n_rows):
            gathered.append(batch)
            table = pa.Table.from_batches(gathered)
            if len(table) >= n_rows:
                yield table.slice(0, n_rows).combine_chunks().cast(schema)
                gathered = table.slice(n_rows).to_batches()
        if gathered:
            yield pa.Table.from_batches(gathered).combine_chunks().cast(schema)
