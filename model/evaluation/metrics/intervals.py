"""Confidence intervals of means over faces: the percentile bootstrap over whole persons.

Faces of one person are similar, so drawing single faces would make intervals too narrow (Efron and Tibshirani 1993,
chapters 8 and 13).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over ``n`` faces and its interval; ``low`` and ``high`` are None with fewer than two persons."""

    value: float
    low: float | None
    high: float | None
    n: int


def estimate_mean(
    values: Sequence[float] | NDArray[np.float64],
    persons: Sequence[str],
    *,
    n_draws: int,
    confidence: float,
    seed: int,
) -> Estimate | None:
    """Return the mean of (N,) ``values`` with the interval that holds ``confidence`` of the draws; None without values.

    Each draw takes as many persons as there are, with replacement, with all their faces. The same persons and seed
    give the same draws, whatever the metric.
    """
    values_N = np.asarray(values, np.float64)
    if not len(values_N):
        return None
    _, person_of = np.unique(np.asarray(persons), return_inverse=True)
    sum_P, n_faces_P = np.bincount(person_of, values_N), np.bincount(person_of)
    mean, n_persons = float(values_N.mean()), len(n_faces_P)
    if n_persons < 2 or not np.isfinite(mean):
        return Estimate(mean, None, None, len(values_N))
    times_drawn_BP = np.random.default_rng(seed).multinomial(n_persons, np.full(n_persons, 1 / n_persons), n_draws)
    # Not a product of matrices, whose last bits depend on the number of threads.
    means_B = np.einsum("bp,p->b", times_drawn_BP, sum_P) / np.einsum("bp,p->b", times_drawn_BP, n_faces_P)
    low, high = np.quantile(means_B, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(mean, float(low), float(high), len(values_N))
