"""The face recognition network computes what the VGGFace2 release computes, from every format its weights come in."""

import pickle
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import safetensors.numpy
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.data.recognition_faces import recognition_crop
from pipeline.core.base.errors import BadInput
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.identity.network.resnet import (
    MEAN_BGR,
    FaceRecognitionNetwork,
    feature_size,
    preprocess,
    preprocess_framed,
    preprocess_tensor,
)
from pipeline.identity.network.weights_file import load_recognition_network, write_recognition_network
from tests.identity.keras_file import write_keras

State = dict[str, NDArray[np.float32]]


def reference_features(state: State, face_CHW: Tensor, *, is_keras: bool = False) -> Tensor:
    """The geometry once more, in functions and float64: (3, 224, 224) BGR minus the mean -> (D,)."""
    epsilon = 1e-3 if is_keras else 1e-5
    weights = {name: torch.from_numpy(values).double() for name, values in state.items()}

    def conv_norm(x: Tensor, conv: str, norm: str, stride: int) -> Tensor:
        kernel = weights[f"{conv}.weight"]
        after = kernel.shape[-1] // 2
        before = after - 1 if is_keras and stride == 2 and after else after  # TensorFlow's 'same' at even sizes
        x = functional.conv2d(functional.pad(x, (before, after, before, after)), kernel, stride=stride)
        scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + epsilon).sqrt()
        shift = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
        return x * scale[:, None, None] + shift[:, None, None]

    x = conv_norm(face_CHW[None].double(), "conv1", "bn1", 2).clamp(min=0)
    hangs_over = 0 if is_keras else 1
    x = functional.max_pool2d(functional.pad(x, (0, hangs_over, 0, hangs_over), value=-torch.inf), 3, stride=2)
    assert x.shape[-1] == (55 if is_keras else 56)
    for stage, n_blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(n_blocks):
            at, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = conv_norm(x, f"{at}.conv1", f"{at}.bn1", stride).clamp(min=0)
            y = conv_norm(y, f"{at}.conv2", f"{at}.bn2", 1).clamp(min=0)
            y = conv_norm(y, f"{at}.conv3", f"{at}.bn3", 1)
            if block == 0:
                x = conv_norm(x, f"{at}.downsample.0", f"{at}.downsample.1", stride)
            x = (x + y).clamp(min=0)
    assert x.shape[-2:] == (7, 7)
    return x.mean(dim=(2, 3))[0]


def write_safetensors(state: State, path: Path) -> None:
    safetensors.numpy.save_file(state, path)


def write_torch(state: State, path: Path) -> None:
    torch.save({name: torch.from_numpy(values) for name, values in state.items()}, path)


def write_data_parallel_torch(state: State, path: Path) -> None:
    tensors = {f"module.{name}": torch.from_numpy(values) for name, values in state.items()}
    torch.save({"state_dict": tensors, "epoch": 3}, path, _use_new_zipfile_serialization=False)


def write_pickle(state: State, path: Path) -> None:
    path.write_bytes(pickle.dumps(state, protocol=2))


@pytest.fixture(scope="module")
def full_width(random_state: Callable[[int], State]) -> tuple[State, Tensor, Tensor]:
    """Weights of width 1, one preprocessed face, its reference features."""
    state = random_state(64)
    face = np.random.default_rng(3).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    face_CHW = preprocess(face)[0]
    return state, face_CHW, reference_features(state, face_CHW)


def check_features(path: Path, face_CHW: Tensor, expected_D: Tensor) -> None:
    """In double precision to 1e-5; in single, as it is and as the faster form that embeds, to 1e-6 of the largest."""
    network = load_recognition_network(path).eval()
    with torch.inference_mode():
        found_D = network(face_CHW[None])[0]
        embedded_D = FaceRecogniser(path).network(face_CHW[None])[0]
        exact_D = network.double()(face_CHW[None].double())[0]
    assert found_D.shape == embedded_D.shape == (2048,)
    assert float(expected_D.max()) > 0.1
    assert float((exact_D - expected_D).abs().max()) < 1e-5
    assert float((found_D - expected_D).abs().max() / expected_D.max()) < 1e-6
    assert float((embedded_D - expected_D).abs().max() / expected_D.max()) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("write", [write_safetensors, write_torch, write_data_parallel_torch, write_pickle])
def test_features_equal_an_independent_construction_from_every_format(
    write: Callable[[State, Path], None], full_width: tuple[State, Tensor, Tensor], tmp_path: Path
) -> None:
    state, face_CHW, expected_D = full_width
    write(state, tmp_path / "weights.bin")
    check_features(tmp_path / "weights.bin", face_CHW, expected_D)


@pytest.mark.slow
def test_features_equal_an_independent_construction_from_arrays_that_python_2_pickled(
    full_width: tuple[State, Tensor, Tensor], python2_pickle: Callable[[State], bytes], tmp_path: Path
) -> None:
    state, face_CHW, expected_D = full_width
    path = tmp_path / "resnet50_ft_weight.pkl"
    path.write_bytes(python2_pickle(state))
    check_features(path, face_CHW, expected_D)


@pytest.mark.slow
def test_features_equal_an_independent_construction_of_keras_geometry_from_its_released_file(
    full_width: tuple[State, Tensor, Tensor], tmp_path: Path
) -> None:
    state, face_CHW, caffe_D = full_width
    path = tmp_path / "rcmalli_vggface_tf_resnet50.h5"
    write_keras(state, path)
    expected_D = reference_features(state, face_CHW, is_keras=True)
    check_features(path, face_CHW, expected_D)
    assert float((expected_D - caffe_D).abs().max() / caffe_D.max()) > 1e-2
    write_recognition_network(load_recognition_network(path), tmp_path / "label.safetensors")
    check_features(tmp_path / "label.safetensors", face_CHW, expected_D)


@pytest.mark.parametrize(
    ("width", "size"), [(1.0, 2048), (0.5, 1024), (0.25, 512), (0.125, 256), (0.3, 512), (0.01, 256)]
)
def test_the_feature_has_the_size_that_the_width_promises(width: float, size: int) -> None:
    assert feature_size(width) == size
    network = FaceRecognitionNetwork(width).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 224, 224)).shape == (1, size)


def test_a_plain_colour_becomes_bgr_minus_the_mean() -> None:
    face = np.full((1, 256, 256, 3), (200, 100, 50), dtype=np.uint8)
    expected_C = torch.tensor([50 - 91.4953, 100 - 103.8827, 200 - 131.0912])
    found = preprocess(face)
    assert found.shape == (1, 3, 224, 224)
    torch.testing.assert_close(found[0], expected_C.view(3, 1, 1).expand(3, 224, 224), rtol=0, atol=1e-3)


def test_a_drawn_face_is_preprocessed_as_the_same_face_in_bytes() -> None:
    face = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)
    drawn = torch.from_numpy(face).permute(0, 3, 1, 2).float() / 127.5 - 1
    torch.testing.assert_close(preprocess_tensor(drawn), preprocess(face), rtol=0, atol=1e-3)


def test_the_input_is_the_published_square_around_the_face_and_nothing_else() -> None:
    """Eyes 64 px apart at y = 120: 160 px wide, 221 - 120 px below the eyes; an edge is a step in the picture."""
    crop = np.zeros((1, 256, 256, 3), dtype=np.uint8)
    crop[:, 61:221, 48:208] = 200
    expected_C = 200 - torch.tensor([91.4953, 103.8827, 131.0912])
    torch.testing.assert_close(preprocess(crop)[0], expected_C.view(3, 1, 1).expand(3, 224, 224), rtol=0, atol=1e-3)
    crop[:, 62:220, 49:207] = 0
    assert float((preprocess(crop)[0, 0, [0, -1]] - expected_C[0]).abs().max()) < 1e-3
    assert float((preprocess(crop)[0, 0, :, [0, -1]] - expected_C[0]).abs().max()) < 1e-3


def test_framed_faces_are_not_cropped() -> None:
    face = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    expected = torch.from_numpy(face[..., ::-1].copy()).permute(0, 3, 1, 2) - torch.tensor(MEAN_BGR).view(3, 1, 1)
    assert torch.equal(preprocess_framed(face), expected)


def test_training_and_embedding_have_the_same_input_of_a_crop() -> None:
    smooth = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8), (0, 0), 3)
    found = preprocess_framed(recognition_crop(smooth)[None])
    assert float((found - preprocess(smooth[None])).abs().max()) < 1.0


def test_a_gradient_reaches_every_pixel_of_the_input_and_no_other() -> None:
    drawn = torch.zeros(1, 3, 256, 256, requires_grad=True)
    torch.autograd.backward(preprocess_tensor(drawn).sum())
    assert drawn.grad is not None
    is_reached = drawn.grad[0] > 0
    assert bool(is_reached[:, 61:221, 48:208].all())
    assert int(is_reached.sum()) == 3 * 160 * 160


def test_faces_of_the_wrong_shape_or_type_are_named_in_the_error() -> None:
    with pytest.raises(BadInput, match=r"\(1, 3, 224, 224\) uint8"):
        preprocess(np.zeros((1, 3, 224, 224), dtype=np.uint8))
    with pytest.raises(BadInput, match="float32"):
        preprocess(np.zeros((1, 224, 224, 3), dtype=np.float32))
