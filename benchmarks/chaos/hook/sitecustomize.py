"""Python loads this file at the start of every process of a run that is to be killed, from a folder in PYTHONPATH.

It counts, over all processes of the run, the moments at which a file is half written, by kind; at the moment that
CHAOS_POINT names, ``<kind> <number> <writes>``, the process is stopped in the middle of the write and says so in
CHAOS_FOLDER, where ``benchmarks.chaos`` waits to kill the run. Kinds:

- parquet: rows are in a Parquet file, its footer is not
- marker: item.json, or what an item without result has in its place, is opened, and cut off after so many writes
- dvc: a file of DVC is opened, and cut off after so many writes
- rename: what was written under a temporary name is about to be renamed (0 writes), or just was (1 and more)
"""

import builtins
import fcntl
import importlib.abc
import importlib.machinery
import io
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(os.environ.get("CHAOS_FOLDER", "/"))
KIND, NUMBER, WRITES = os.environ.get("CHAOS_POINT", "none 0 0").split()

DVC_FILE = re.compile(r"/\.dvc/(?!.*\block$).|/dvc\.lock$")
MARKER = re.compile(r"/items/.*/(item|dropped)\.json$|/\.dropped\.json")
TEMPORARY = re.compile(r"(^|/)\.[^/]*\.tmp(/|$)")
PARQUET_MODULE = "pyarrow.parquet.core"

open_file, rename, replace = builtins.open, os.rename, os.replace


def is_point(kind: str) -> bool:
    """Count one more moment of ``kind``; return whether it is the one at which the run is to be killed."""
    with open_file(FOLDER / f"count.{kind}", "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(b".")
        file.flush()
        number = file.tell()
    return (kind, number) == (KIND, int(NUMBER))


def stop(path: Path, moment: str) -> None:
    """Say where this process is, and stop; whoever waits for the line kills it, or lets it go on."""
    line = {"pid": os.getpid(), "path": str(path), "moment": moment, "process": " ".join(sys.argv)}
    temporary = FOLDER / f"point.{os.getpid()}"
    with open_file(temporary, "w") as file:
        json.dump(line, file)
    rename(temporary, FOLDER / "point.json")
    os.kill(os.getpid(), signal.SIGSTOP)


def open_and_report(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
    """``open``, which cuts off the file that is the point."""
    opened = open_file(file, mode, *args, **kwargs)
    if isinstance(file, str | os.PathLike) and set(mode) & set("wax"):
        path = Path(os.fspath(file)).absolute()
        kind = "marker" if MARKER.search(str(path)) else "dvc" if DVC_FILE.search(str(path)) else None
        if kind and is_point(kind):
            cut_off(opened, path)
    return opened


def cut_off(opened: Any, path: Path) -> None:
    """Stop after so many writes to ``opened``, or before it is closed."""
    n_left = int(WRITES)
    write, close = opened.write, opened.close

    def stop_here() -> None:
        nonlocal n_left
        n_left = -1
        opened.flush()
        stop(path, f"cut off after {opened.tell()} bytes")

    def count_write(content: Any) -> Any:
        nonlocal n_left
        if n_left == 0:
            stop_here()
        n_left -= 1
        return write(content)

    def count_close() -> Any:
        if n_left >= 0:
            stop_here()
        return close()

    opened.write, opened.close = count_write, count_close


def reporting(function: Callable[..., None]) -> Callable[..., None]:
    """Return ``os.rename`` or ``os.replace`` that stops before or after the renaming that is the point."""

    def rename_and_report(source: Any, target: Any, **kwargs: Any) -> None:
        here = TEMPORARY.search(os.fsdecode(source)) is not None and is_point("rename")
        path = Path(os.fsdecode(target))
        if here and int(WRITES) == 0:
            stop(path, "before its renaming")
        function(source, target, **kwargs)
        if here and int(WRITES) > 0:
            stop(path, "after its renaming")

    return rename_and_report


class ParquetFinder(importlib.abc.MetaPathFinder):
    """Finds Arrow's module of Parquet, and lets its writer report."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """Return the module's own spec, with one more thing to do after loading."""
        if name != PARQUET_MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        assert spec is not None
        loader: Any = spec.loader
        load = loader.exec_module

        def load_and_patch(module: ModuleType) -> None:
            load(module)
            report_writes(module.ParquetWriter)

        loader.exec_module = load_and_patch
        return spec


def report_writes(writer: Any) -> None:
    """Let ``writer`` report each time that it has written rows."""
    start, write = writer.__init__, writer.write_table

    def start_and_keep_path(self: Any, where: Any, *args: Any, **kwargs: Any) -> None:
        self.chaos_path = Path(where) if isinstance(where, str | os.PathLike) else Path("in memory")
        start(self, where, *args, **kwargs)

    def write_and_report(self: Any, *args: Any, **kwargs: Any) -> None:
        write(self, *args, **kwargs)
        if is_point("parquet"):
            stop(self.chaos_path, "its footer is missing")

    writer.__init__, writer.write_table = start_and_keep_path, write_and_report


if "CHAOS_FOLDER" in os.environ:
    builtins.open = io.open = open_and_report
    os.rename, os.replace = reporting(rename), reporting(replace)
    sys.meta_path.insert(0, ParquetFinder())
