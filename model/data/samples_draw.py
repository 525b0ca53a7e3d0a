"""Random draws that depend on the sample's number alone, not on the process or on earlier draws."""

import numpy as np

from model.data.columns import Rows
from pipeline.core.base.seeds import keyed_rng


class Epochs:
    """An endless sequence of rows, each once per epoch, in a random order per epoch."""

    def __init__(self, rows: Rows, seed: int) -> None:
        self._rows, self._seed = rows, seed
        self._epoch, self._order = -1, rows

    def row(self, k: int) -> int:
        """Return row ``k`` of the sequence."""
        epoch, place = divmod(k, len(self._rows))
        if epoch != self._epoch:
            self._epoch, self._order = epoch, keyed_rng("epoch", self._seed, epoch).permutation(self._rows)
        return int(self._order[place])


def draw_row(rows: Rows, rng: np.random.Generator) -> int:
    """Return one of ``rows``, uniformly."""
    return int(rows[rng.integers(len(rows))])


def draw_other_row(rows: Rows, row: int, rng: np.random.Generator) -> int:
    """Return one of ``rows`` other than ``row``, uniformly; ``row`` when there is no other."""
    others = rows[rows != row]
    return draw_row(others if len(others) else rows, rng)


def assign_other_persons(persons: Rows, seed: int) -> dict[int, int]:
    """Return another person for each of 2 persons or more, each once: the next in a random circular order."""
    circle = keyed_rng("circle", seed).permutation(persons)
    return dict(zip(circle.tolist(), np.roll(circle, -1).tolist(), strict=True))
