"""Progress of a run: a bar on a terminal, elsewhere a line every ten seconds."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

_LINE_EVERY_S = 10.0


class Advance(Protocol):
    """Count one more item as ended."""

    def __call__(self, *, computed: bool = True) -> None:
        """Count one; one that needed no work (``computed`` is False) is taken off the number of items instead."""
        ...


@contextmanager
def progress(title: str, n_items: int | None) -> Iterator[Advance]:
    """Show on standard error how many of ``n_items`` have ended; nothing for no items. None: it is unknown."""
    if n_items == 0:
        yield lambda *, computed=True: None
    elif sys.stderr.isatty():
        with _bar(title, n_items) as advance:
            yield advance
    else:
        yield _Lines(title, n_items)


@contextmanager
def _bar(title: str, n_items: int | None) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=n_items)
        n_left_out = 0

        def advance(*, computed: bool = True) -> None:
            nonlocal n_left_out
            if computed:
                bar.advance(task)
            elif n_items is not None:
                n_left_out += 1
                bar.update(task, total=n_items - n_left_out)

        yield advance


class _Lines:
    def __init__(self, title: str, n_items: int | None) -> None:
        self._title, self._n_items = title, n_items
        self._n_done = 0
        self._start = self._last = time.monotonic()

    def __call__(self, *, computed: bool = True) -> None:
        if not computed:
            if self._n_items is not None:
                self._n_items -= 1
            return
        self._n_done += 1
        now = time.monotonic()
        if now - self._last < _LINE_EVERY_S or self._n_done == self._n_items:
            return
        self._last = now
        if self._n_items is None:
            print(f"{self._title}: {self._n_done}", file=sys.stderr)
        else:
            left_s = (now - self._start) / self._n_done * (self._n_items - self._n_done)
            print(f"{self._title}: {self._n_done} of {self._n_items}, about {left_s:.0f} s left", file=sys.stderr)
