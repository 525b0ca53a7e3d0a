"""Columns of mapped Arrow files, read a row at a time, each value when it is asked for."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.base.arrays import ImageRGB
from pipeline.base.images import decode_png
from pipeline.dataset.reader import Shape

Rows: TypeAlias = NDArray[np.intp]
"""(N,) places in a table."""

Value = TypeVar("Value", covariant=True)


class Column(Protocol[Value]):
    """A value for each row."""

    def __getitem__(self, row: int, /) -> Value:
        """Return the value of a row."""


class MappedColumn(Generic[Value]):
    """The values of some rows of a mapped file."""

    def __init__(self, column: pa.ChunkedArray, rows: Rows, read: Callable[[pa.Scalar], Value]) -> None:
        self._column, self._rows, self._read = column, rows, read

    def __getitem__(self, row: int, /) -> Value:
        """Return the value in place ``row`` of those chosen."""
        return self._read(self._column[int(self._rows[row])])


def read_picture(png: pa.Scalar) -> ImageRGB:
    """Return the picture of a cell of PNG."""
    return decode_png(png.as_buffer())


def read_vector(values: pa.Scalar) -> NDArray[np.float32]:
    """Return the values of a cell, a view of the file."""
    vector: NDArray[np.float32] = values.values.to_numpy()
    return vector


def read_matrix(shape: Shape, values: pa.Scalar) -> NDArray[np.float32]:
    """Return the values of a cell in ``shape``, a view of the file."""
    return read_vector(values).reshape(shape)


def places(column: pa.Array | pa.ChunkedArray, among: pa.Array | pa.ChunkedArray) -> Rows:
    """Return where each value of ``column`` stands in ``among``, -1 for nowhere."""
    return np.asarray(pc.fill_null(pc.index_in(column, value_set=among), -1).to_numpy(), np.intp)
