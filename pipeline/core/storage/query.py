"""Queries (SQL, by DuckDB) of manifests that are larger than memory: joins, group-bys and sorts run on the disk."""

import glob
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.base.errors import BadInput, BadManifest
from pipeline.core.records.schema import arrow_schema
from pipeline.core.storage.manifest import open_parquet

if TYPE_CHECKING:
    import duckdb

_MEMORY_VARIABLE = "FACEVOX_QUERY_MEMORY_MB"  # beyond it, intermediate results go to the disk
_DEFAULT_MEMORY_MB = 128
_ROWS_PER_PART = 1 << 12

Sources = Mapping[str, tuple[Path, type]]
"""Of each table of a query its file and its record."""


@contextmanager
def query(sources: Sources, folder: Path | None = None) -> Iterator["duckdb.DuckDBPyConnection"]:
    """Yield a connection whose tables are the files of ``sources``; results are in no order unless they are sorted.

    Intermediate results lie in ``folder``, by default that for temporary files, until the block ends. Raises
    BadManifest when a file is absent, has another schema, or is damaged.
    """
    import duckdb

    for path, record in sources.values():
        with open_parquet(path, record):
            pass
    with (
        tempfile.TemporaryDirectory(prefix=".query.", dir=folder) as temporary,
        duckdb.connect(config=_settings(temporary)) as connection,
    ):
        try:
            for name, (path, _) in sources.items():
                connection.read_parquet(glob.escape(str(path))).create_view(name)
            yield connection
        except duckdb.OutOfMemoryException as error:
            raise BadInput(f"{error} Set {_MEMORY_VARIABLE} to more than {_memory_mb()}.") from None
        except duckdb.Error as error:
            # How damaged bytes are reported; all other errors are the disk's (an OSError's words) or the query's.
            if not isinstance(error, duckdb.InvalidInputException) and type(error) is not duckdb.Error:
                raise
            files = ", ".join(str(path) for path, _ in sources.values())
            raise BadManifest(f"{files}: not readable ({error}). Delete it and run 'dvc repro'.") from None


def add_table(connection: "duckdb.DuckDBPyConnection", name: str, paths: Sequence[Path], record: type) -> None:
    """Add a table of the rows of several files of ``record``, or of none; raises BadManifest as ``query`` does."""
    if not paths:
        connection.register(name, arrow_schema(record).empty_table())
        return
    for path in paths:
        with open_parquet(path, record):
            pass
    connection.read_parquet([glob.escape(str(path)) for path in paths]).create_view(name)


def rows_of(
    connection: "duckdb.DuckDBPyConnection", sql: str, values: Mapping[str, Any] | None = None
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query's result, a few in memory at a time; ``values``: of its parameters."""
    for batch in connection.sql(sql, params=dict(values or {})).to_arrow_reader(_ROWS_PER_PART):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _settings(folder: str) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": f"{_memory_mb()}MB",
        "temp_directory": folder,
        "threads": 1,
        "preserve_insertion_order": False,
    }


def _memory_mb() -> int:
    text = os.environ.get(_MEMORY_VARIABLE) or str(_DEFAULT_MEMORY_MB)
    if not text.isdecimal() or int(text) == 0:
        raise BadInput(
            f"{_MEMORY_VARIABLE}={text!r}: expected a whole number above 0. Unset it for the default,"
            f" {_DEFAULT_MEMORY_MB}."
        )
    return int(text)
