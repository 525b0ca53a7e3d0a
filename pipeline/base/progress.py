"""Progress of a run: a bar on a terminal, elsewhere a line every ten seconds."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

_LINE_EVERY_S = 10.0


class Advance(Protocol):
    """Count one more item as ended."""

    def __call__(self) -> None:
        """Count one."""
        ...


@contextmanager
def progress(title: str, n_items: int) -> Iterator[Advance]:
    """Show on standard error how many of ``n_items`` have ended; nothing for no items."""
    if n_items == 0:
        yield lambda: None
    elif sys.stderr.isatty():
        with _bar(title, n_items) as advance:
            yield advance
    else:
        yield _Lines(title, n_items)


@contextmanager
def _bar(title: str, n_items: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=n_items)
        yield lambda: bar.advance(task)


class _Lines:
    def __init__(self, title: str, n_items: int) -> None:
        self._title, self._n_items = title, n_items
        self._n_done = 0
        self._start = self._last = time.monotonic()

    def __call__(self) -> None:
        self._n_done += 1
        now = time.monotonic()
        if now - self._last >= _LINE_EVERY_S and self._n_done < self._n_items:
            self._last = now
            left_s = (now - self._start) / self._n_done * (self._n_items - self._n_done)
            print(f"{self._title}: {self._n_done} of {self._n_items}, about {left_s:.0f} s left", file=sys.stderr)
