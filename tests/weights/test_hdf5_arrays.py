"""HDF5 is read as data: external links, compression and anything but numbers are refused, damage is bounded."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.core.base.errors import BadInput, FacevoxError, UntrustedWeights
from pipeline.weights import hdf5_arrays
from pipeline.weights.hdf5_arrays import read_hdf5_arrays

LIMIT = 1 << 20
VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def written(path: Path, write: Callable[[h5py.File], object], libver: str = "earliest") -> Path:
    with h5py.File(path, "w", libver=libver) as file:
        file["a/b:0"] = VALUES
        write(file)
    return path


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_floats_of_every_width_and_order_come_back_by_their_path(libver: str, tmp_path: Path) -> None:
    def write(file: h5py.File) -> None:
        file["half"] = VALUES.astype("<f2")
        file["big/double"] = VALUES.astype(">f8")
        file["scalar"] = np.float32(0.5)
        file["nothing"] = np.zeros((0, 3), np.float32)

    found = read_hdf5_arrays(written(tmp_path / "a.h5", write, libver), LIMIT)
    expected = {"a/b:0": VALUES, "half": VALUES, "big/double": VALUES, "scalar": 0.5, "nothing": np.zeros((0, 3))}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], values)


class Trap:
    """Pickles as a call of os.system that leaves a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


def test_a_pickle_in_an_attribute_is_never_looked_at(tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    def write(file: h5py.File) -> None:
        for place in (file, file["a"], file["a/b:0"]):
            place.attrs["layer_names"] = np.void(pickle.dumps(Trap(mark)))

    assert list(read_hdf5_arrays(written(tmp_path / "a.h5", write), LIMIT)) == ["a/b:0"]
    assert not mark.exists()


def write_virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(2, 3), dtype="f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=(2, 3))
    file.create_virtual_dataset("x", layout)


def write_compound(file: h5py.File) -> None:
    file["x"] = np.zeros(2, dtype=[("a", "f4"), ("b", "f4")])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda file: file.update({"x": h5py.ExternalLink("other.h5", "/x")}), "'x' is a ExternalLink"),
        (lambda file: file.update({"x": h5py.SoftLink("/a/b:0")}), "'x' is a SoftLink"),
        (lambda file: file.update({"x": np.dtype("f4")}), "'x' is a Datatype"),
        (lambda file: file.create_dataset("x", (6,), "f4", external=[("raw", 0, 24)]), "from other files"),
        (write_virtual, "'x' takes its numbers from other files"),
        (lambda file: file.create_dataset("x", (6,), "f4", chunks=(6,)), "'x' is stored in chunks"),
        (lambda file: file.create_dataset("x", (10**9,), "f4", compression="gzip"), "'x' is stored in chunks"),
        (lambda file: file.create_dataset("x", (2,), h5py.ref_dtype), "'x' has numbers of type object"),
        (lambda file: file.create_dataset("x", (2,), h5py.vlen_dtype(np.float32)), "numbers of type object"),
        (lambda file: file.create_dataset("x", (2,), h5py.string_dtype()), "numbers of type object"),
        (lambda file: file.create_dataset("x", (2,), np.dtype("V8")), "numbers of type .V8"),
        (write_compound, "'x' has numbers of type"),
        (lambda file: file.create_dataset("x", data=[1, 2]), "'x' has numbers of type int64"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_anything_but_floats_in_the_file_itself_is_refused(
    write: Callable[[h5py.File], object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UntrustedWeights, match=message):
        read_hdf5_arrays(written(tmp_path / "a.h5", write), LIMIT)


def test_an_array_that_announces_more_than_it_brings_takes_no_memory(tmp_path: Path) -> None:
    path = written(tmp_path / "a.h5", lambda file: file.create_dataset("x", (10**12,), "f4"))
    with pytest.raises(BadInput, match="'x': expected 4000000000000 bytes, found 0 bytes"):
        read_hdf5_arrays(path, LIMIT)


def test_arrays_on_the_limit_are_read_and_past_it_refused_also_one_under_many_names(tmp_path: Path) -> None:
    def write(file: h5py.File) -> None:
        for place in range(9):
            file[f"{place}"] = file["a/b:0"]

    path = written(tmp_path / "a.h5", write)
    n_bytes = 10 * VALUES.size * 8
    assert len(read_hdf5_arrays(path, n_bytes)) == 10
    with pytest.raises(BadInput, match=f"at most {n_bytes - 1} bytes of arrays, found {n_bytes}"):
        read_hdf5_arrays(path, n_bytes - 1)


def link_into_itself(file: h5py.File) -> None:
    file["a/a"] = file["a"]


def write_many(file: h5py.File) -> None:
    for place in range(hdf5_arrays.MOST_OBJECTS):
        file.create_group(f"{place}")


@pytest.mark.parametrize("write", [link_into_itself, write_many])
def test_groups_without_end_are_refused(write: Callable[[h5py.File], object], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected at most 4096 groups and arrays, found more"):
        read_hdf5_arrays(written(tmp_path / "a.h5", write), LIMIT)


@pytest.mark.slow
def test_a_damaged_file_that_leads_in_circles_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    """A free block in a group's heap of names that is its own successor: the HDF5 library follows until killed."""
    path = written(tmp_path / "a.h5", lambda file: None)
    raw = bytearray(path.read_bytes())
    heap = raw.index(b"HEAP")
    free, names = (int.from_bytes(raw[heap + at : heap + at + 8], "little") for at in (16, 24))
    raw[names + free : names + free + 8] = free.to_bytes(8, "little")
    path.write_bytes(raw)
    with pytest.raises(BadInput, match="can't be read as HDF5"):
        read_hdf5_arrays(path, LIMIT)


@pytest.mark.parametrize("n_bytes", [8, 100, 1500])
def test_a_file_that_ends_too_early_is_named(n_bytes: int, tmp_path: Path) -> None:
    path = written(tmp_path / "a.h5", lambda file: None)
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(FacevoxError, match=r"a\.h5: can't be read as HDF5"):
        read_hdf5_arrays(path, LIMIT)
