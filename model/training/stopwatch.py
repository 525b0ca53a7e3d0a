"""The time that a training takes, and how much of it is spent waiting for data."""

import time
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar("Item")


class Stopwatch:
    """Runs while items are iterated, on top of the ``seconds`` and ``waited_s`` of earlier attempts."""

    def __init__(self, seconds: float, waited_s: float) -> None:
        self._before_s = seconds
        self._started: float | None = None
        self.waited_s = waited_s

    @property
    def seconds(self) -> float:
        """Seconds of all attempts."""
        return self._before_s + (0.0 if self._started is None else time.monotonic() - self._started)

    def waiting_for(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield ``items``, adding the time until each comes to ``waited_s``."""
        requested_at = self._started = time.monotonic()
        for item in items:
            self.waited_s += time.monotonic() - requested_at
            yield item
            requested_at = time.monotonic()
