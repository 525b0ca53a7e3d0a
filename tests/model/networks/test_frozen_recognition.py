"""The frozen network embeds faces as the face recognition network, is not trained, and passes the gradient on."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from model.networks.frozen_recognition import FrozenRecognitionNetwork, RecognitionInput
from pipeline.identity.network.resnet import (
    CAFFE,
    KERAS,
    FaceRecognitionNetwork,
    Geometry,
    preprocess,
    preprocess_tensor,
    view,
)

PSI_INPUTS: tuple[RecognitionInput, ...] = ("published", "released")
FEATURE_SIZE = 256


def recognition_network(geometry: Geometry = CAFFE) -> FaceRecognitionNetwork:
    """A network of 8 channels of which no part is idle: as it starts, each block would be its shortcut."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = FaceRecognitionNetwork(0.125, geometry)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.3, 0.6)
                nn.init.normal_(module.bias, 0, 0.1)
    return network


@pytest.fixture
def network() -> FaceRecognitionNetwork:
    return recognition_network()


@pytest.fixture
def recognition(network: FaceRecognitionNetwork) -> FrozenRecognitionNetwork:
    return FrozenRecognitionNetwork(network)


def pictures(n: int = 2) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (n, 256, 256, 3), np.uint8)


def as_faces(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(images.transpose(0, 3, 1, 2) / np.float32(127.5) - np.float32(1))


@pytest.mark.parametrize("geometry", [CAFFE, KERAS])
def test_published_input_gives_the_label_of_the_face_as_a_picture(geometry: Geometry) -> None:
    network = recognition_network(geometry).eval()
    with torch.no_grad():
        expected = network(preprocess(pictures()))
    features = FrozenRecognitionNetwork(network)(as_faces(pictures()), "published")
    assert features.shape == (2, FEATURE_SIZE)
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 0.05


@pytest.mark.parametrize("geometry", [CAFFE, KERAS])
@pytest.mark.parametrize("recognition_input", PSI_INPUTS)
def test_features_are_those_of_the_batch_norms_that_are_folded(
    geometry: Geometry, recognition_input: RecognitionInput
) -> None:
    whole = recognition_network(geometry).eval()
    for module in whole.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    folded = FrozenRecognitionNetwork(deepcopy(whole))
    maps: list[Tensor] = []
    whole.layer4.register_forward_hook(lambda _module, _inputs, output: maps.append(output))
    faces = as_faces(pictures())
    with torch.no_grad():
        whole(preprocess_tensor(faces) if recognition_input == "published" else faces)
        features = folded(faces, recognition_input)
    expected = functional.avg_pool2d(maps[0], 7, stride=1).flatten(1)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded._hidden[0].modules())
    assert (features - expected).abs().max() < 1e-5 * expected.abs().max()
    assert expected.std() > 0.05 * expected.abs().max()


def test_released_input_goes_in_as_it_is_and_is_pooled_at_four_places(
    network: FaceRecognitionNetwork, recognition: FrozenRecognitionNetwork
) -> None:
    maps: list[NDArray[np.float32]] = []
    hook = network.layer4.register_forward_hook(lambda _module, _inputs, output: maps.append(output.numpy()))
    with torch.no_grad():
        network(as_faces(pictures()))
    hook.remove()
    assert maps[0].shape == (2, FEATURE_SIZE, 8, 8)
    pooled = [maps[0][:, :, y : y + 7, x : x + 7].mean((2, 3)) for y in (0, 1) for x in (0, 1)]
    features = recognition(as_faces(pictures()), "released")
    assert features.shape == (2, 4 * FEATURE_SIZE)
    np.testing.assert_allclose(features, np.stack(pooled, axis=2).reshape(2, -1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("recognition_input", PSI_INPUTS)
def test_the_gradient_reaches_what_psi_sees_and_not_psi(
    network: FaceRecognitionNetwork, recognition: FrozenRecognitionNetwork, recognition_input: RecognitionInput
) -> None:
    faces = as_faces(pictures()).requires_grad_()
    recognition(faces, recognition_input).sum().backward()
    assert faces.grad is not None
    is_seen = np.zeros((256, 256), np.bool_)
    is_seen[view(256) if recognition_input == "published" else ...] = True
    felt = faces.grad.abs().amax((0, 1)).numpy()
    assert (felt[is_seen] > 0).mean() > 0.99
    assert (felt[~is_seen] == 0).all()
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in network.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("recognition_input", PSI_INPUTS)
def test_the_gradient_is_the_derivative(
    recognition: FrozenRecognitionNetwork, recognition_input: RecognitionInput
) -> None:
    faces = as_faces(pictures(1)).double()
    direction = torch.randn(faces.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    step = torch.zeros((), dtype=torch.float64, requires_grad=True)
    double = recognition.double()
    assert torch.autograd.gradcheck(lambda by: double(faces + by * direction, recognition_input).sum(), step, eps=1e-7)


class Holder(nn.Module):
    """A trained network with the recognition network among its parts."""

    def __init__(self, recognition: FrozenRecognitionNetwork) -> None:
        super().__init__()
        self.trained = nn.Linear(1, 1)
        self.recognition = recognition


def test_whoever_holds_psi_neither_trains_nor_saves_it(
    network: FaceRecognitionNetwork, recognition: FrozenRecognitionNetwork
) -> None:
    holder = Holder(recognition)
    names = ["trained.weight", "trained.bias"]
    assert list(holder.state_dict()) == names
    assert [name for name, _ in holder.named_parameters()] == names
    holder.load_state_dict(deepcopy(holder.state_dict()), strict=True)


def test_training_mode_does_not_reach_psi(
    network: FaceRecognitionNetwork, recognition: FrozenRecognitionNetwork
) -> None:
    before, state = recognition(as_faces(pictures()), "published"), deepcopy(network.state_dict())
    after = Holder(recognition).train().recognition(as_faces(pictures()), "published")
    assert not any(module.training for module in network.modules())
    assert torch.equal(before, after)
    assert all(torch.equal(values, state[name]) for name, values in network.state_dict().items())


def test_psi_moves_with_its_holder(network: FaceRecognitionNetwork, recognition: FrozenRecognitionNetwork) -> None:
    Holder(recognition).to(torch.float64)
    assert network.conv1.weight.dtype == torch.float64
    Holder(recognition).to("meta")
    assert network.conv1.weight.is_meta


@pytest.mark.parametrize("recognition_input", PSI_INPUTS)
def test_memory_order_does_not_matter(
    recognition: FrozenRecognitionNetwork, recognition_input: RecognitionInput
) -> None:
    faces = as_faces(pictures())
    expected = recognition(faces, recognition_input)
    moved = recognition.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    features = moved(faces.to(memory_format=torch.channels_last), recognition_input)
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("recognition_input", PSI_INPUTS)
def test_under_autocast_features_are_float32_and_about_the_same(
    recognition: FrozenRecognitionNetwork, recognition_input: RecognitionInput
) -> None:
    faces = as_faces(pictures()).requires_grad_()
    expected = recognition(faces, recognition_input).detach()
    with torch.autocast("cpu", torch.bfloat16):
        features = recognition(faces, recognition_input)
    assert features.dtype == torch.float32
    assert (features - expected).abs().mean() < 0.02 * expected.abs().mean()
    features.sum().backward()
    assert faces.grad is not None
    assert faces.grad.isfinite().all()


@pytest.mark.parametrize("recognition_input", PSI_INPUTS)
def test_faces_of_16_bits_are_embedded_in_32(
    recognition: FrozenRecognitionNetwork, recognition_input: RecognitionInput
) -> None:
    faces = as_faces(pictures()).bfloat16()
    assert torch.equal(recognition(faces, recognition_input), recognition(faces.float(), recognition_input))


@pytest.mark.parametrize("geometry", [CAFFE, KERAS])
@pytest.mark.parametrize("psi_input", PSI_INPUTS)
def test_without_gradients_the_packed_network_gives_the_same_features(
    geometry: Geometry, psi_input: RecognitionInput
) -> None:
    recognition = FrozenRecognitionNetwork(recognition_network(geometry))
    faces = as_faces(pictures(3))
    expected = recognition(faces, psi_input)
    assert recognition._packed is None
    with torch.no_grad():
        found = recognition(faces, psi_input)
    assert recognition._packed is not None
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6 * float(expected.max()))


def test_a_network_moved_to_other_numbers_is_packed_anew_or_not_at_all(recognition: FrozenRecognitionNetwork) -> None:
    faces = as_faces(pictures(1))
    with torch.no_grad():
        before = recognition(faces, "released")
        recognition.double()
        after = recognition(faces.double(), "released")
    assert recognition._packed is None
    assert after.dtype == torch.float64
    torch.testing.assert_close(after.float(), before, rtol=0, atol=1e-5 * float(before.max()))


def test_a_network_that_was_used_without_gradients_can_be_copied(recognition: FrozenRecognitionNetwork) -> None:
    faces = as_faces(pictures(2))
    with torch.no_grad():
        expected = recognition(faces, "released")
        assert torch.equal(deepcopy(recognition)(faces, "released"), expected)


def test_what_is_not_finite_stays_so_without_gradients(recognition: FrozenRecognitionNetwork) -> None:
    faces = as_faces(pictures(2))
    faces[0, 0, 100, 100] = torch.nan
    with torch.no_grad():
        features = recognition(faces, "released")
    assert features[0].isnan().any()
    assert features[1].isfinite().all()
