"""Evaluate dlib's landmark model, an ensemble of regression trees (Kazemi and Sullivan 2014).

dlib's evaluator reads the nearest pixel and returns whole pixels. This one interpolates between pixels, returns
fractions, and takes a sixth of the time. Most of that would go into fetching leaves, 7500 a face, from all over the
model: they are kept in two bytes a number, and prefetched. From one frame to the next a face has most of its leaves
again: so the leaves of the latest faces are remembered with their sums, and only those that are others are fetched. As
sums are whole numbers, this changes no bit of a result.

Importing this module imports numba: do so in the function that needs it.
"""

import threading
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, Landmarks
from pipeline.face.backends.shape_predictor_file import ShapePredictor, read_shape_predictor
from pipeline.face.measures.kernels import compiled

_FINEST_STEP = 2.0**-24  # of leaves: a shape with all its leaves stays within int32
# A pixel's value is taken in 64ths of a grey level: differences of two stay within int16.
_GREY_STEPS = 64
_INT16 = np.iinfo(np.int16)
_CACHE_LINE_BYTES = 64
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
# Leaves are prefetched and added in turns, this many trees at a time: they have time to arrive, and stay in the cache.
_TREES_AHEAD = 20
_TREES_AT_ONCE = 4  # leaves are added to the shape four at a time, so that it is read and written a quarter as often
_CHANGES_AHEAD = _TREES_AHEAD // 2  # of a change there are two leaves
# Shapes and leaves are filled up with zeros to a multiple of this: the compiler then has no rest to add one by one.
_VALUES_AT_ONCE = 32
# Faces that are followed by turns are remembered, so many of them.
_N_REMEMBERED = 4
_NO_LEAF = np.iinfo(np.uint16).max


class ShapeRegressor:
    """Finds the points of a face in a box."""

    def __init__(self, model: ShapePredictor, *, exact: bool = False) -> None:
        """Keep the leaves of ``model`` in two bytes a number: points change by less than 0.0005 interocular distances.

        With ``exact`` they keep four bytes, and the nearest pixel is read: the result is dlib's own points before it
        rounds them. Without, points differ from these by 0.009 interocular distances (median of 104 real faces): as
        much as dlib's own change when the box moves by a hundredth of its side.
        """
        self._exact = exact
        self._tables = _tables(model, exact)
        self._threads = threading.local()  # what is remembered, by thread

    def points(self, grey: ImageGrey, left: float, top: float, right: float, bottom: float) -> Landmarks:
        """Return the points (P, 2) of the face in a box: its first pixel is at left, top, its last at right, bottom.

        All in pixels of ``grey``; the centre of its first is (0, 0). Beyond its edges, where a box may reach, all is 0.
        """
        if min(grey.shape) < 2:  # interpolation needs two rows and two columns
            grey = np.pad(grey, (0, 1))
        grey = np.ascontiguousarray(grey).view()
        grey.flags.writeable = False  # else numba compiles twice, for pictures that can be written to and for others
        width, height = float(right - left), float(bottom - top)
        memory = self._memory()
        shape = _fit(grey, float(left), float(top), width, height, self._tables, memory, self._exact)
        return cast(Landmarks, shape.reshape(-1, 2))

    def _memory(self) -> "_Memory":
        memory: _Memory | None = getattr(self._threads, "memory", None)
        if memory is None:
            memory = self._threads.memory = _empty_memory(self._tables)
        return memory


@cache
def load_regressor(path: Path) -> ShapeRegressor:
    """Return the regressor of dlib's file at ``path``: read once a process; the 68 points take 0.4 s and 33 MB."""
    return ShapeRegressor(read_shape_predictor(path))


class _Tables(NamedTuple):
    """A model in the form that the evaluator reads. The shape is summed in integers, in units of ``step``."""

    initial: NDArray[np.float32]  # (V,)
    start: NDArray[Any]  # (W,), V filled up with zeros, int32: the initial shape in steps; with ``exact`` float32
    anchors: NDArray[np.int16]  # (C, F)
    deltas: NDArray[np.float32]  # (C, F, 2)
    splits: NDArray[np.int16]  # (C, T, S, 3): two pixels and a threshold in 64ths; a tree's splits are neighbours
    leaves: NDArray[Any]  # (C, T, S + 1, W) int16, steps; with ``exact`` float32
    step: np.float32


class _Memory(NamedTuple):
    """The leaves that the latest faces have, M of them, and their sums. What is wrong would spoil all later faces."""

    found: NDArray[np.uint16]  # (M, C, T): the leaf of each tree
    sums: NDArray[Any]  # (M, C, W) of the type of the tables' ``start``: of each cascade's leaves, steps
    used: NDArray[np.int64]  # (M,): larger is later; 0: nothing yet


def _empty_memory(tables: _Tables) -> _Memory:
    n_cascades, n_trees, _, n_values = tables.leaves.shape
    return _Memory(
        np.full((_N_REMEMBERED, n_cascades, n_trees), _NO_LEAF, np.uint16),
        np.zeros((_N_REMEMBERED, n_cascades, n_values), tables.start.dtype),
        np.zeros(_N_REMEMBERED, np.int64),
    )


def _tables(model: ShapePredictor, exact: bool) -> _Tables:
    # differences of pixels are whole 64ths: one exceeds the threshold when it exceeds the next lower 64th
    thresholds = np.clip(np.floor(model.thresholds.astype(np.float64) * _GREY_STEPS), _INT16.min, _INT16.max)
    splits = np.concatenate([model.splits, thresholds[..., None]], axis=-1).astype(np.int16)
    step = np.float32(1)
    if not exact:
        largest = max(float(model.leaves.max()), -float(model.leaves.min()))
        step = np.float32(max(largest / _INT16.max, _FINEST_STEP))
    *n_leaves, n_values = model.leaves.shape
    n_filled = -(-n_values // _VALUES_AT_ONCE) * _VALUES_AT_ONCE
    start: NDArray[Any] = np.zeros(n_filled, np.float32 if exact else np.int32)
    leaves = _in_whole_lines((*n_leaves, n_filled), np.float32 if exact else np.int16)
    for whole, one in zip((start, *leaves), (model.initial, *model.leaves), strict=True):  # as a copy of all is large
        whole[..., :n_values] = one if exact else np.rint(one / step)
    return _Tables(model.initial, start, model.anchors.astype(np.int16), model.deltas, splits, leaves, step)


def _in_whole_lines(shape: tuple[int, ...], of: type) -> NDArray[Any]:
    """Return zeros that begin where a cache line does."""
    n_bytes = int(np.prod(shape)) * np.dtype(of).itemsize
    room = np.zeros(n_bytes + _CACHE_LINE_BYTES, np.uint8)
    first = -room.ctypes.data % _CACHE_LINE_BYTES
    return room[first : first + n_bytes].view(of).reshape(shape)


def _prefetch_typed(context: Any, address: Any) -> Any:
    """Prefetch the cache line at ``address``."""
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
    grey: ImageGrey,
    left: float,
    top: float,
    width: float,
    height: float,
    tables: _Tables,
    memory: _Memory,
    exact: bool,
) -> NDArray[np.float32]:
    """Return the shape (V,) in pixels; the box's first and last pixel are ``width`` and ``height`` apart."""
    n_cascades, n_features = tables.anchors.shape
    total = tables.start.copy()
    shape = tables.initial.copy()
    places = np.empty((2, n_features))
    pixels = np.empty(n_features, np.int16)
    found = np.empty(tables.leaves.shape[1], np.uint16)
    same = 0  # the remembered face that is most like this one
    for n in range(n_cascades):
        _pixel_places(shape, tables.initial, tables.anchors[n], tables.deltas[n], left, top, width, height, places)
        if exact:
            _sample_nearest(grey, places, pixels)
        else:
            _sample_bilinear(grey, places, pixels)
        _find_leaves(pixels, tables.splits[n], found)
        if exact:  # the sum of floats depends on their order
            _add_leaves(found, tables.leaves[n], total)
        else:
            if n == 0:
                same = _most_alike(found, memory)
            _change_leaves(found, tables.leaves[n], memory.found[same, n], memory.sums[same, n])
            for k in range(total.size):
                total[k] += memory.sums[same, n, k]
        for k in range(shape.size):
            shape[k] = total[k] * tables.step
    for k in range(0, shape.size, 2):
        shape[k] = left + width * shape[k]
        shape[k + 1] = top + height * shape[k + 1]
    return shape


@compiled
def _pixel_places(
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
    """Write each pixel's x and y in the picture to ``places``: from its point, rotated and scaled as the shape is."""
    cosine, sine = _rotation(initial, shape)
    for n in range(anchors.size):
        point = 2 * anchors[n]
        x, y = deltas[n, 0], deltas[n, 1]
        places[0, n] = left + width * np.float64(cosine * x - sine * y + shape[point])
        places[1, n] = top + height * np.float64(sine * x + cosine * y + shape[point + 1])


@compiled
def _rotation(source: NDArray[np.float32], target: NDArray[np.float32]) -> tuple[np.float32, np.float32]:
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
def _sample_nearest(grey: ImageGrey, places: NDArray[np.float64], pixels: NDArray[np.int16]) -> None:
    """Take the nearest pixel at each place."""
    height, width = grey.shape
    for n in range(pixels.size):
        x, y = np.floor(places[0, n] + 0.5), np.floor(places[1, n] + 0.5)
        pixels[n] = 0
        if x >= 0 and y >= 0 and x < width and y < height:
            pixels[n] = _GREY_STEPS * np.int16(grey[np.int64(y), np.int64(x)])


@compiled
def _sample_bilinear(grey: ImageGrey, places: NDArray[np.float64], pixels: NDArray[np.int16]) -> None:
    """Interpolate between the four pixels around each place; ``grey`` has two rows and two columns at least."""
    height, width = grey.shape
    flat = grey.reshape(-1)
    last_column, last_row, columns = np.float32(width - 1), np.float32(height - 1), np.int32(width)
    corners = np.empty(pixels.size, np.int32)
    shares = np.empty((2, pixels.size), np.float32)
    for n in range(pixels.size):  # apart from the next loop, as the compiler can vectorise this one
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
        corner = np.uint64(corners[n])  # unsigned: numba then omits the check for negative indices
        below = corner + np.uint64(width)
        first, second = np.float32(flat[corner]), np.float32(flat[corner + np.uint64(1)])
        third, fourth = np.float32(flat[below]), np.float32(flat[below + np.uint64(1)])
        upper = first + shares[0, n] * (second - first)
        lower = third + shares[0, n] * (fourth - third)
        pixels[n] = np.int16(np.float32(_GREY_STEPS) * (upper + shares[1, n] * (lower - upper)) + _HALF)


@compiled
def _find_leaves(pixels: NDArray[np.int16], splits: NDArray[np.int16], found: NDArray[np.uint16]) -> None:
    """Write the leaf of each tree to ``found`` (T,).

    Splits are stored level by level; there are no branches on pixels, as neither side is likelier.
    """
    flat, n_splits = splits.reshape(-1), np.uint64(splits.shape[1])
    one, three = np.uint64(1), np.uint64(3)
    for tree in range(found.size):
        first = np.uint64(tree) * n_splits * three
        at = np.uint64(0)
        while at < n_splits:
            place = first + at * three
            apart = np.int32(pixels[np.uint16(flat[place])]) - np.int32(pixels[np.uint16(flat[place + one])])
            at = at + at + one + np.uint64(apart <= flat[place + one + one])
        found[tree] = at - n_splits


@compiled
def _most_alike(found: NDArray[np.uint16], memory: _Memory) -> int:
    """Return the remembered face that has most of these leaves of the first cascade, and note that it is used.

    Where none has half of them, it is another face: then that which was not used for longest, to be replaced.
    """
    best, best_count = int(np.argmin(memory.used)), found.size // 2
    for one in range(memory.used.size):
        count = _n_others(found, memory.found[one, 0])
        if memory.used[one] > 0 and count < best_count:
            best, best_count = one, count
    memory.used[best] = memory.used.max() + 1
    return best


@compiled
def _n_others(found: NDArray[np.uint16], before: NDArray[np.uint16]) -> int:
    count = 0
    for tree in range(found.size):
        count += found[tree] != before[tree]
    return count


@compiled
def _change_leaves(
    found: NDArray[np.uint16], leaves: NDArray[Any], before: NDArray[np.uint16], sums: NDArray[Any]
) -> None:
    """Make ``sums`` (W,), of the leaves ``before``, that of the leaves ``found``; and so ``before``."""
    if 2 * _n_others(found, before) >= found.size:  # to fetch all is less
        before[:] = found
        sums[:] = 0
        _add_leaves(found, leaves, sums)
        return
    _, n_leaves, n_values = leaves.shape
    flat, size = leaves.reshape(-1), np.uint64(n_values)
    gone, come = np.empty(found.size // 2, np.uint64), np.empty(found.size // 2, np.uint64)  # places in ``flat``
    count = 0
    for tree in range(found.size):
        if found[tree] != before[tree]:
            gone[count] = (np.uint64(tree * n_leaves) + np.uint64(before[tree])) * size
            come[count] = (np.uint64(tree * n_leaves) + np.uint64(found[tree])) * size
            before[tree] = found[tree]
            count += 1
    for first in range(0, count + _CHANGES_AHEAD, _CHANGES_AHEAD):
        for n in range(first, min(first + _CHANGES_AHEAD, count)):
            _prefetch_leaf(flat.ctypes.data + gone[n] * np.uint64(flat.itemsize), n_values * flat.itemsize)
            _prefetch_leaf(flat.ctypes.data + come[n] * np.uint64(flat.itemsize), n_values * flat.itemsize)
        n, end = max(first - _CHANGES_AHEAD, 0), min(first, count)
        while n + 2 <= end:
            one, two, three, four = come[n], gone[n], come[n + 1], gone[n + 1]
            for part in range(np.uint64(0), size, np.uint64(_VALUES_AT_ONCE)):
                for k in range(part, part + np.uint64(_VALUES_AT_ONCE)):
                    sums[k] = sums[k] + flat[one + k] - flat[two + k] + flat[three + k] - flat[four + k]
            n += 2
        for rest in range(n, end):
            for k in range(size):
                sums[k] = sums[k] + flat[come[rest] + k] - flat[gone[rest] + k]


@compiled
def _add_leaves(found: NDArray[np.uint16], leaves: NDArray[Any], total: NDArray[Any]) -> None:
    """Add to ``total`` the leaf of each tree, prefetched in groups, so that it is in the cache when it is added."""
    n_trees, n_leaves, n_values = leaves.shape
    flat, size = leaves.reshape(-1), np.uint64(n_values)
    starts = np.empty(n_trees, np.uint64)  # of the leaves, in ``flat``: slices of it would be counted, which takes time
    for first in range(0, n_trees + _TREES_AHEAD, _TREES_AHEAD):
        for tree in range(first, min(first + _TREES_AHEAD, n_trees)):
            starts[tree] = (np.uint64(tree * n_leaves) + np.uint64(found[tree])) * size
            _prefetch_leaf(flat.ctypes.data + starts[tree] * np.uint64(flat.itemsize), n_values * flat.itemsize)
        tree, end = max(first - _TREES_AHEAD, 0), min(first, n_trees)
        while tree + _TREES_AT_ONCE <= end:
            one, two, three, four = starts[tree], starts[tree + 1], starts[tree + 2], starts[tree + 3]
            for part in range(np.uint64(0), size, np.uint64(_VALUES_AT_ONCE)):
                for k in range(part, part + np.uint64(_VALUES_AT_ONCE)):
                    total[k] = total[k] + flat[one + k] + flat[two + k] + flat[three + k] + flat[four + k]
            tree += _TREES_AT_ONCE
        for rest in range(tree, end):
            for k in range(size):
                total[k] += flat[starts[rest] + k]


@compiled
def _prefetch_leaf(first: np.uint64, n_bytes: int) -> None:
    for offset in range(0, n_bytes, _CACHE_LINE_BYTES):
        _prefetch(first + np.uint64(offset))
    _prefetch(first + np.uint64(n_bytes - 1))
