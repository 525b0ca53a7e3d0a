"""Weights files are read as data: what would run is refused, what is wrong is named."""

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.core.base.errors import BadInput, FacevoxError, UntrustedWeights
from pipeline.identity.network.resnet import FaceRecognitionNetwork
from pipeline.identity.network.weights_file import load_recognition_network, write_recognition_network
from pipeline.weights import state_dict as checkpoint
from pipeline.weights.state_dict import read_checkpoint, read_state_dict

State = dict[str, NDArray[np.float32]]
ARRAYS: dict[str, NDArray[Any]] = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array(7, dtype=np.int64),
}


class Trap:
    """Pickles as a call of os.system that leaves a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


def check_refused(path: Path, mark: Path) -> None:
    with pytest.raises(UntrustedWeights, match=r"posix\.system"):
        read_state_dict(path)
    assert not mark.exists()


def test_a_pickle_that_would_run_a_command_is_refused_and_named(tmp_path: Path) -> None:
    path, mark = tmp_path / "weights.pkl", tmp_path / "ran"
    path.write_bytes(pickle.dumps({**ARRAYS, "x": Trap(mark)}))
    check_refused(path, mark)


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_torch_file_that_would_run_a_command_is_refused_and_named(is_zip: bool, tmp_path: Path) -> None:
    path, mark = tmp_path / "weights.safetensors", tmp_path / "ran"
    torch.save({"a": torch.ones(2), "x": Trap(mark)}, path, _use_new_zipfile_serialization=is_zip)
    check_refused(path, mark)


class Setting:
    """What a training may have saved beside tensors."""

    def __init__(self, value: int) -> None:
        self.value = value


def test_of_a_checkpoint_the_tensors_are_read_and_named_objects_are_kept_as_nothing(tmp_path: Path) -> None:
    path, name = tmp_path / "checkpoint.bin", f"{__name__}.Setting"
    torch.save({"state_dict": {"a": torch.ones(2)}, "settings": {"x": Setting(3)}}, path)
    with pytest.raises(UntrustedWeights, match=r"Setting"):
        read_checkpoint(path, ["other.Setting"])
    assert read_checkpoint(path, [name])["a"].tolist() == [1.0, 1.0]
    with pytest.raises(UntrustedWeights, match=r"Setting"):  # of one file the permission is none for the next
        read_state_dict(path)


def test_a_checkpoint_that_would_run_a_command_is_refused(tmp_path: Path) -> None:
    path, mark = tmp_path / "checkpoint.bin", tmp_path / "ran"
    torch.save({"state_dict": {"a": torch.ones(2)}, "x": Trap(mark), "y": Setting(3)}, path)
    with pytest.raises(UntrustedWeights, match=r"posix\.system"):
        read_checkpoint(path, [f"{__name__}.Setting"])
    assert not mark.exists()


@pytest.mark.parametrize("name", ["numpy load", "numpy fromfile", "numpy.core.multiarray fromfile", "builtins getattr"])
def test_a_pickle_may_name_nothing_but_arrays(name: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pkl"
    path.write_bytes(b"\x80\x02c" + name.replace(" ", "\n").encode() + b"\n.")
    with pytest.raises(UntrustedWeights, match=name.replace(" ", r"\.")):
        read_state_dict(path)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_come_back_from_every_pickle_protocol(protocol: int, tmp_path: Path) -> None:
    values = {
        **ARRAYS,
        "c": np.asfortranarray(ARRAYS["a"]),
        "d": ARRAYS["a"].astype(">f4"),
        "e": np.float32(0.5),
    }
    path = tmp_path / "weights.pkl"
    path.write_bytes(pickle.dumps(values, protocol=protocol))
    found = read_state_dict(path)
    assert list(found) == list(values)
    for name, value in values.items():
        np.testing.assert_array_equal(found[name].numpy(), value)


def test_the_python_2_bytes_of_these_tests_are_what_numpy_itself_reads(
    python2_pickle: Callable[[State], bytes],
) -> None:
    found = pickle.loads(python2_pickle({"a": ARRAYS["a"]}), encoding="latin1")
    np.testing.assert_array_equal(found["a"], ARRAYS["a"])


@pytest.mark.parametrize("dtype", ["O8", "V8", "M8", "f4,i4", "U3"])
def test_arrays_of_anything_but_plain_numbers_are_refused(dtype: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pkl"
    path.write_bytes(pickle.dumps({"a": np.zeros(2, dtype=dtype)}, protocol=2))
    with pytest.raises(BadInput, match="expected plain numbers"):
        read_state_dict(path)


def test_a_buffer_that_announces_more_than_it_brings_takes_no_memory(tmp_path: Path) -> None:
    honest = pickle.dumps({"a": np.zeros(2, dtype=np.float32)}, protocol=5)
    path = tmp_path / "weights.pkl"
    path.write_bytes(honest.replace(b"\x96\x08" + bytes(7), b"\x96" + (10**15).to_bytes(8, "little")))
    with pytest.raises(BadInput, match="neither safetensors nor"):
        read_state_dict(path)


def test_an_array_that_announces_more_than_it_brings_takes_no_memory(tmp_path: Path) -> None:
    honest = pickle.dumps({"a": np.zeros(200, dtype=np.float32)}, protocol=2)
    path = tmp_path / "weights.pkl"
    path.write_bytes(honest.replace(b"K\xc8\x85", b"\x8a\x06" + (10**12).to_bytes(6, "little") + b"\x85"))
    with pytest.raises(BadInput, match="cannot reshape array of size 200"):
        read_state_dict(path)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    cut=st.integers(0, 600),
    place=st.integers(0, 600),
    byte=st.integers(0, 255),
    protocol=st.sampled_from([2, 5]),
)
def test_a_damaged_pickle_is_read_or_refused_but_never_crashes(
    cut: int, place: int, byte: int, protocol: int, tmp_path: Path
) -> None:
    damaged = bytearray(pickle.dumps(ARRAYS, protocol=protocol))
    damaged[place % len(damaged)] = byte  # an op, a length, a name, a number
    path = tmp_path / "weights.pkl"
    path.write_bytes(damaged[: cut or None])
    try:
        assert all(isinstance(value, torch.Tensor) for value in read_state_dict(path).values())
    except FacevoxError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("content", [b"", b"<html>Google Drive can't scan this file</html>"])
def test_a_file_of_no_supported_format_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pkl"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="neither safetensors nor a torch file nor a pickled dict"):
        read_state_dict(path)


def test_a_zip_that_is_no_torch_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "y")
    with pytest.raises(BadInput, match="can't be read as a torch file"):
        read_state_dict(path)


def test_a_file_that_unpacks_past_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(100_000))
    monkeypatch.setattr(checkpoint, "LARGEST_FILE_BYTES", 50_000)
    with pytest.raises(BadInput, match="at most 50000 bytes unpacked, found 100000"):
        read_state_dict(path)


def test_a_file_past_the_limit_is_refused_and_one_on_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.pkl"
    path.write_bytes(pickle.dumps(ARRAYS))
    monkeypatch.setattr(checkpoint, "LARGEST_FILE_BYTES", path.stat().st_size)
    assert set(read_state_dict(path)) == {"a", "b"}
    monkeypatch.setattr(checkpoint, "LARGEST_FILE_BYTES", path.stat().st_size - 1)
    with pytest.raises(BadInput, match="expected at most"):
        read_state_dict(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere.pkl: no such weights file"):
        read_state_dict(tmp_path / "nowhere.pkl")


def save_changed(path: Path, changed: dict[str, torch.Tensor | None]) -> None:
    state = {**FaceRecognitionNetwork(0.125).state_dict(), **changed}
    torch.save({name: tensor for name, tensor in state.items() if tensor is not None}, path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"layer3.2.conv2.weight": None},
            r"'layer3\.2\.conv2\.weight': expected \(32, 32, 3, 3\), found nothing",
        ),
        ({"layer1.0.bn1.bias": torch.zeros(9)}, r"'layer1\.0\.bn1\.bias': expected \(8,\), found \(9,\)"),
        ({"layer1.0.se.weight": torch.zeros(9)}, r"'layer1\.0\.se\.weight': expected no such tensor"),
        ({"bn1.weight": torch.full((8,), torch.nan)}, r"'bn1\.weight': expected finite numbers"),
        ({"conv1.weight": torch.zeros(12, 3, 7, 7)}, r"'conv1\.weight': expected a multiple of 8 channels"),
        ({"conv1.weight": None}, r"has no convolution 'conv1\.weight'"),
    ],
)
def test_a_wrong_key_shape_or_number_is_named(
    changed: dict[str, torch.Tensor | None], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pt"
    save_changed(path, changed)
    with pytest.raises(BadInput, match=message):
        load_recognition_network(path)


def test_weights_without_batch_counters_are_complete(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    save_changed(
        path, {n: None for n in FaceRecognitionNetwork(0.125).state_dict() if n.endswith("num_batches_tracked")}
    )
    assert load_recognition_network(path).feature_size == 256


@pytest.mark.parametrize("width", [0.125, 0.375])
def test_a_written_checkpoint_comes_back_with_its_width_and_numbers(width: float, tmp_path: Path) -> None:
    network, path = FaceRecognitionNetwork(width), tmp_path / "new" / "label.safetensors"
    write_recognition_network(network, path)
    found = load_recognition_network(path)
    assert found.feature_size == network.feature_size
    for name, tensor in network.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor), name


def test_equal_weights_give_equal_bytes_and_leave_no_other_file(small_checkpoint: Path, tmp_path: Path) -> None:
    write_recognition_network(load_recognition_network(small_checkpoint), tmp_path / "label.safetensors")
    assert (tmp_path / "label.safetensors").read_bytes() == small_checkpoint.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["label.safetensors"]
