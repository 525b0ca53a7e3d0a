"""Columns of memory-mapped Arrow files, each value read on access."""

import math
from collections.abc import Callable
from typing import Generic, Protocol, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageRGB
from pipeline.dataset.reader import Shape

Rows: TypeAlias = NDArray[np.intp]
"""(N,) row numbers of a table."""

Value = TypeVar("Value", covariant=True)


class Column(Protocol[Value]):
    """A value for each row."""

    def __getitem__(self, row: int, /) -> Value:
        """Return the value of a row."""


class MappedColumn(Generic[Value]):
    """The values of selected rows of a mapped file."""

    def __init__(self, column: pa.ChunkedArray, rows: Rows, read: Callable[[pa.Scalar], Value]) -> None:
        self._column, self._rows, self._read = column, rows, read

    def __getitem__(self, row: int, /) -> Value:
        """Return the value of row ``row`` of the selection."""
        return self._read(self._column[int(self._rows[row])])


def read_picture(pixels: pa.Scalar) -> ImageRGB:
    """Return the square picture of a cell of its bytes, (H, H, 3), a view of the file."""
    values = np.frombuffer(pixels.as_buffer(), np.uint8)
    side = math.isqrt(len(values) // 3)
    return values.reshape(side, side, 3)


def read_vector(values: pa.Scalar) -> NDArray[np.float32]:
    """Return the values of a cell, (D,), a view of the file."""
    vector: NDArray[np.float32] = values.values.to_numpy()
    return vector


def read_matrix(shape: Shape, values: pa.Scalar) -> NDArray[np.float32]:
    """Return the values of a cell in ``shape``, a view of the file."""
    return read_vector(values).reshape(shape)


def indices_in(column: pa.Array | pa.ChunkedArray, values: pa.Array | pa.ChunkedArray) -> Rows:
    """Return the index of each value of ``column`` in ``values``, -1 where it is missing."""
    return np.asarray(pc.fill_null(pc.index_in(column, value_set=values), -1).to_numpy(), np.intp)
