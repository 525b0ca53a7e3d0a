"""Read the arrays of an HDF5 file as data: plain numbers that the file itself holds.

HDF5 can do more than hold arrays: links and storage in other files, arrays put together from other files,
filters that load code or unpack a kilobyte to gigabytes, types that hold pointers. All of that is refused.
Attributes, where Keras keeps text and some programs pickles, are never read. A damaged file can make the HDF5
library loop until memory is full, so it reads in a process of its own, of bounded memory and time.
"""

import math
import multiprocessing
import resource
from collections.abc import Iterator
from concurrent.futures import TimeoutError
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.errors import BadInput, UntrustedWeights

Arrays = dict[str, NDArray[np.float32]]

START = b"\x89HDF\r\n\x1a\n"
MOST_OBJECTS = 4096
"""The released weights have about 600 groups and arrays."""

MEMORY_BYTES = 2 << 30
TIMEOUT_S = 120.0
"""Limits of the process that reads."""

MALFORMED = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, OverflowError)
"""The exceptions of reading a damaged HDF5 file."""


def read_hdf5_arrays(path: Path, largest_bytes: int) -> Arrays:
    """Return all arrays of ``path`` as float32, by their path within the file (``conv1/kernel:0``).

    Raises UntrustedWeights, naming it, for anything but numbers stored in the file itself, uncompressed, and BadInput
    for more than ``largest_bytes`` of them or a damaged file.
    """
    from pebble import ProcessExpired, ProcessPool

    spawn: Any = multiprocessing.get_context("spawn")
    with ProcessPool(max_workers=1, context=spawn, initializer=_bound_memory) as pool:
        try:
            arrays: Arrays = pool.schedule(_read, args=(path, largest_bytes), timeout=TIMEOUT_S).result()
        except (MemoryError, TimeoutError, ProcessExpired, BrokenProcessPool) as error:  # broken: it died at once
            raise BadInput(
                f"{path}: can't be read as HDF5, it is damaged or too large ({type(error).__name__})"
            ) from None
    return arrays


def _bound_memory() -> None:
    _, ceiling = resource.getrlimit(resource.RLIMIT_DATA)
    limit = MEMORY_BYTES if ceiling == resource.RLIM_INFINITY else min(MEMORY_BYTES, ceiling)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, ceiling))


def _read(path: Path, largest_bytes: int) -> Arrays:
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            datasets = dict(_datasets(file, path))
            n_bytes = sum(_checked_bytes(dataset, name, path) for name, dataset in datasets.items())
            if n_bytes > largest_bytes:
                raise BadInput(f"{path}: expected at most {largest_bytes} bytes of arrays, found {n_bytes}")
            return {name: np.asarray(dataset[()], np.float32) for name, dataset in datasets.items()}
    except MALFORMED as error:
        raise BadInput(f"{path}: can't be read as HDF5: {type(error).__name__}: {error}") from None


def _datasets(file: Any, path: Path) -> Iterator[tuple[str, Any]]:
    """Walk the groups, each link a step: a group linked into itself ends at the limit, as any large tree does."""
    import h5py

    todo, n_objects = [("", file)], 0
    while todo:
        at, group = todo.pop()
        n_objects += len(group)
        if n_objects > MOST_OBJECTS:
            raise BadInput(f"{path}: expected at most {MOST_OBJECTS} groups and arrays, found more")
        for name in group:
            link = group.get(name, getlink=True)
            if link is None:
                raise BadInput(f"{path}: '{at}{name}': expected a group or an array, found nothing")
            if not isinstance(link, h5py.HardLink):
                raise _refused(path, at + name, f"is a {type(link).__name__}, which may lead elsewhere")
            child = group[name]
            if isinstance(child, h5py.Group):
                todo.append((f"{at}{name}/", child))
            elif isinstance(child, h5py.Dataset):
                yield at + name, child
            else:
                raise _refused(path, at + name, f"is a {type(child).__name__}")


def _checked_bytes(dataset: Any, name: str, path: Path) -> int:
    """Return the array's size once read; refuse what isn't floats stored in the file in one piece.

    One piece, so that the file's own size bounds what is read: a chunk could be compressed a thousandfold, and
    an array without storage would be filled up to whatever size it states.
    """
    import h5py

    layout = dataset.id.get_create_plist().get_layout()
    if dataset.external is not None or layout == h5py.h5d.VIRTUAL:
        raise _refused(path, name, "takes its numbers from other files")
    if layout not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT):
        raise _refused(path, name, "is stored in chunks, perhaps compressed (h5repack -f NONE -l CONTI undoes it)")
    stored = dataset.id.get_type()
    if not isinstance(stored, h5py.h5t.TypeFloatID) or stored.get_size() > np.dtype(np.float64).itemsize:
        raise _refused(path, name, f"has numbers of type {dataset.dtype}")
    n_numbers = 0 if dataset.shape is None else math.prod(dataset.shape)
    if dataset.id.get_storage_size() != n_numbers * stored.get_size():
        found = f"{dataset.id.get_storage_size()} bytes for an array of {dataset.shape}"
        raise BadInput(f"{path}: '{name}': expected {n_numbers * stored.get_size()} bytes, found {found}")
    return n_numbers * np.dtype(np.float64).itemsize


def _refused(path: Path, name: str, what: str) -> UntrustedWeights:
    return UntrustedWeights(f"{path}: '{name}' {what}, expected floats in the file itself. Nothing was run.")
