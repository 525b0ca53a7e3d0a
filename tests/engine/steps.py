"""Steps for the engine's tests, in a module of its own: worker processes import them from here.

An item is '<kind>-<number>', and the folder ``traces`` beside the store holds one line for each time it was computed.
"""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.core.base.outcome import Dropped
from pipeline.core.records.schema import column
from pipeline.engine.settings import Settings
from pipeline.engine.step import Step

GIBIBYTE = 1 << 30
GATE = "../gate"  # 'gated' items wait for this file
CHILD = "../child"  # 'waiting' items write the number of the program that they wait for


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """The record that a step returns."""

    square_id: str = column("id")
    value: int = column("the square")


def square(item: str, folder: Path, *, traces: Path) -> Sequence[object] | Dropped:
    """Return the square of an item's number, or end by its kind."""
    kind, _, number = item.partition("-")
    with (traces / item).open("a") as trace:
        trace.write("computed\n")
    (folder / "note.txt").write_text(f"{item}\n")
    _end_as(kind)
    if kind == "large_file":
        (folder / "large").write_bytes(bytes(3 << 20))
    if kind == "waiting":
        with subprocess.Popen(["sleep", "600"]) as child:
            (traces / CHILD).write_text(str(child.pid))
    if kind == "many_files":
        for name in "abc":
            (folder / name).write_bytes(bytes(1 << 20))
    while kind == "gated" and not (traces / GATE).exists():
        time.sleep(0.02)
    if kind == "filtered":
        return Dropped.filtered("too_small", f"{number} is below 1000")
    if kind == "broken":
        return Dropped.failed("undecodable", "for good")
    if kind == "offline":
        return Dropped.failed("network", "try again", retryable=True)
    if kind == "locked":
        return locked(traces)
    if kind == "threads":
        return [Square(square_id=item, value=int(os.environ["OMP_NUM_THREADS"]))]
    return [Square(square_id=item, value=int(number) ** 2)]


KEY = "../key"  # 'locked' items wait until this file has another content than at their last try, or says 'right'


def key_of(traces: Path) -> str:
    """Return the state of the remedy of 'locked' items."""
    return (traces / KEY).read_text() if (traces / KEY).exists() else "none"


def locked(traces: Path) -> Sequence[object] | Dropped:
    """Return a result where the key is right."""
    if key_of(traces) == "right":
        return [Square(square_id="locked", value=1)]
    return Dropped.waiting("locked", "the key does not fit", remedy="key", remedy_state=key_of(traces))


def _end_as(kind: str) -> None:
    if kind == "exit":
        os._exit(7)
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "ending":
        sys.exit(3)
    if kind == "endless":
        time.sleep(600)
    if kind == "large":
        bytearray(4 * GIBIBYTE)
    if kind == "native":
        hashlib.pbkdf2_hmac("sha256", b"one call that never returns to Python", b"salt", 1 << 30)
    if kind == "large_picture":
        raise _OpenCVError(
            "(-4:Insufficient memory) Failed to allocate 5400000000 bytes in function 'OutOfMemoryError'"
        )
    if kind == "large_tensor":
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8589934592 bytes.")
    if kind == "bug":
        raise KeyError("a bug in the step")


class _OpenCVError(Exception):
    """As cv2.error: it derives from nothing but Exception."""


def step_for(folder: Path, *, version: int = 1) -> Step[str]:
    """Return the step, which leaves its traces in ``folder``."""
    traces = folder / "traces"
    traces.mkdir(exist_ok=True)
    return Step(
        name="square",
        version=version,
        params={},
        function=partial(square, traces=traces),
        item_id=str,
        inputs=lambda item: [item],
        remedy_state=lambda remedy: key_of(traces),
    )


def settings_for(folder: Path, *, n_workers: int = 2, item_timeout_s: float = 60) -> Settings:
    """Return settings with the store in ``folder``."""
    return Settings(
        cache=folder / "cache",
        n_workers=n_workers,
        item_timeout_s=item_timeout_s,
        item_output_mb=2,
        worker_memory_mb=1024,
    )
