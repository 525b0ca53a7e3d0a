"""The item store: one folder per step and item, named by the hash of all that determines its content.

``<root>/<step>/<first two digits>/<key>/`` holds one Parquet file per record type and any files that the step
wrote, or ``dropped.json``. A folder appears whole, by rename, so every folder of the store is finished.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.outcome import Dropped
from pipeline.records.schema import arrow_schema, to_table
from pipeline.storage.atomic import adding_folder, write_text

_DROPPED = "dropped.json"
_ABANDONED_AFTER_S = 24 * 3600


def item_key(step: str, version: int, params: Mapping[str, Any], inputs: Sequence[str]) -> str:
    """Return the sha256, as hex, of what determines a result: step, version, params, content of the inputs."""
    content = json.dumps([step, version, dict(params), list(inputs)], sort_keys=True, allow_nan=False)
    return hashlib.sha256(content.encode()).hexdigest()


class ItemStore:
    """Results of steps on a local disk; safe for many processes at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, step: str, key: str) -> Path:
        """Return the item's folder, which need not exist."""
        return self.root / step / key[:2] / key

    def has(self, step: str, key: str) -> bool:
        """Return whether the item is finished."""
        return self.folder(step, key).is_dir()

    @contextmanager
    def adding(self, step: str, key: str) -> Iterator[Path]:
        """Yield a temporary folder that becomes the item's when the block ends without an exception."""
        with adding_folder(self.folder(step, key)) as temporary:
            yield temporary

    def sweep(self, step: str) -> None:
        """Remove unfinished folders of killed workers that are older than a day; younger ones may be in use."""
        for folder in (self.root / step).glob("*/.*.tmp"):
            if time.time() - folder.stat().st_mtime > _ABANDONED_AFTER_S:
                shutil.rmtree(folder, ignore_errors=True)

    def dropped(self, step: str, key: str) -> Dropped | None:
        """Return the stored item's drop; None when it has a result."""
        path = self.folder(step, key) / _DROPPED
        return Dropped(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None

    def rows(self, step: str, key: str, record: type) -> pa.Table:
        """Return the item's rows of ``record``; an empty table when it has none."""
        path = self.folder(step, key) / _file_of(record)
        if not path.is_file():
            return arrow_schema(record).empty_table()
        with pq.ParquetFile(path) as file:
            return file.read()


def put_result(folder: Path, result: Sequence[object] | Dropped) -> None:
    """Write a step's result into an item's folder: rows grouped by record type, or the drop."""
    if isinstance(result, Dropped):
        write_text(folder / _DROPPED, json.dumps(asdict(result), sort_keys=True))
        return
    kinds: dict[type, list[object]] = {}
    for row in result:
        kinds.setdefault(type(row), []).append(row)
    for record, rows in kinds.items():
        pq.write_table(to_table(record, rows), folder / _file_of(record), compression="zstd")


def _file_of(record: type) -> str:
    return f"{record.__name__}.parquet"
