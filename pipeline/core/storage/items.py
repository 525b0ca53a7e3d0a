"""The item store: one folder per step and item, named by the hash of all that determines its content.

``<root>/<step>/<first two digits>/<key>/`` holds one Parquet file per record type and any files that the step wrote, or
``dropped.json``; and ``item.json``, which states the size and sha256 of each of these files, and a hash of that list.
It is written and synced last, into a temporary folder that is then renamed. An item whose files are not those of its
``item.json`` is missing: it is computed again. Files are read-only: other folders may have hard links to them.
"""

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.base.errors import BadManifest
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.schema import arrow_schema, to_table
from pipeline.core.storage.atomic import claim, put_folder, remove_folder, remove_left, write_text

ITEM_FILE = "item.json"
_DROPPED = "dropped.json"
_GONE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)  # other errors may pass: no fault of the item
_READ_ONLY = 0o444


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
        """Return whether the item is finished, and its files are those that were written.

        Sizes are always compared, hashes where a file was written to after the item was finished.
        """
        return not self.fault(step, key)

    def fault(self, step: str, key: str, *, check_hashes: bool = False) -> str:
        """Return what is wrong with an item, empty when nothing is; ``check_hashes`` reads all of its files.

        Raises OSError when that can't be told: no permission, a disk that fails.
        """
        folder = self.folder(step, key)
        try:
            stated = _read_item_file(folder)
            times_ns = {name: _time_ns(folder / name, size) for name, (size, _) in stated.items()}
            finished_ns = (folder / ITEM_FILE).stat().st_mtime_ns
            unknown = sorted(_files_in(folder) - {*stated, ITEM_FILE})
        except _GONE as error:
            return f"{Path(error.filename).name}: {error.strerror}" if folder.is_dir() else "not in the store"
        except ValueError as error:
            return str(error)
        if unknown:
            return f"{unknown[0]}: not a file of this item"
        now_ns = time.time_ns()
        newest_ns = max(finished_ns, *times_ns.values(), 0)
        # Written to after it was finished; or times in the future, from which that can't be told.
        is_odd = newest_ns > min(finished_ns, now_ns)
        if is_odd or check_hashes:
            for name, (_, sha256) in stated.items():
                if sha256_of(folder / name) != sha256:
                    return f"{name}: other content than was written"
        if is_odd:
            for name in (name for name, time_ns in times_ns.items() if time_ns > now_ns):
                _set_modified(folder / name, now_ns)
            _set_modified(folder / ITEM_FILE, min(newest_ns, now_ns))
        return ""

    def ensure(
        self, step: str, key: str, write: Callable[[Path], None], *, wait: bool = True, check_hashes: bool = False
    ) -> bool:
        """Have the item finished: unless it is, ``write`` its files into an empty folder.

        Of several processes one writes, and the others wait for it. Without ``wait`` they return False at once.
        ``check_hashes`` reads all files of a finished item, and replaces it where one is damaged.
        """
        if not self.fault(step, key, check_hashes=check_hashes):
            return True
        with self._adding(step, key, wait=wait) as temporary:
            if temporary is None:
                return False
            # Another process may have finished it while this one waited.
            if self.fault(step, key, check_hashes=check_hashes):
                write(temporary)
                self._finish(step, key, temporary)
        return True

    @contextmanager
    def adding(self, step: str, key: str) -> Iterator[Path]:
        """Yield an empty folder that becomes the item's when the block ends without an exception."""
        with self._adding(step, key, wait=True) as temporary:
            assert temporary is not None
            yield temporary
            self._finish(step, key, temporary)

    def remove(self, step: str, key: str) -> None:
        """Remove an item, whole or damaged; it is gone at once for other processes."""
        remove_folder(self.folder(step, key))

    def sweep(self, step: str) -> None:
        """Remove what processes that are gone left unfinished."""
        for folder in (self.root / step).glob("*/.*.tmp"):
            remove_left(folder)

    def keys(self, step: str) -> Iterator[str]:
        """Yield the keys of all items of ``step`` that are in the store, finished or damaged."""
        for folder in (self.root / step).glob("??/[!.]*"):
            yield folder.name

    def dropped(self, step: str, key: str) -> Dropped | None:
        """Return the stored item's drop; None when it has a result. Raises as ``rows``."""
        content = self._content(step, key, _DROPPED)
        return None if content is None else Dropped(**json.loads(content))

    def rows(self, step: str, key: str, record: type) -> pa.Table:
        """Return the item's rows of ``record``; an empty table when it has none.

        Raises BadManifest when they are not those that were written; the item is removed then.
        """
        content = self._content(step, key, _file_of(record))
        if content is None:
            return arrow_schema(record).empty_table()
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            return file.read()

    def _content(self, step: str, key: str, name: str) -> bytes | None:
        """Return the bytes of one of an item's files as they were written; None where it has no such file."""
        folder = self.folder(step, key)
        try:
            stated = _read_item_file(folder)
            content = (folder / name).read_bytes() if name in stated else None
        except (*_GONE, ValueError) as error:
            raise self._damaged(step, key, str(error)) from None
        if content is not None and hashlib.sha256(content).hexdigest() != stated[name][1]:
            raise self._damaged(step, key, f"{name}: other content than was written")
        return content

    def _damaged(self, step: str, key: str, fault: str) -> BadManifest:
        self.remove(step, key)
        return BadManifest(
            f"{self.folder(step, key)}: a stored result of '{step}' was damaged and is removed ({fault}). Run the same"
            " command again: it computes this result anew. 'facevox store verify' checks all others."
        )

    @contextmanager
    def _adding(self, step: str, key: str, *, wait: bool) -> Iterator[Path | None]:
        """Yield an empty folder that this process alone holds; None where another does, and not ``wait``."""
        folder = self.folder(step, key)
        temporary = folder.with_name(f".{folder.name}.tmp")
        descriptor = claim(temporary, wait=wait)
        if descriptor is None:
            yield None
            return
        try:
            yield temporary
        finally:
            remove_folder(temporary)
            os.close(descriptor)

    def _finish(self, step: str, key: str, temporary: Path) -> None:
        """State and sync the files in ``temporary``, and make it the item's folder."""
        _write_item_file(temporary)
        put_folder(temporary, self.folder(step, key))
        _sync(self.folder(step, key).parent)


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


def _write_item_file(folder: Path) -> None:
    """Write ``item.json``: each file's path within ``folder``, size and sha256; all files are synced, then it."""
    stated = {}
    for name in sorted(_files_in(folder) - {ITEM_FILE}):
        path = folder / name
        path.chmod(_READ_ONLY)
        stated[name] = {"size_bytes": path.stat().st_size, "sha256": sha256_of(path)}
        _sync(path)
    path = folder / ITEM_FILE
    path.unlink(missing_ok=True)
    content = {"files": stated, "sha256_of_files": _hash_of(stated)}
    path.write_text(json.dumps(content, indent=1), encoding="utf-8", newline="\n")
    path.chmod(_READ_ONLY)
    _sync(path)


def _read_item_file(folder: Path) -> dict[str, tuple[int, str]]:
    """Return size in bytes and sha256 of each file; raises ValueError when it is damaged."""
    try:
        content = json.loads((folder / ITEM_FILE).read_bytes())
        files = content["files"]
        stated = {name: (int(facts["size_bytes"]), str(facts["sha256"])) for name, facts in files.items()}
        if _hash_of(files) != content["sha256_of_files"]:
            raise ValueError("other content than was written")
    except (ValueError, AttributeError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{ITEM_FILE}: not the list of this item's files: {error}") from None
    if wrong := [name for name in stated if "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts]:
        raise ValueError(f"{ITEM_FILE}: {wrong[0]!r} is no file of this item")
    return stated


def _hash_of(files: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _files_in(folder: Path) -> set[str]:
    """Return the paths of all files within ``folder``, relative to it."""
    return {
        os.path.relpath(os.path.join(root, name), folder)  # noqa: PTH118  (ten times as fast, for each item of a run)
        for root, _, names in os.walk(folder)
        for name in names
    }


def _time_ns(path: Path, size_bytes: int) -> int:
    """Return when the content of a file last changed; raises ValueError when it has another size."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size != size_bytes:
        raise ValueError(f"{path.name}: {status.st_size:,} bytes, expected {size_bytes:,}")
    return status.st_mtime_ns


def _set_modified(path: Path, time_ns: int) -> None:
    """Set a file's time, so that an item that was only touched is not read again in the next run."""
    try:
        os.utime(path, ns=(time_ns, time_ns))
    except OSError:
        return  # a store that can't be written to: the files are read again


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
