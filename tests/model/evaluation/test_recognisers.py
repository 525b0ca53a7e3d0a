"""Each recogniser computes what its publishers' network computes, with the input of their evaluation."""

import math
import pickle
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.evaluation.networks.recognisers import (
    FAMILIES,
    NAMES,
    PAPER_DISTANCES,
    cosine_distances,
    euclidean_distances,
    load_recogniser,
)
from pipeline.core.base.errors import BadInput
from pipeline.face.measures.points import LEFT_EYE, MOUTH_LEFT, MOUTH_RIGHT, NOSE_TIP, RIGHT_EYE
from pipeline.identity.network.five_points import EYES, USUAL_FIVE_POINTS, five_points_of
from pipeline.identity.network.recogniser import MobileFaceNet
from pipeline.weights.fetch import locate_entry
from pipeline.weights.registry import REGISTRY
from tests.real_files import WEIGHTS, needs_weights

State = dict[str, Tensor]
Picture = NDArray[np.uint8]
Points = NDArray[np.float32]

WIDTH = 2
# Liu et al. 2017, as sphereface's evaluation aligns faces of 96 x 112 pixels.
TEMPLATE_96 = np.array(
    [(30.2946, 51.6963), (65.5318, 51.5014), (48.0252, 71.7366), (33.5493, 92.3655), (62.7299, 92.2041)]
)
# Half as large again as the template of 96 pixels: nothing is shrunk, so that one warp is the expected cut.
ENLARGED = TEMPLATE_96 * 0.7 + (90, 80)
SIZES = {"sphereface": 8 * WIDTH, "cosface": 16 * WIDTH, "arcface": 16 * WIDTH, "vggface": 64 * WIDTH}
SHAPES = {"sphereface": (3, 112, 96), "cosface": (3, 112, 96), "arcface": (1, 128, 128), "vggface": (3, 224, 224)}


def random_state(name: str) -> State:
    """Weights of a narrow network that keep the size of what passes through."""
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        expected = FAMILIES[name].build(WIDTH).state_dict()
    state = {}
    for key, like in expected.items():
        if like.ndim > 1:
            state[key] = torch.randn(like.shape, generator=generator) * (2 / like[0].numel()) ** 0.5
        elif like.ndim == 1:
            state[key] = torch.rand(like.shape, generator=generator) * 0.5 + 0.25
    return state


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("recognisers")
    for name in FAMILIES:
        torch.save(random_state(name), folder / name)
    return {name: folder / name for name in FAMILIES}


def face() -> Picture:
    """A smooth picture of 256 pixels."""
    coarse = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (256, 256), interpolation=cv2.INTER_CUBIC))


def points_68(five: NDArray[np.floating]) -> Points:
    points = np.zeros((68, 2), np.float32)
    points[LEFT_EYE], points[RIGHT_EYE] = five[0], five[1]
    points[NOSE_TIP], points[MOUTH_LEFT], points[MOUTH_RIGHT] = five[2:]
    return points


class Reference:
    """The networks again, in functions and float64; records which weights they used."""

    def __init__(self, state: State) -> None:
        self.state = {name: tensor.double() for name, tensor in state.items()}
        self.used: set[str] = set()

    def take(self, name: str) -> Tensor:
        self.used.add(name)
        return self.state[name]

    def conv(self, x: Tensor, name: str, stride: int = 1, *, bias: bool = True) -> Tensor:
        weight = self.take(f"{name}.weight")
        return functional.conv2d(
            x, weight, self.take(f"{name}.bias") if bias else None, stride, padding=weight.shape[-1] // 2
        )

    def prelu(self, x: Tensor, name: str) -> Tensor:
        slope = self.take(f"{name}.weight").view(-1, 1, 1)
        return torch.where(x > 0, x, slope * x)

    def norm(self, x: Tensor, name: str) -> Tensor:
        shape = (-1, 1, 1) if x.ndim == 4 else (-1,)
        weight, bias, mean, variance = (
            self.take(f"{name}.{part}").view(shape) for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / (variance + 1e-5).sqrt() * weight + bias

    def linear(self, x: Tensor, name: str) -> Tensor:
        return x.flatten(1) @ self.take(f"{name}.weight").T + self.take(f"{name}.bias")

    def sphereface(self, x: Tensor) -> Tensor:
        for stage, n_pairs in enumerate((1, 2, 4, 1), start=1):
            x = self.prelu(self.conv(x, f"conv{stage}_1", 2), f"relu{stage}_1")
            for n in range(n_pairs):
                y = x
                for place in (2 * n + 2, 2 * n + 3):
                    y = self.prelu(self.conv(y, f"conv{stage}_{place}"), f"relu{stage}_{place}")
                x = x + y
        return self.linear(x, "fc5")

    def cosface(self, x: Tensor) -> Tensor:
        for stage, n_pairs in enumerate((1, 2, 4, 1), start=1):
            x = self.prelu(self.conv(x, f"layer{stage}.0", 2), f"layer{stage}.1")
            for n in range(n_pairs):
                y, at = x, f"layer{stage}.{n + 2}"
                for place in (1, 2):
                    y = self.prelu(self.conv(y, f"{at}.conv{place}", bias=False), f"{at}.prelu{place}")
                x = x + y
        return self.linear(x, "fc")

    def arcface(self, x: Tensor) -> Tensor:
        x = self.prelu(self.norm(self.conv(x, "conv1", bias=False), "bn1"), "prelu")
        x = functional.max_pool2d(x, 2)
        for stage in (1, 2, 3, 4):
            for block in (0, 1):
                at, is_first = f"layer{stage}.{block}", block == 0 and stage > 1
                y = self.norm(self.conv(self.norm(x, f"{at}.bn0"), f"{at}.conv1", bias=False), f"{at}.bn1")
                y = self.conv(self.prelu(y, f"{at}.prelu"), f"{at}.conv2", 1 + is_first, bias=False)
                y = self.norm(y, f"{at}.bn2")
                if is_first:
                    x = self.norm(self.conv(x, f"{at}.downsample.0", 2, bias=False), f"{at}.downsample.1")
                x = self.prelu(x + y, f"{at}.prelu")
        assert x.shape[-2:] == (8, 8)
        return self.norm(self.linear(self.norm(x, "bn4"), "fc5"), "bn5")

    def vggface(self, x: Tensor) -> Tensor:
        for block, n_convolutions in enumerate((2, 2, 3, 3, 3), start=1):
            for place in range(1, n_convolutions + 1):
                x = self.conv(x, f"conv{block}_{place}").clamp(min=0)
            x = functional.max_pool2d(x, 2)
        return self.linear(self.linear(x, "fc6").clamp(min=0), "fc7").clamp(min=0)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_computes_its_published_architecture_and_nothing_else(name: str) -> None:
    state = random_state(name)
    network = FAMILIES[name].build(WIDTH).eval()
    network.load_state_dict(state, strict=False)
    shown_BCHW = torch.rand(1, *SHAPES[name], generator=torch.Generator().manual_seed(2)) * 2 - 1
    reference = Reference(state)
    expected = getattr(reference, name)(shown_BCHW.double())[0]
    with torch.inference_mode():
        found = network(shown_BCHW)[0]
    assert reference.used == state.keys()
    assert expected.std() > 0
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


def convolutions(*sizes: tuple[int, int, int], bias: bool = True) -> int:
    """The numbers of convolutions (n, in, out), 3x3."""
    return sum(n * (9 * n_in * n_out + bias * n_out) for n, n_in, n_out in sizes)


OPENING = convolutions((1, 3, 64), (1, 64, 128), (1, 128, 256), (1, 256, 512))
PAIRS = ((2, 64, 64), (4, 128, 128), (8, 256, 256), (2, 512, 512))
SLOPES = 3 * 64 + 5 * 128 + 9 * 256 + 3 * 512
SPHERE_FC = 512 * 7 * 6 * 512 + 512
VGG = ((1, 3, 64), (1, 64, 64), (1, 64, 128), (1, 128, 128), (1, 128, 256), (2, 256, 256), (1, 256, 512), (5, 512, 512))
IR_PAIRS = ((5, 64, 64), (1, 64, 128), (3, 128, 128), (1, 128, 256), (3, 256, 256), (1, 256, 512), (2, 512, 512))
IR_NORMS = 2 * (64 + 2 * 3 * 64 + (2 * 64 + 2 * 128) + 3 * 128 + (2 * 128 + 2 * 256) + 3 * 256)
IR_NORMS += 2 * ((2 * 256 + 2 * 512) + 3 * 512 + 512 + 512)
SHORTCUTS = 64 * 128 + 128 * 256 + 256 * 512
COUNTS = {
    "sphereface": OPENING + convolutions(*PAIRS) + SLOPES + SPHERE_FC,
    "cosface": OPENING + convolutions(*PAIRS, bias=False) + SLOPES + SPHERE_FC,
    "arcface": 9 * 64 + convolutions(*IR_PAIRS, bias=False) + SHORTCUTS + IR_NORMS + 9 + 512 * 64 * 512 + 512,
    "vggface": convolutions(*VGG) + (25_088 * 4_096 + 4_096) + (4_096 * 4_096 + 4_096),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_at_full_width_a_network_has_the_published_numbers(name: str) -> None:
    with torch.device("meta"):
        network = FAMILIES[name].build(64)
    assert sum(parameter.numel() for parameter in network.parameters()) == COUNTS[name]


@pytest.mark.parametrize(
    ("name", "key", "shape"),
    [
        ("sphereface", "conv1_1.weight", (64, 3, 3, 3)),
        ("sphereface", "conv3_9.bias", (256,)),
        ("sphereface", "relu4_3.weight", (512,)),
        ("sphereface", "fc5.weight", (512, 21_504)),
        ("cosface", "layer3.5.conv2.weight", (256, 256, 3, 3)),
        ("cosface", "layer3.5.prelu2.weight", (256,)),
        ("cosface", "fc.weight", (512, 21_504)),
        ("arcface", "layer2.0.conv1.weight", (64, 64, 3, 3)),
        ("arcface", "layer2.0.downsample.0.weight", (128, 64, 1, 1)),
        ("arcface", "layer4.1.prelu.weight", (1,)),
        ("arcface", "fc5.weight", (512, 32_768)),
        ("vggface", "conv5_3.weight", (512, 512, 3, 3)),
        ("vggface", "fc6.weight", (4_096, 25_088)),
    ],
)
def test_tensors_have_the_names_and_shapes_of_the_published_files(name: str, key: str, shape: tuple[int, ...]) -> None:
    with torch.device("meta"):
        state = FAMILIES[name].build(64).state_dict()
    assert tuple(state[key].shape) == shape


def expected_cut(shift: tuple[float, float], size: tuple[int, int]) -> NDArray[np.float64]:
    """The similarity by scikit-image's kind of fit and one warp, from ENLARGED to the template."""
    source, target = ENLARGED, TEMPLATE_96 + shift
    design = np.concatenate([[(x, -y, 1, 0), (y, x, 0, 1)] for x, y in source])
    (a, b, c, d), *_ = np.linalg.lstsq(design, target.ravel(), rcond=None)
    return np.asarray(cv2.warpAffine(face(), np.array([[a, -b, c], [b, a, d]]), size), float)


def input_of_sphereface() -> NDArray[np.float64]:
    return ((expected_cut((0, 0), (96, 112))[..., ::-1] - 127.5) / 128).transpose(2, 0, 1)


def input_of_cosface() -> NDArray[np.float64]:
    return ((expected_cut((0, 0), (96, 112)) / 255 - 0.5) / 0.5).transpose(2, 0, 1)


def input_of_arcface() -> NDArray[np.float64]:
    luma = expected_cut((16, 0), (128, 128)) @ (0.299, 0.587, 0.114)
    return (luma[None] - 127.5) / 127.5


def input_of_vggface() -> NDArray[np.float64]:
    seen = cv2.resize(face()[61:221, 48:208], (224, 224), interpolation=cv2.INTER_LINEAR)
    return (seen - np.array([129.1863, 104.7624, 93.5940])).transpose(2, 0, 1)


@pytest.mark.parametrize(
    ("name", "expected", "level"),
    [
        ("sphereface", input_of_sphereface, 1 / 128),
        ("cosface", input_of_cosface, 1 / 127.5),
        ("arcface", input_of_arcface, 2 / 127.5),
        ("vggface", input_of_vggface, 1e-3),
    ],
)
def test_a_networks_input_is_the_aligned_face_in_its_own_colours_and_range(
    name: str, expected: Callable[[], NDArray[np.float64]], level: float
) -> None:
    network_input = FAMILIES[name].prepare(face(), ENLARGED.astype(np.float32))
    assert network_input.dtype == np.float32
    assert network_input.shape == SHAPES[name]
    assert np.abs(network_input - expected()).max() <= level + 1e-5


def test_without_landmarks_a_face_is_aligned_by_its_eyes() -> None:
    np.testing.assert_allclose(USUAL_FIVE_POINTS[:2], EYES, atol=1e-3)
    np.testing.assert_allclose(USUAL_FIVE_POINTS[2:], [(128, 157), (102, 194), (155, 194)], atol=0.6)
    half = np.zeros((128, 128, 3), np.uint8)
    np.testing.assert_allclose(five_points_of(half, None), USUAL_FIVE_POINTS / 2)
    assert five_points_of(face(), points_68(ENLARGED)) == pytest.approx(ENLARGED)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_face_alone_and_among_others_has_the_same_bits(name: str, files: dict[str, Path]) -> None:
    recogniser = load_recogniser(name, files[name])
    faces = [face(), face()[::-1], face()[:, ::-1]]
    landmarks = [points_68(USUAL_FIVE_POINTS), points_68(ENLARGED), points_68(USUAL_FIVE_POINTS)]
    together = recogniser.embed(faces, landmarks)
    assert together.shape == (3, SIZES[name])
    assert together.dtype == np.float32
    assert together[1:2].tobytes() == recogniser.embed(faces[1:2], landmarks[1:2]).tobytes()
    assert together[:1].tobytes() == recogniser.embed(faces[:1]).tobytes()
    again = pickle.loads(pickle.dumps(recogniser))
    assert again.embed(faces[:1]).tobytes() == together[:1].tobytes()
    assert recogniser.embed([]).shape == (0, SIZES[name])


@pytest.mark.parametrize("name", ["cosface", "arcface"])
def test_the_embedding_of_the_mirrored_picture_is_appended(name: str, files: dict[str, Path]) -> None:
    network_input = torch.from_numpy(FAMILIES[name].prepare(face(), USUAL_FIVE_POINTS))[None].double()
    reference = Reference(random_state(name))
    run = getattr(reference, name)
    expected = torch.cat([run(network_input), run(network_input.flip(-1))], dim=1)[0]
    found = load_recogniser(name, files[name]).embed([face()])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize("name", FAMILIES)
def test_a_file_with_a_wrong_tensor_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    state, file = random_state(name), tmp_path / "wrong.pth"
    last = next(key for key in reversed(state) if "fc" in key)
    for change, what in [
        ({last: state[last][:1]}, r", found \(1"),
        ({last: state[last] * math.inf}, "finite numbers"),
        ({f"{last}s": state[last]}, "expected no such tensor"),
    ]:
        torch.save(state | change, file)
        with pytest.raises(BadInput, match=f"'{last}s?': .*{what}"):
            load_recogniser(name, file)
    torch.save({key: tensor for key, tensor in state.items() if key != last}, file)
    with pytest.raises(BadInput, match=f"'{last}': .*found nothing"):
        load_recogniser(name, file)
    torch.save({"blocks.0.weight": torch.zeros(1)}, file)
    with pytest.raises(BadInput, match=f"'{FAMILIES[name].first}': expected the first convolution, found none"):
        load_recogniser(name, file)


@pytest.mark.parametrize(("name", "classifier"), [("sphereface", "fc6.weight"), ("vggface", "fc8.bias")])
def test_the_classifier_of_a_published_file_is_left_out(name: str, classifier: str, tmp_path: Path) -> None:
    torch.save(random_state(name) | {classifier: torch.zeros(3)}, tmp_path / "whole.pth")
    assert load_recogniser(name, tmp_path / "whole.pth").embed([face()]).shape == (1, SIZES[name])


def test_arcfaces_file_comes_from_data_parallel_training_with_batch_counters(tmp_path: Path) -> None:
    state = random_state("arcface") | {"bn1.num_batches_tracked": torch.tensor(7)}
    torch.save({f"module.{key}": tensor for key, tensor in state.items()}, tmp_path / "resnet18_110.pth")
    assert load_recogniser("arcface", tmp_path / "resnet18_110.pth").embed([face()]).shape == (1, SIZES["arcface"])


def test_what_is_no_square_picture_is_refused(files: dict[str, Path]) -> None:
    recogniser = load_recogniser("sphereface", files["sphereface"])
    with pytest.raises(BadInput, match=r"found \(256, 255, 3\) uint8"):
        recogniser.embed([face()[:, 1:]])
    with pytest.raises(BadInput, match=r"found .* float64"):
        recogniser.embed([face() / 255])


def test_another_recogniser_is_refused() -> None:
    assert NAMES == ("sphereface", "cosface", "arcface", "vggface", "mobilefacenet")
    with pytest.raises(BadInput, match="'facenet': expected one of sphereface, cosface"):
        load_recogniser("facenet", Path("unused"))


@needs_weights
def test_mobilefacenet_is_the_one_that_tells_persons_apart() -> None:
    weights = locate_entry(REGISTRY["mobilefacenet"], cache=Path("unused"), local_folder=WEIGHTS)
    recogniser = load_recogniser("mobilefacenet", weights)
    expected = MobileFaceNet(weights).embed([face()], [points_68(ENLARGED)])
    assert recogniser.embed([face()], [points_68(ENLARGED)]).tobytes() == expected.tobytes()
    by_eyes = MobileFaceNet(weights).embed([face()], [points_68(USUAL_FIVE_POINTS)])
    assert recogniser.embed([face()]).tobytes() == by_eyes.tobytes()
    again = pickle.loads(pickle.dumps(recogniser))
    assert again.embed([face()]).tobytes() == by_eyes.tobytes()
    with pytest.raises(BadInput, match="expected"):
        recogniser.embed([face()[1:]])


def test_a_file_that_is_no_onnx_is_refused_as_mobilefacenet(files: dict[str, Path]) -> None:
    with pytest.raises(BadInput, match="expected a network in ONNX"):
        load_recogniser("mobilefacenet", files["cosface"])


def test_cosine_distances_are_of_directions_and_euclidean_ones_of_places() -> None:
    first = np.array([(1, 0), (1, 0), (3, 0), (3, 4), (0, 0)], np.float32)
    second = np.array([(2, 0), (0, 5), (-1, 0), (4, 3), (1, 0)], np.float32)
    np.testing.assert_allclose(cosine_distances(first, second), [0, 1, 2, 1 - 24 / 25, 1], atol=1e-12)
    np.testing.assert_allclose(euclidean_distances(first, second), [1, math.sqrt(26), 4, math.sqrt(2), 1])
    for distances in (cosine_distances, euclidean_distances):
        with pytest.raises(BadInput, match=r"expected two of one shape \(N, D\)"):
            distances(first, second[:1])


def test_the_papers_probable_distance_is_the_cosine_where_its_values_are_below_one() -> None:
    assert PAPER_DISTANCES == {
        "sphereface": "cosine",
        "cosface": "cosine",
        "arcface": "euclidean",
        "vggface": "euclidean",
    }
