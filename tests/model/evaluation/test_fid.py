"""FID is the Frechet distance of Gaussians, of the features that the published Inception network gives."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.evaluation.metrics.fid import InceptionFeatures, few_images_note, frechet_distance, prepared
from model.evaluation.networks.inception import Inception
from pipeline.core.base.errors import BadInput
from pipeline.weights.published import filled

Features = NDArray[np.float64]
State = dict[str, Tensor]


def with_moments(n: int, mean: Features, deviations: Features) -> Features:
    """Return (n, D) rows whose mean and covariance (of n - 1) are exactly these, the covariance diagonal."""
    columns = np.random.default_rng(n).normal(size=(n, len(mean)))
    columns[:, deviations == 0] = 0
    orthonormal, _ = np.linalg.qr(np.column_stack([np.ones(n), columns[:, deviations > 0]]))
    rows = np.zeros((n, len(mean)))
    rows[:, deviations > 0] = orthonormal[:, 1:] * np.sqrt(n - 1) * deviations[deviations > 0]
    return rows + mean


def by_matrix_root(first: Features, second: Features) -> float:
    """The definition, with scipy's root of a matrix."""
    covariances = [np.cov(one, rowvar=False) for one in (first, second)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    apart = ((first.mean(axis=0) - second.mean(axis=0)) ** 2).sum()
    return float(apart + np.trace(covariances[0] + covariances[1]) - 2 * np.trace(root).real)


def correlated(n: int, d: int, seed: int) -> Features:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


def test_of_diagonal_covariances_it_is_the_sum_of_squared_differences_of_means_and_deviations() -> None:
    means = np.array([0.0, 1.0, -2.0, 3.0]), np.array([0.5, 1.0, -2.0, 1.0])
    deviations = np.array([1.0, 2.0, 0.5, 3.0]), np.array([2.0, 2.0, 0.1, 1.0])
    expected = ((means[0] - means[1]) ** 2).sum() + ((deviations[0] - deviations[1]) ** 2).sum()
    found = frechet_distance(with_moments(50, means[0], deviations[0]), with_moments(70, means[1], deviations[1]))
    assert found == pytest.approx(expected, rel=1e-12)


def test_of_correlated_features_it_is_what_the_root_of_the_matrix_gives() -> None:
    first, second = correlated(200, 12, seed=1), correlated(150, 12, seed=2)
    assert frechet_distance(first, second) == pytest.approx(by_matrix_root(first, second), rel=1e-9)
    assert frechet_distance(second, first) == pytest.approx(frechet_distance(first, second), rel=1e-12)


def test_fewer_pictures_than_features_have_the_distance_by_definition() -> None:
    mean, none = np.zeros(40), np.zeros(37)
    deviations = np.concatenate([[1.0, 2.0, 3.0], none]), np.concatenate([[3.0, 2.0, 0.5], none])
    found = frechet_distance(with_moments(5, mean, deviations[0]), with_moments(6, mean + 1, deviations[1]))
    assert found == pytest.approx(40 + 4 + 0 + 6.25, rel=1e-12)
    first, second = correlated(10, 40, seed=3), correlated(25, 40, seed=4)
    assert frechet_distance(first, second) == pytest.approx(by_matrix_root(first, second), rel=1e-4)


def test_a_set_is_at_no_distance_from_itself_and_at_the_squared_shift_from_itself_shifted() -> None:
    features = correlated(30, 8, seed=5)
    size = np.trace(np.cov(features, rowvar=False))
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-12 * size)
    assert frechet_distance(features, features + 3) == pytest.approx(8 * 9, rel=1e-9)


def test_it_is_too_large_and_the_more_so_the_fewer_the_pictures() -> None:
    rng = np.random.default_rng(6)
    found = [frechet_distance(rng.normal(size=(n, 16)), rng.normal(size=(n, 16))) for n in (20, 80, 320, 1280)]
    assert found == sorted(found, reverse=True)
    assert found[-1] > 0


def test_no_more_pictures_than_features_have_a_note() -> None:
    assert few_images_note(2049, 5000) is None
    assert "of 2048 pictures" in str(few_images_note(5000, 2048))
    assert "the 12 features" in str(few_images_note(12, 12, n_features=12))
    assert few_images_note(13, 13, n_features=12) is None


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.zeros((1, 4)), np.zeros((5, 4)), "2 pictures or more"),
        (np.zeros((5, 4)), np.zeros((5, 3)), "of one size D"),
        (np.zeros(5), np.zeros(5), "of one size D"),
        (np.zeros((5, 4)), np.full((5, 4), np.nan), "finite"),
    ],
)
def test_what_is_no_two_sets_of_features_is_refused(first: Features, second: Features, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        frechet_distance(first, second)


def random_inception() -> State:
    """Weights that keep the size of what passes through; ``Reference`` has the expected shapes."""
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in Inception().state_dict().items()}
    state: State = {}
    for name, shape in shapes.items():
        if name.endswith("conv.weight"):
            state[name] = torch.randn(shape, generator=generator) * (2 / shape[1:].numel()) ** 0.5
        elif name.endswith(("bn.weight", "running_var")):
            state[name] = torch.rand(shape, generator=generator) + 0.5
        elif name.endswith(("bn.bias", "running_mean")):
            state[name] = torch.randn(shape, generator=generator) * 0.1
    return state


class Reference:
    """Inception again, in functions: each convolution by its name, and what shape the architecture gives it."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.shapes: dict[str, tuple[int, ...]] = {}

    def conv(
        self, x: Tensor, name: str, n_out: int, kernel: tuple[int, int] = (1, 1), *, stride: int = 1, same: bool = True
    ) -> Tensor:
        self.shapes[f"{name}.conv.weight"] = (n_out, x.shape[1], *kernel)
        self.shapes |= {f"{name}.bn.{n}": (n_out,) for n in ("weight", "bias", "running_mean", "running_var")}
        padding = (kernel[0] // 2, kernel[1] // 2) if same else 0
        x = functional.conv2d(x, self.state[f"{name}.conv.weight"], None, stride, padding)
        weight, bias, mean, variance = (
            self.state[f"{name}.bn.{part}"][:, None, None] for part in ("weight", "bias", "running_mean", "running_var")
        )
        return ((x - mean) / (variance + 0.001).sqrt() * weight + bias).clamp(min=0)

    def chain(self, x: Tensor, name: str, steps: list[tuple[str, int, tuple[int, int]]]) -> Tensor:
        for part, n_out, kernel in steps:
            x = self.conv(x, f"{name}.{part}", n_out, kernel)
        return x

    def a(self, x: Tensor, name: str, n_pool: int) -> Tensor:
        five = self.chain(x, name, [("branch5x5_1", 48, (1, 1)), ("branch5x5_2", 64, (5, 5))])
        three = [("branch3x3dbl_1", 64, (1, 1)), ("branch3x3dbl_2", 96, (3, 3)), ("branch3x3dbl_3", 96, (3, 3))]
        pool = self.conv(mean_inside(x), f"{name}.branch_pool", n_pool)
        return torch.cat([self.conv(x, f"{name}.branch1x1", 64), five, self.chain(x, name, three), pool], 1)

    def b(self, x: Tensor, name: str) -> Tensor:
        once = self.conv(x, f"{name}.branch3x3", 384, (3, 3), stride=2, same=False)
        twice = self.chain(x, name, [("branch3x3dbl_1", 64, (1, 1)), ("branch3x3dbl_2", 96, (3, 3))])
        twice = self.conv(twice, f"{name}.branch3x3dbl_3", 96, (3, 3), stride=2, same=False)
        return torch.cat([once, twice, functional.max_pool2d(x, 3, 2)], 1)

    def c(self, x: Tensor, name: str, n: int) -> Tensor:
        row, column = (1, 7), (7, 1)
        once = [("branch7x7_1", n, (1, 1)), ("branch7x7_2", n, row), ("branch7x7_3", 192, column)]
        twice = [("branch7x7dbl_1", n, (1, 1)), ("branch7x7dbl_2", n, column), ("branch7x7dbl_3", n, row)]
        twice += [("branch7x7dbl_4", n, column), ("branch7x7dbl_5", 192, row)]
        pool = self.conv(mean_inside(x), f"{name}.branch_pool", 192)
        one = self.conv(x, f"{name}.branch1x1", 192)
        return torch.cat([one, self.chain(x, name, once), self.chain(x, name, twice), pool], 1)

    def d(self, x: Tensor, name: str) -> Tensor:
        three = self.conv(x, f"{name}.branch3x3_1", 192)
        three = self.conv(three, f"{name}.branch3x3_2", 320, (3, 3), stride=2, same=False)
        steps = [("branch7x7x3_1", 192, (1, 1)), ("branch7x7x3_2", 192, (1, 7)), ("branch7x7x3_3", 192, (7, 1))]
        seven = self.conv(self.chain(x, name, steps), f"{name}.branch7x7x3_4", 192, (3, 3), stride=2, same=False)
        return torch.cat([three, seven, functional.max_pool2d(x, 3, 2)], 1)

    def e(self, x: Tensor, name: str, pooled: Tensor) -> Tensor:
        once = self.conv(x, f"{name}.branch3x3_1", 384)
        twice = self.chain(x, name, [("branch3x3dbl_1", 448, (1, 1)), ("branch3x3dbl_2", 384, (3, 3))])
        parts = [self.conv(x, f"{name}.branch1x1", 320)]
        parts += [
            self.conv(once, f"{name}.branch3x3_2a", 384, (1, 3)),
            self.conv(once, f"{name}.branch3x3_2b", 384, (3, 1)),
        ]
        parts += [self.conv(twice, f"{name}.branch3x3dbl_3a", 384, (1, 3))]
        parts += [self.conv(twice, f"{name}.branch3x3dbl_3b", 384, (3, 1))]
        return torch.cat([*parts, self.conv(pooled, f"{name}.branch_pool", 192)], 1)

    def features(self, x: Tensor) -> Tensor:
        x = self.conv(x, "Conv2d_1a_3x3", 32, (3, 3), stride=2, same=False)
        x = self.conv(x, "Conv2d_2a_3x3", 32, (3, 3), same=False)
        x = functional.max_pool2d(self.conv(x, "Conv2d_2b_3x3", 64, (3, 3)), 3, 2)
        x = self.conv(x, "Conv2d_3b_1x1", 80)
        x = functional.max_pool2d(self.conv(x, "Conv2d_4a_3x3", 192, (3, 3), same=False), 3, 2)
        for block, n_pool in (("5b", 32), ("5c", 64), ("5d", 64)):
            x = self.a(x, f"Mixed_{block}", n_pool)
        x = self.b(x, "Mixed_6a")
        for block, n_inner in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
            x = self.c(x, f"Mixed_{block}", n_inner)
        x = self.d(x, "Mixed_7a")
        x = self.e(x, "Mixed_7b", mean_inside(x))
        x = self.e(x, "Mixed_7c", functional.max_pool2d(x, 3, 1, 1))
        return x.mean(dim=(2, 3))


def mean_inside(x: Tensor) -> Tensor:
    """The mean of the up to nine neighbours that are in the picture."""
    ones = torch.ones_like(x[:1, :1])
    kernel = torch.ones(x.shape[1], 1, 3, 3)
    return functional.conv2d(x, kernel, padding=1, groups=x.shape[1]) / functional.conv2d(ones, kernel[:1], padding=1)


@pytest.fixture(scope="module")
def state() -> State:
    return random_inception()


@pytest.fixture(scope="module")
def network(state: State, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InceptionFeatures]:
    """Of a file as pytorch-fid's: with the classifier, and without batch counters."""
    file = tmp_path_factory.mktemp("inception") / "inception.pth"
    torch.save(state | {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}, file)
    yield InceptionFeatures(file)
    file.unlink()


@pytest.mark.slow
def test_inception_computes_its_published_graph_and_no_tensor_has_another_name_or_shape(
    state: State, network: InceptionFeatures
) -> None:
    images_BCHW = torch.rand(1, 3, 139, 139, generator=torch.Generator().manual_seed(1)) * 2 - 1
    reference = Reference(state)
    with torch.inference_mode():
        expected, found = reference.features(images_BCHW), network.network(images_BCHW)
    assert found.shape == (1, 2048)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * expected.max().item())
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == reference.shapes


def test_up_to_the_last_pool_inception_has_21_785_568_parameters() -> None:
    with torch.device("meta"):
        network = Inception()
    assert sum(parameter.numel() for parameter in network.parameters()) == 21_785_568


def test_the_input_has_299_px_from_minus_one_to_one() -> None:
    levels = np.array([0, 255], np.uint8)
    picture = np.broadcast_to(levels[:, None, None], (2, 2, 3)).copy()
    picture[..., 2] = 255
    network_input = prepared(picture)
    assert network_input.shape == (1, 3, 299, 299)
    row = np.clip((np.arange(299) + 0.5) * 2 / 299 - 0.5, 0, 1)  # between pixel centres, without align_corners
    np.testing.assert_allclose(network_input[0, 0, :, 7], 2 * row - 1, atol=1e-5)
    np.testing.assert_allclose(network_input[0, 2], 1.0, rtol=1e-6)


@pytest.mark.slow
def test_a_picture_alone_and_among_others_has_the_same_features(network: InceptionFeatures) -> None:
    pictures = list(np.random.default_rng(2).integers(0, 256, (2, 64, 64, 3), np.uint8))
    together = network.embed(pictures)
    assert together.shape == (2, 2048)
    assert together.dtype == np.float32
    assert together[1:].tobytes() == network.embed(pictures[1:]).tobytes()
    assert network.embed([]).shape == (0, 2048)
    assert pickle.loads(pickle.dumps(network)).weights == network.weights


@pytest.mark.slow
def test_torchvisions_own_inception_is_refused_by_the_classifier_that_it_has_more(state: State) -> None:
    file = Path("inception_v3_google.pth")
    with pytest.raises(BadInput, match=r"inception_v3_google.pth: 'AuxLogits.fc.bias': expected no such tensor"):
        filled(Inception, state | {"AuxLogits.fc.bias": torch.zeros(1000)}, file)
