"""How long a training takes, and how much of that it waits for data."""

import time
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar("Item")


class Stopwatch:
    """Runs while items are asked for and worked on, on top of what was measured before."""

    def __init__(self, seconds: float, waited_s: float) -> None:
        self._before_s = seconds
        self._started: float | None = None
        self.waited_s = waited_s

    @property
    def seconds(self) -> float:
        """Seconds in all."""
        return self._before_s + (0.0 if self._started is None else time.monotonic() - self._started)

    def waiting_for(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield ``items``, counting the time until each comes."""
        asked = self._started = time.monotonic()
        for item in items:
            self.waited_s += time.monotonic() - asked
            yield item
            asked = time.monotonic()
