"""The released Keras file becomes the same state as the other formats, and what is another network's is named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.core.base.errors import BadInput, UntrustedWeights
from pipeline.identity.network.keras_weights import read_keras_weights
from pipeline.identity.network.resnet import CAFFE, KERAS
from pipeline.identity.network.weights_file import load_recognition_network, write_recognition_network
from tests.identity.keras_file import write_keras

State = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def state(random_state: Callable[[int], State]) -> State:
    return random_state(8)


@pytest.fixture(scope="module")
def released(state: State, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as ``rcmalli_vggface_tf_resnet50.h5`` is laid out, of width 0.125."""
    path = tmp_path_factory.mktemp("keras") / "rcmalli_vggface_tf_resnet50.h5"
    write_keras(state, path)
    return path


def check_same(found: dict[str, torch.Tensor], state: State) -> None:
    assert found.keys() == state.keys()
    for name, values in state.items():
        np.testing.assert_array_equal(found[name].numpy(), values, err_msg=name)


def test_every_tensor_comes_back_in_torch_s_names_and_orders(released: Path, state: State) -> None:
    check_same(read_keras_weights(released), state)


@pytest.mark.parametrize(
    "layout", [{"root": "model_weights/"}, {"scope_suffix": "_1"}], ids=["whole model", "second scope"]
)
def test_whole_models_and_numbered_scopes_are_the_same_weights(
    layout: dict[str, str], state: State, tmp_path: Path
) -> None:
    write_keras(state, tmp_path / "weights.h5", **layout)
    check_same(read_keras_weights(tmp_path / "weights.h5"), state)


def test_without_the_top_only_the_classifier_is_missing(state: State, tmp_path: Path) -> None:
    path = tmp_path / "rcmalli_vggface_tf_notop_resnet50.h5"
    write_keras(state, path, has_top=False)
    check_same(read_keras_weights(path), {name: v for name, v in state.items() if not name.startswith("fc.")})
    assert load_recognition_network(path).geometry == KERAS


def test_optimizer_state_of_a_whole_model_is_left_out(state: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    write_keras(state, path, root="model_weights/")
    with h5py.File(path, "a") as file:
        file["optimizer_weights/m:0"] = np.zeros(3, np.float32)
    check_same(read_keras_weights(path), state)


def test_the_geometry_survives_being_written_as_safetensors(released: Path, tmp_path: Path) -> None:
    network, path = load_recognition_network(released), tmp_path / "label.safetensors"
    write_recognition_network(network, path)
    found = load_recognition_network(path)
    assert found.geometry == network.geometry == KERAS
    faces_BCHW = torch.linspace(-100, 100, 3 * 224 * 224).view(1, 3, 224, 224)
    with torch.inference_mode():
        assert torch.equal(found.eval()(faces_BCHW), network.eval()(faces_BCHW))


def test_an_unknown_geometry_is_named(released: Path, small_checkpoint: Path, tmp_path: Path) -> None:
    assert load_recognition_network(small_checkpoint).geometry == CAFFE
    write_recognition_network(load_recognition_network(released), tmp_path / "label.safetensors")
    raw = (tmp_path / "label.safetensors").read_bytes()
    (tmp_path / "label.safetensors").write_bytes(raw.replace(b'"geometry":"keras"', b'"geometry":"other"'))
    with pytest.raises(BadInput, match="geometry 'other': expected one of caffe, keras"):
        load_recognition_network(tmp_path / "label.safetensors")


def changed(released: Path, folder: Path, change: Callable[[h5py.File], object]) -> Path:
    path = folder / "weights.h5"
    shutil.copy(released, path)
    with h5py.File(path, "a") as file:
        change(file)
    return path


KERNEL = "conv2_1_3x3/conv2_1_3x3/kernel:0"


def test_a_missing_kernel_is_named(released: Path, tmp_path: Path) -> None:
    path = changed(released, tmp_path, lambda file: file.pop(KERNEL))
    with pytest.raises(BadInput, match=r"'layer1\.0\.conv2\.weight': expected \(8, 8, 3, 3\), found nothing"):
        load_recognition_network(path)


def test_a_squeeze_and_excitation_network_is_refused(released: Path, tmp_path: Path) -> None:
    at = "conv2_1_1x1_down/conv2_1_1x1_down/kernel:0"
    path = changed(released, tmp_path, lambda file: file.create_dataset(at, data=np.zeros((1, 1, 4, 4), np.float32)))
    with pytest.raises(BadInput, match=f"'{at}': expected no such array in a VGGFace2 ResNet-50 by Keras"):
        load_recognition_network(path)


def test_two_arrays_for_one_place_are_refused(released: Path, tmp_path: Path) -> None:
    path = changed(released, tmp_path, lambda file: file.copy(KERNEL, file, "conv2_1_3x3/again/kernel:0"))
    with pytest.raises(BadInput, match="expected one 'kernel' of 'conv2_1_3x3', found two"):
        load_recognition_network(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(value: float, released: Path, tmp_path: Path) -> None:
    path = changed(released, tmp_path, lambda file: file[KERNEL].write_direct(np.full((3, 3, 8, 8), value, "f4")))
    with pytest.raises(BadInput, match=r"'layer1\.0\.conv2\.weight': expected finite numbers"):
        load_recognition_network(path)


def test_a_link_out_of_the_released_file_stops_loading(released: Path, tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        file.pop(KERNEL)
        file[KERNEL] = h5py.ExternalLink(str(released), KERNEL)

    with pytest.raises(UntrustedWeights, match="is a ExternalLink"):
        load_recognition_network(changed(released, tmp_path, change))
