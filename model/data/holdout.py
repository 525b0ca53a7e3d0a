"""The hold-out of a training: whole clips of each person, drawn by hash."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.data.columns import Column
from pipeline.core.base.draws import draw_order, draw_unit


def choose_holdout(persons: Sequence[str], origins: Column[str], share: float, seed: int) -> NDArray[np.bool_]:
    """Return (N,) whether each face is held out: those of ``share`` of each person's origins, the first by hash.

    The share of few clips is seldom whole: a draw by person rounds it up or down, so that over many persons it is kept.
    One origin of each person stays in training. The choice depends neither on the order of the faces nor on other
    persons.
    """
    numbers: dict[str, int] = {}
    person_of = np.fromiter((numbers.setdefault(person, len(numbers)) for person in persons), np.int64, len(persons))
    order = np.argsort(person_of, kind="stable")
    ends = np.searchsorted(person_of[order], np.arange(len(numbers)), side="right")
    is_holdout = np.zeros(len(persons), dtype=np.bool_)
    for person, rows in zip(numbers, np.split(order, ends[:-1]), strict=True):
        rows_by_origin: dict[str, list[int]] = {}
        for row in rows.tolist():
            rows_by_origin.setdefault(origins[row], []).append(row)
        n_holdout = math.floor(share * len(rows_by_origin) + draw_unit(seed, person))
        drawn = sorted(rows_by_origin, key=lambda origin: draw_order(seed, origin))
        for origin in drawn[: min(n_holdout, len(drawn) - 1)]:
            is_holdout[rows_by_origin[origin]] = True
    return is_holdout
