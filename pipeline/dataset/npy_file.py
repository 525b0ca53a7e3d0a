"""Read NumPy files of small arrays of numbers, which are untrusted: nothing is unpickled."""

import io
import math
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.sources.reading.local_file import open_regular, shown

LARGEST_FILE_BYTES = 8 << 20
"""A log-mel of 64 x 1000 has 0.26 million bytes."""

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npy(path: Path) -> NDArray[np.float32]:
    """Return the array of a .npy file of floating-point numbers of 2, 4 or 8 bytes, as float32, read-only.

    Its header is compared with the file's size before anything of that size is made. Raises BadInput for any other
    file, for one above LARGEST_FILE_BYTES, and for numbers that are not finite as float32.
    """
    found = open_regular(path)
    if isinstance(found, Dropped):
        raise BadInput(found.detail)
    with os.fdopen(found, "rb") as file:
        try:
            data = file.read(LARGEST_FILE_BYTES + 1)
        except OSError as error:
            raise BadInput(f"{shown(path)}: {error.strerror}") from None
    if len(data) > LARGEST_FILE_BYTES:
        raise BadInput(f"{shown(path)}: expected at most {LARGEST_FILE_BYTES >> 20} MiB")
    stream = io.BytesIO(data)
    try:
        shape, is_fortran, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
    except (ValueError, KeyError, SyntaxError, MemoryError, RecursionError, TypeError):
        raise BadInput(f"{shown(path)}: expected a NumPy file of version 1 or 2, found another") from None
    if dtype.kind != "f" or dtype.itemsize > 8:
        raise BadInput(f"{shown(path)}: expected numbers of 2, 4 or 8 bytes with a point, found {str(dtype)[:40]}")
    content = data[stream.tell() :]
    if not shape or min(shape) < 1 or math.prod(shape) * dtype.itemsize != len(content):
        raise BadInput(f"{shown(path)}: expected the numbers that its header states, found {len(content)} bytes")
    with np.errstate(over="ignore"):
        values = np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C").astype(np.float32)
    if not np.isfinite(values).all():
        raise BadInput(f"{shown(path)}: expected finite numbers, found others")
    return values
