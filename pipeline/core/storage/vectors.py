"""Embeddings as vectors: unit length, means of groups, whitening, and similar pairs."""

import itertools
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float64]
"""(N, D) float64, or one of them, (D,)."""

Groups: TypeAlias = NDArray[np.int64]
"""(N,) int64: for each item the index of its group's first item."""

Pair: TypeAlias = tuple[int, int, float]
"""Two rows and the dot product of their vectors."""

BLOCK_ROWS = 1024
_BLOCK_VALUES = 1 << 18  # products in memory
# Blocks are multiplied in single precision, twice as fast: pairs this near below a limit are computed again exactly.
_SLACK = 1e-5
_TINY = 1e-12
_MIN_LENGTH = 1e-6  # of a mean of unit vectors
_VALUE_BYTES = 8


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """Return ``vectors`` (N, D) at length 1; one without length stays as it is."""
    wide = np.asarray(vectors, np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), _TINY))


def mean_direction(features: NDArray[np.floating]) -> tuple[NDArray[np.float32], float] | None:
    """Return the mean of the unit ``features`` (N, D) at length 1, (D,), and 1 minus its length before.

    None where they have no common direction, or there are none.
    """
    if not len(features):
        return None
    mean = unit(features).mean(axis=0)
    length = float(np.linalg.norm(mean))
    return ((mean / length).astype(np.float32), 1 - length) if length >= _MIN_LENGTH else None


class VectorFile:
    """Vectors of one size in a file without a name, which the system removes with the process."""

    def __init__(self, folder: Path | None = None) -> None:
        """Make the file in ``folder``, by default that for temporary files; it holds no vectors yet."""
        self._descriptor, path = tempfile.mkstemp(dir=folder)
        Path(path).unlink()
        weakref.finalize(self, os.close, self._descriptor)
        self._n_vectors = 0
        self.size = 0
        """Values of each vector."""

    def __len__(self) -> int:
        return self._n_vectors

    def append(self, vectors: Vectors) -> None:
        """Store more vectors (N, D) behind those that are there."""
        self.size = vectors.shape[1]
        self._write(len(self), vectors)
        self._n_vectors += len(vectors)

    def read(self, rows: NDArray[np.int64]) -> Vectors:
        """Return the vectors of ``rows``, (len(rows), D); neighbours are read together."""
        vectors = np.empty((len(rows), self.size))
        starts = np.flatnonzero(np.diff(rows, prepend=-2) != 1).tolist()
        for start, stop in itertools.pairwise([*starts, len(rows)]):
            self._read(int(rows[start]), vectors[start:stop])
        return vectors

    def replace(self, change: Callable[[Vectors], Vectors]) -> None:
        """Replace all vectors by what ``change`` makes of them, a block at a time; it keeps their size."""
        for start in range(0, len(self), BLOCK_ROWS):
            self._write(start, change(self.read(np.arange(start, min(start + BLOCK_ROWS, len(self))))))

    def _write(self, row: int, vectors: Vectors) -> None:
        data, offset = np.ascontiguousarray(vectors, np.float64).tobytes(), row * self.size * _VALUE_BYTES
        while data:
            n_written = os.pwrite(self._descriptor, data, offset)
            data, offset = data[n_written:], offset + n_written

    def _read(self, row: int, out: Vectors) -> None:
        data, offset = out.data.cast("B"), row * self.size * _VALUE_BYTES
        while data:
            n_read = os.preadv(self._descriptor, [data], offset)
            data, offset = data[n_read:], offset + n_read


@dataclass(frozen=True, slots=True, eq=False)
class StoredVectors:
    """N vectors of a file, in an order of their own; memory holds those that are asked for."""

    file: VectorFile
    rows: NDArray[np.int64]
    """(N,) the row of each in the file."""

    @classmethod
    def of(cls, vectors: Vectors) -> Self:
        """Return ``vectors`` (N, D), stored."""
        file = VectorFile()
        file.append(vectors)
        return cls(file, np.arange(len(vectors)))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: NDArray[np.int64]) -> Vectors:
        """Return some of the vectors, (len(rows), D)."""
        return self.file.read(self.rows[rows])

    def select(self, rows: NDArray[np.int64]) -> "StoredVectors":
        """Return some of the vectors, without reading them."""
        return StoredVectors(self.file, self.rows[rows])


def group_means(vectors: StoredVectors, groups: Groups, n_groups: int) -> Vectors:
    """Return (n_groups, D) means of the ``vectors`` (N, D) of each group, of which none is empty.

    ``groups`` numbers them from 0. Memory holds the vectors of a few groups at a time.
    """
    order = np.argsort(groups, kind="stable")
    ends = np.searchsorted(groups[order], np.arange(n_groups), side="right")
    means = np.empty((n_groups, vectors.file.size))
    first = start = 0
    while first < n_groups:
        last = max(first + 1, int(np.searchsorted(ends, start + BLOCK_ROWS, side="right")))
        starts = np.array([start, *ends[first : last - 1]])
        sums = np.add.reduceat(vectors[order[start : ends[last - 1]]], starts - start, axis=0)
        means[first:last] = sums / (ends[first:last] - starts)[:, None]
        first, start = last, int(ends[last - 1])
    return means


def whiten(vectors: StoredVectors, names: Groups, ridge: float) -> None:
    """Centre unit ``vectors``, all those of their file, on the mean person, and whiten them.

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
    scales = np.sqrt(np.maximum(variances, 0) + floor)
    vectors.file.replace(lambda block: unit((block - centre) @ axes / scales))


def close_pairs(left: Vectors, right: Vectors, least: float) -> Iterator[Pair]:
    """Yield (row of ``left``, row of ``right``, product) of all pairs whose product is at least ``least``, in order.

    Vectors are at most of length 1.
    """
    narrow = right.astype(np.float32).T
    n_rows = _block_rows(right)
    for start in range(0, len(left), n_rows):
        block = left[start : start + n_rows]
        rows, columns = np.nonzero(block.astype(np.float32) @ narrow >= least - _SLACK)
        products = np.einsum("ij,ij->i", block[rows], right[columns])
        for row, column, product in zip(rows.tolist(), columns.tolist(), products.tolist(), strict=True):
            if product >= least:
                yield start + row, column, product


def largest_product(left: Vectors, right: Vectors) -> float:
    """Return the largest product of a row of ``left`` with one of ``right``; neither is empty."""
    n_rows = _block_rows(right)
    blocks = (left[start : start + n_rows] for start in range(0, len(left), n_rows))
    return max(float((block @ right.T).max()) for block in blocks)


def _block_rows(right: Vectors) -> int:
    """Return how many vectors to multiply by those of ``right`` at a time."""
    return max(1, min(BLOCK_ROWS, _BLOCK_VALUES // max(1, len(right))))
