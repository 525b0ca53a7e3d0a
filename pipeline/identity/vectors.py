"""Embeddings as vectors: unit length, means of groups, whitening, and similar pairs."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float64]
"""(N, D) float64, or one of them, (D,)."""

Groups: TypeAlias = NDArray[np.int64]
"""(N,) int64: for each item the index of its group's first item."""

Pair: TypeAlias = tuple[int, int, float]
"""Two rows and the dot product of their vectors."""

BLOCK_ROWS = 1024
# Blocks are multiplied in single precision, twice as fast: pairs this near below a limit are computed again exactly.
_SLACK = 1e-5
_TINY = 1e-12


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """Return ``vectors`` (N, D) at length 1; one without length stays as it is."""
    wide = np.asarray(vectors, np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), _TINY))


def group_means(vectors: Vectors, groups: Groups, n_groups: int) -> Vectors:
    """Return (n_groups, D) means of the ``vectors`` (N, D) of each group; ``groups`` numbers them from 0."""
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(n_groups))
    sums = np.add.reduceat(vectors[order], starts, axis=0)
    return np.asarray(sums / np.bincount(groups, minlength=n_groups)[:, None])


def whitened(vectors: Vectors, names: Groups, ridge: float) -> Vectors:
    """Return unit ``vectors`` (N, D) centred on the mean person and whitened.

    A network embeds faces unlike its training faces as all alike: their embeddings share one direction and differ
    along few axes. Centring and whitening undo both (Jegou and Chum 2012, section 3). Mean and covariance are those of
    the means of ``names``, numbered from 0, so that the number of a person's clips does not matter; ``ridge`` times
    the mean variance is added to each axis, since few names hardly differ along some axes.
    """
    persons = unit(group_means(vectors, names, int(names.max()) + 1))
    centre = persons.mean(axis=0)
    covariance = (persons - centre).T @ (persons - centre) / len(persons)
    variances, axes = np.linalg.eigh(covariance)
    floor = ridge * float(np.mean(variances)) + _TINY
    return unit((vectors - centre) @ axes / np.sqrt(np.maximum(variances, 0) + floor))


def close_pairs(left: Vectors, right: Vectors, least: float) -> Iterator[Pair]:
    """Yield (row of ``left``, row of ``right``, product) of all pairs whose product is at least ``least``, in order.

    Vectors are at most of length 1.
    """
    narrow = right.astype(np.float32).T
    for start in range(0, len(left), BLOCK_ROWS):
        block = left[start : start + BLOCK_ROWS]
        rows, columns = np.nonzero(block.astype(np.float32) @ narrow >= least - _SLACK)
        products = np.einsum("ij,ij->i", block[rows], right[columns])
        for row, column, product in zip(rows.tolist(), columns.tolist(), products.tolist(), strict=True):
            if product >= least:
                yield start + row, column, product


def largest_product(left: Vectors, right: Vectors) -> float:
    """Return the largest product of a row of ``left`` with one of ``right``; neither is empty."""
    blocks = (left[start : start + BLOCK_ROWS] for start in range(0, len(left), BLOCK_ROWS))
    return max(float((block @ right.T).max()) for block in blocks)
