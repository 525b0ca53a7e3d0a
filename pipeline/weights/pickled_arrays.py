"""Read pickled numpy arrays as data: nothing that the file names is imported or called."""

import io
import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.errors import BadInput, UntrustedWeights

MALFORMED = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    MemoryError,
    RecursionError,
    AssertionError,
    struct.error,
)
"""The exceptions of reading a pickle that is damaged, or no pickle."""


def read_pickled_arrays(path: Path) -> object:
    """Return what ``path`` holds: a dict's values that are arrays of plain numbers as numpy arrays.

    Reads what Python 2 wrote (bytes come as text, one character a byte) and every protocol since. Raises
    UntrustedWeights, naming it, for anything but arrays, and BadInput for what is damaged or no pickle.
    """
    try:
        content = _ArraysOnly(path).load()
    except MALFORMED as error:
        formats = "neither safetensors nor a torch file nor a pickled dict of numpy arrays"
        raise BadInput(f"{path}: {formats} ({type(error).__name__}: {error})") from None
    if not isinstance(content, dict):
        return content
    return {name: value.values if isinstance(value, _Array) else value for name, value in content.items()}


class _Dtype:
    """Stands in for numpy.dtype: one plain number type and its byte order, nothing structured."""

    def __init__(self, name: str, *_: object) -> None:
        if name[:1] not in "fiub" or not name[1:].isdigit():
            raise ValueError(f"arrays of {name!r}, expected plain numbers")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] == ">":
            self.dtype = self.dtype.newbyteorder(">")


class _Array:
    """Stands in for an array; numpy's own reconstruction would allocate whatever memory the file names."""

    values: NDArray[Any] | None = None

    def __init__(self, *_: object) -> None:
        """An empty array; ``__setstate__`` follows."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, is_fortran, raw = state
        self._fill(raw, dtype, shape, "F" if is_fortran else "C")

    def _fill(self, raw: bytes | str, dtype: _Dtype, shape: tuple[int, ...], order: Any) -> None:
        """Python 2's bytes arrive as text, one character a byte; torch needs the native byte order."""
        data = raw.encode("latin1") if isinstance(raw, str) else raw
        values = np.frombuffer(data, dtype.dtype).reshape(shape, order=order)
        self.values = np.array(values, dtype.dtype.newbyteorder("="), order="C")


class _ArrayFromBuffer(_Array):
    """How protocol 5 writes an array."""

    def __init__(self, raw: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str) -> None:
        self._fill(raw, dtype, shape, order)


class _Scalar(_Array):
    """How a numpy number is written; the released weights may hold batch counters."""

    def __init__(self, dtype: _Dtype, raw: bytes | str) -> None:
        self._fill(raw, dtype, (), "C")


class _Latin1(bytes):
    """Stands in for _codecs.encode, with which Python 3 writes bytes so that Python 2 can read them."""

    def __new__(cls, text: str, encoding: str) -> "_Latin1":
        if encoding != "latin1":
            raise ValueError(f"bytes written as {encoding!r}, expected 'latin1'")
        return super().__new__(cls, text.encode("latin1"))

    def __setstate__(self, state: object) -> None:
        raise ValueError("bytes with a state")


STAND_INS: Mapping[str, Any] = {
    "numpy.core.multiarray._reconstruct": _Array,
    "numpy._core.multiarray._reconstruct": _Array,
    "numpy._core.numeric._frombuffer": _ArrayFromBuffer,
    "numpy.core.numeric._frombuffer": _ArrayFromBuffer,
    "numpy.core.multiarray.scalar": _Scalar,
    "numpy._core.multiarray.scalar": _Scalar,
    "numpy.dtype": _Dtype,
    "numpy.ndarray": "numpy.ndarray",
    "_codecs.encode": _Latin1,
}
"""All that a pickle may name, and its replacements: nothing that it names is ever imported or called.

Each class has a ``__setstate__``, so that a pickle can't set attributes on the class itself.
"""


class _ArraysOnly(pickle._Unpickler):
    """The unpickler in Python, since the one in C allocates memory for any memo number that a file names."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.BytesIO(path.read_bytes()), encoding="latin1")
        self._path = path

    def _read_buffer(self: Any) -> None:
        """Protocol 5's bytearray, read as bytes: as many as there are, whatever number it announces."""
        (n_bytes,) = struct.unpack("<Q", self.read(8))
        self.append(self.read(n_bytes))

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **pickle._Unpickler.dispatch,
        pickle.BYTEARRAY8[0]: _read_buffer,
    }

    def find_class(self, module: str, name: str, /) -> Any:
        """Return the stand-in; refuse the rest before anything is imported."""
        wanted = f"{module}.{name}"
        if wanted not in STAND_INS:
            expected = "expected numpy arrays only. Nothing was run."
            raise UntrustedWeights(f"{self._path}: contains {wanted}, {expected}")
        return STAND_INS[wanted]
