"""LPIPS is what its paper and its release define, and takes no weights but theirs."""

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.evaluation.metrics.lpips import AlexNetTrunk, Heads, Lpips
from pipeline.core.base.errors import BadInput
from pipeline.weights.fetch import locate_entry
from pipeline.weights.registry import NamedWeights
from tests.real_files import WEIGHTS, needs_weights

# Layer of torchvision's AlexNet: channels out and in, kernel, stride, padding.
CONVOLUTIONS = {
    0: (64, 3, 11, 4, 2),
    3: (192, 64, 5, 1, 2),
    6: (384, 192, 3, 1, 1),
    8: (256, 384, 3, 1, 1),
    10: (256, 256, 3, 1, 1),
}
POOLED_BEFORE = (3, 6)
HEADS = NamedWeights(
    name="lpips_alex",
    address="",
    sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    size_bytes=6_009,
    licence="BSD-2-Clause",
    file_name="lpips_alex_v0.1.pth",
    what="",
)
State = dict[str, Tensor]


def random_trunk() -> State:
    """Weights that keep the size of what passes through."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for layer, (n_out, n_in, kernel, _, _) in CONVOLUTIONS.items():
        deviation = math.sqrt(2 / (n_in * kernel**2))
        state[f"features.{layer}.weight"] = torch.randn(n_out, n_in, kernel, kernel, generator=generator) * deviation
        state[f"features.{layer}.bias"] = torch.randn(n_out, generator=generator) * 0.1
    return state


def random_heads() -> State:
    generator = torch.Generator().manual_seed(1)
    channels = [shape[0] for shape in CONVOLUTIONS.values()]
    return {f"lin{n}.model.1.weight": torch.rand(1, c, 1, 1, generator=generator) for n, c in enumerate(channels)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lpips")
    classifier = {"classifier.1.weight": torch.zeros(2, 2), "classifier.1.bias": torch.zeros(2)}
    torch.save(random_trunk() | classifier, folder / "trunk.pth")
    torch.save(random_heads(), folder / "heads.pth")
    return folder


@pytest.fixture(scope="module")
def lpips(folder: Path) -> Lpips:
    return Lpips(folder / "trunk.pth", folder / "heads.pth")


def reference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """The definition again, in functions and float64."""
    trunk = {name: tensor.double() for name, tensor in random_trunk().items()}
    total = 0.0
    x = torch.from_numpy(np.stack([first, second]).transpose(0, 3, 1, 2)).double() / 255 * 2 - 1
    x = (x - torch.tensor([-0.030, -0.088, -0.188])[:, None, None]) / torch.tensor([0.458, 0.448, 0.450])[:, None, None]
    for (layer, (_, _, _, stride, padding)), head in zip(CONVOLUTIONS.items(), random_heads().values(), strict=True):
        if layer in POOLED_BEFORE:
            x = functional.max_pool2d(x, 3, 2)
        weight, bias = trunk[f"features.{layer}.weight"], trunk[f"features.{layer}.bias"]
        x = functional.conv2d(x, weight, bias, stride, padding).clamp(min=0)
        one, other = (values / (np.sqrt((values**2).sum(axis=0)) + 1e-10) for values in x.numpy())
        total += float(np.tensordot(head.double().numpy()[0, :, 0, 0], (one - other) ** 2, axes=1).mean())
    return total


def pictures(size: tuple[int, int] = (64, 80)) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)


def test_the_distance_is_the_weighted_difference_of_unit_features_averaged_over_places(lpips: Lpips) -> None:
    first, second = pictures()
    assert lpips.distance(first, second) == pytest.approx(reference(first, second), rel=1e-5)


def test_of_little_noise_it_is_small_and_of_more_it_is_more(lpips: Lpips) -> None:
    picture, noise = pictures()
    near, far = (np.clip(picture + share * (noise - 128.0), 0, 255).astype(np.uint8) for share in (0.05, 0.3))
    assert lpips.distance(picture, picture) == 0
    assert 0 < lpips.distance(picture, near) < lpips.distance(picture, far)
    assert lpips.distance(picture, far) == lpips.distance(far, picture)


def test_red_and_blue_are_at_a_distance(lpips: Lpips) -> None:
    first, second = pictures()
    assert lpips.distance(first[..., ::-1], second[..., ::-1]) != pytest.approx(lpips.distance(first, second), rel=1e-3)


def test_the_trunk_has_alexnets_convolutions_under_torchvisions_names() -> None:
    expected = {f"features.{layer}.weight": (out, n_in, k, k) for layer, (out, n_in, k, _, _) in CONVOLUTIONS.items()}
    expected |= {f"features.{layer}.bias": (out,) for layer, (out, *_) in CONVOLUTIONS.items()}
    with torch.device("meta"):
        state = AlexNetTrunk().state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == expected
    assert sum(tensor.numel() for tensor in state.values()) == 2_469_696


def test_five_stages_are_compared_and_the_last_pool_is_left_out(lpips: Lpips) -> None:
    shapes = [tuple(stage.shape[1:]) for stage in lpips.network.trunk(torch.zeros(1, 3, 256, 256))]
    assert shapes == [(64, 63, 63), (192, 31, 31), (384, 15, 15), (256, 15, 15), (256, 15, 15)]


@needs_weights
def test_the_heads_of_the_release_load_and_weigh_no_difference_less_than_zero(folder: Path) -> None:
    file = locate_entry(HEADS, cache=Path("unused"), local_folder=WEIGHTS)
    lpips = Lpips(folder / "trunk.pth", file)
    weights = list(lpips.network.heads.state_dict().values())
    assert [tensor.numel() for tensor in weights] == [64, 192, 384, 256, 256]
    assert min(tensor.min().item() for tensor in weights) >= 0
    first, second = pictures()
    assert 0 < lpips.distance(first, second) < 2


def test_a_pair_again_and_in_another_process_has_the_same_bits(lpips: Lpips) -> None:
    first, second = pictures()
    again: Lpips = pickle.loads(pickle.dumps(lpips))
    assert again.distance(first, second) == lpips.distance(first, second)


@pytest.mark.parametrize("sizes", [((30, 64), (30, 64)), ((64, 64), (64, 65))])
def test_pictures_too_small_or_of_two_sizes_are_refused(lpips: Lpips, sizes: tuple[tuple[int, int], ...]) -> None:
    one, other = (np.zeros((*size, 3), np.uint8) for size in sizes)
    with pytest.raises(BadInput, match="expected two pictures of one size, 31 px or more"):
        lpips.distance(one, other)


def test_the_smallest_picture_is_taken(lpips: Lpips) -> None:
    first, second = pictures((31, 31))
    assert lpips.distance(first, second) == pytest.approx(reference(first, second), rel=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features.3.bias": None}, r"'features.3.bias': expected \(192,\), found nothing"),
        ({"features.3.bias": torch.zeros(191)}, r"'features.3.bias': expected \(192,\), found \(191,\)"),
        ({"features.3.bias": torch.full((192,), math.nan)}, r"'features.3.bias': expected finite numbers"),
        ({"features.12.bias": torch.zeros(1)}, r"'features.12.bias': expected no such tensor"),
    ],
)
def test_a_file_with_a_wrong_tensor_is_refused_by_its_name(
    folder: Path, tmp_path: Path, change: dict[str, Tensor | None], message: str
) -> None:
    state = {name: tensor for name, tensor in (random_trunk() | change).items() if tensor is not None}
    torch.save(state, tmp_path / "wrong.pth")
    with pytest.raises(BadInput, match=message):
        Lpips(tmp_path / "wrong.pth", folder / "heads.pth")


def test_heads_of_another_trunk_are_refused(folder: Path, tmp_path: Path) -> None:
    torch.save(random_heads() | {"lin1.model.1.weight": torch.zeros(1, 128, 1, 1)}, tmp_path / "vgg.pth")
    with pytest.raises(BadInput, match=r"lin1.model.1.weight"):
        Lpips(folder / "trunk.pth", tmp_path / "vgg.pth")


def test_heads_that_halve_halve_the_distance(folder: Path, lpips: Lpips, tmp_path: Path) -> None:
    torch.save({name: tensor / 2 for name, tensor in random_heads().items()}, tmp_path / "half.pth")
    first, second = pictures()
    halved = Lpips(folder / "trunk.pth", tmp_path / "half.pth").distance(first, second)
    assert halved == pytest.approx(lpips.distance(first, second) / 2, rel=1e-6)


def test_there_is_one_head_for_each_stage() -> None:
    with torch.device("meta"):
        heads = Heads().state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in heads.items()} == {
        name: tuple(tensor.shape) for name, tensor in random_heads().items()
    }
