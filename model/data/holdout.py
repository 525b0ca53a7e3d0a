"""The hold-out of a training: whole clips of each person, drawn by hash."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.base.draws import draw_order, draw_unit


def choose_holdout(persons: Sequence[str], origins: Sequence[str], share: float, seed: int) -> NDArray[np.bool_]:
    """Return (N,) whether each face is held out: those of ``share`` of each person's origins, the first by hash.

    The share of few clips is seldom whole: a draw by person rounds it up or down, so that over many persons it is kept.
    One origin of each person stays in training. The choice depends neither on the order of the faces nor on other
    persons.
    """
    rows_of: dict[str, dict[str, list[int]]] = {}
    for row, (person, origin) in enumerate(zip(persons, origins, strict=True)):
        rows_of.setdefault(person, {}).setdefault(origin, []).append(row)
    is_holdout = np.zeros(len(persons), dtype=np.bool_)
    for person, rows_by_origin in rows_of.items():
        n_holdout = math.floor(share * len(rows_by_origin) + draw_unit(seed, person))
        drawn = sorted(rows_by_origin, key=lambda origin: draw_order(seed, origin))
        for origin in drawn[: min(n_holdout, len(drawn) - 1)]:
            is_holdout[rows_by_origin[origin]] = True
    return is_holdout
