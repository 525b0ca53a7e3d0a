"""Draws that depend on their place alone: sample k is the same whoever asks for it, and whatever came before."""

import numpy as np

from model.data.columns import Rows
from pipeline.base.seeds import keyed_rng


class Epochs:
    """An endless order of rows in which each comes once an epoch, in every epoch at another place."""

    def __init__(self, rows: Rows, seed: int) -> None:
        self._rows, self._seed = rows, seed
        self._epoch, self._order = -1, rows

    def row(self, k: int) -> int:
        """Return the row at place ``k`` of the endless order."""
        epoch, place = divmod(k, len(self._rows))
        if epoch != self._epoch:
            self._epoch, self._order = epoch, keyed_rng("epoch", self._seed, epoch).permutation(self._rows)
        return int(self._order[place])


def drawn(rows: Rows, rng: np.random.Generator) -> int:
    """Return one of ``rows``, all as likely."""
    return int(rows[rng.integers(len(rows))])


def drawn_other(rows: Rows, row: int, rng: np.random.Generator) -> int:
    """Return one of ``rows`` that is not ``row``, all as likely; ``row`` when there is no other."""
    others = rows[rows != row]
    return drawn(others if len(others) else rows, rng)


def others(persons: Rows, seed: int) -> dict[int, int]:
    """Return another person for each of 2 persons or more, nobody twice: the next in a circle in random order."""
    circle = keyed_rng("circle", seed).permutation(persons)
    return dict(zip(circle.tolist(), np.roll(circle, -1).tolist(), strict=True))
