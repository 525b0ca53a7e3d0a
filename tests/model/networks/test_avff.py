"""AVFF is Eq. 1, computed here by numpy from the same weights."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.networks.avff import AVFF

Array = NDArray[np.float64]
Weights = Mapping[str, Array]
CHANNELS, EPSILON = 8, 1e-5


def random_avff(gain: float) -> AVFF:
    torch.manual_seed(5)
    network = AVFF(CHANNELS, gain).double()
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif tensor.is_floating_point():
            tensor.normal_(0, 0.7)
    return network


def features(batch: int, side_px: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(6)
    shape = (side_px, side_px)
    return torch.randn(batch, 2 * CHANNELS, *shape).double(), torch.randn(batch, CHANNELS, *shape).double()


def weights_of(network: AVFF) -> dict[str, Array]:
    return {name: tensor.detach().clone().numpy() for name, tensor in network.state_dict().items()}


def conv(x: Array, weights: Weights, name: str) -> Array:
    return np.einsum("oc,bchw->bohw", weights[f"{name}.weight"][:, :, 0, 0], x) + channel(weights[f"{name}.bias"])


def channel(values: Array) -> Array:
    return values[None, :, None, None]


def norm(x: Array, weights: Weights, name: str, batch_statistics: bool) -> Array:
    if batch_statistics:
        mean, variance = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    else:
        mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    scaled = (x - channel(mean)) / np.sqrt(channel(variance) + EPSILON)
    return scaled * channel(weights[f"{name}.weight"]) + channel(weights[f"{name}.bias"])


def xi(x: Array, weights: Weights, name: str, batch_statistics: bool) -> Array:
    inner = norm(conv(x, weights, f"{name}.0"), weights, f"{name}.1", batch_statistics)
    return norm(conv(np.maximum(inner, 0), weights, f"{name}.3"), weights, f"{name}.4", batch_statistics)


def eq_1(
    face: torch.Tensor, audio: torch.Tensor, weights: Weights, gain: float, *, of_batch: bool, of_pool: bool
) -> Array:
    """Local and global branch take the statistics of the batch, each in its own mode, or the running ones."""
    f_v, f_a = conv(face.numpy(), weights, "project_face"), audio.numpy()
    local = xi(conv(np.concatenate([f_v, f_a], axis=1), weights, "project_both"), weights, "local_context", of_batch)
    pooled = (f_v + f_a).mean(axis=(2, 3), keepdims=True)
    m = 1 / (1 + np.exp(-(local + xi(pooled, weights, "global_context", of_pool))))
    return gain * (m * f_v + (1 - m) * f_a)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_the_fused_feature_is_eq_1(gain: float, training: bool) -> None:
    network = random_avff(gain).train(training)
    face, audio = features(3)
    expected = eq_1(face, audio, weights_of(network), gain, of_batch=training, of_pool=training)
    fused = network(face, audio)
    assert fused.shape == (3, CHANNELS, 6, 6)
    np.testing.assert_allclose(fused.detach().numpy(), expected, rtol=0, atol=1e-12)


def test_training_moves_the_running_statistics_and_evaluation_does_not() -> None:
    network = random_avff(1.0)
    before = weights_of(network)
    network.eval()(*features(3))
    assert all(np.array_equal(values, before[name]) for name, values in weights_of(network).items())
    network.train()(*features(3))
    moved = {name for name, values in weights_of(network).items() if not np.array_equal(values, before[name])}
    places = [f"{branch}_context.{place}" for branch in ("local", "global") for place in (1, 4)]
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert moved == {f"{place}.{name}" for place in places for name in statistics}


def test_of_a_batch_of_one_the_pooled_feature_is_normalised_by_the_running_statistics() -> None:
    network = random_avff(1.0).train()
    face, audio = features(1)
    before = weights_of(network)
    fused = network(face, audio)
    expected = eq_1(face, audio, before, 1.0, of_batch=True, of_pool=False)
    np.testing.assert_allclose(fused.detach().numpy(), expected, rtol=0, atol=1e-12)
    fused.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    after = weights_of(network)
    assert all(np.array_equal(after[name], before[name]) for name in after if name.startswith("global_context"))
    assert not np.array_equal(after["local_context.1.running_mean"], before["local_context.1.running_mean"])


def test_weights_all_equal_give_the_mean_of_face_and_audio() -> None:
    """The last norms at zero: m~ is sigmoid(0), half of each, and with gain 2 their sum."""
    network = random_avff(2.0).eval()
    for branch in (network.local_context, network.global_context):
        torch.nn.init.zeros_(branch[-1].weight)
        torch.nn.init.zeros_(branch[-1].bias)
    face, audio = features(2)
    torch.testing.assert_close(network(face, audio), network.project_face(face) + audio)
