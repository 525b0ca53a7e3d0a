"""Where to kill a run: within which write, or after how many seconds, and which of its processes."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

WRITES = ("parquet", "marker", "dvc", "rename")
TIME = "time"
KINDS = (*WRITES, TIME)
WEIGHTS = (3, 2, 3, 2, 4)
VICTIMS = ("all processes", "dvc's process group", "dvc alone")
VICTIM_WEIGHTS = (2, 2, 1)
MOST_WRITES = 40  # DVC writes its files in small pieces
KILLS_PER_ROUND = 8  # about: a point is drawn from the first eighth of what a whole run has


@dataclass(frozen=True, slots=True)
class Point:
    """The ``number``-th moment of ``kind`` in a run, or ``number`` seconds after its start, and who is killed."""

    kind: str
    number: float
    n_writes: int
    victim: str

    def __str__(self) -> str:
        return f"{self.number:.1f} s" if self.kind == TIME else f"{self.kind} {self.number:.0f}"

    @property
    def variable(self) -> str:
        """The value of CHAOS_POINT."""
        return "none 0 0" if self.kind == TIME else f"{self.kind} {self.number:.0f} {self.n_writes}"


def draw_point(rng: random.Random, counts: Mapping[str, int], seconds: float) -> Point:
    """Draw the next point; ``counts`` are how many moments of each kind an unbroken run had, in ``seconds``."""
    (kind,) = rng.choices(KINDS, WEIGHTS)
    (victim,) = rng.choices(VICTIMS, VICTIM_WEIGHTS)
    if kind == TIME:
        return Point(kind, rng.uniform(0.5, max(1.0, seconds / KILLS_PER_ROUND)), 0, victim)
    last = max(1, math.ceil(counts.get(kind, 0) / KILLS_PER_ROUND))
    return Point(kind, rng.randint(1, last), rng.choice([0, 1, rng.randint(2, MOST_WRITES)]), victim)
