"""dlib's network is read from the published bytes alone, and damaged ones are refused where they are damaged."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.core.base.errors import UntrustedWeights
from pipeline.identity.network.dlib_weights import DlibWeights, read_dlib_weights, read_layers
from pipeline.weights.fetch import find_weights
from pipeline.weights.registry import REGISTRY

FILE = Path("network.dat")
VERSION_AND_LOSS = b"\x01\x01" + b"\x01\x0dloss_metric_2"
FIRST_SIZES = b"con_4" + b"\x01\x02" + b"\x02\x80\x12" + b"\x01\x01" * 3  # version 2; 4736, 1, 1, 1
LARGEST = b"\x08" + b"\xff" * 8


@pytest.fixture(scope="module")
def published() -> Path:
    return find_weights("dlib_face_recognition")


@pytest.fixture(scope="module")
def content(published: Path) -> bytes:
    return published.read_bytes()


@pytest.fixture(scope="module")
def weights(published: Path) -> DlibWeights:
    return read_dlib_weights(published)


def test_the_published_file_holds_29_convolutions(weights: DlibWeights) -> None:
    assert [one.weights.shape[0] for one in weights.convolutions] == [32] * 7 + [64] * 8 + [128] * 6 + [256] * 8
    inputs = [one.weights.shape[1] for one in weights.convolutions]
    assert inputs == [3] + [32] * 7 + [64] * 8 + [128] * 6 + [256] * 7
    assert [one.weights.shape[2:] for one in weights.convolutions] == [(7, 7)] + [(3, 3)] * 28
    assert all(one.bias.shape == one.weights.shape[:1] for one in weights.convolutions)
    assert weights.projection.shape == (256, 128)
    assert all(np.isfinite(one.weights).all() and np.isfinite(one.bias).all() for one in weights.convolutions)


def test_strides_and_padding_are_those_of_the_file(weights: DlibWeights) -> None:
    halving = [0, 7, 15, 21, 27]
    assert [place for place, one in enumerate(weights.convolutions) if one.stride == 2] == halving
    assert [place for place, one in enumerate(weights.convolutions) if one.padding == 0] == halving


def test_the_mean_is_dlibs(weights: DlibWeights) -> None:
    assert weights.mean_rgb.tolist() == np.array([122.782, 117.001, 104.298], np.float32).tolist()


def test_an_affine_layer_is_part_of_the_convolution_before_it(weights: DlibWeights, content: bytes) -> None:
    _, (convolution, affine, *_) = read_layers(content, FILE)
    filters, biases = convolution.values[:-32].reshape(32, 3, 7, 7), convolution.values[-32:]
    factors, summands = affine.values[:32], affine.values[32:]
    assert weights.convolutions[0].weights[5] == pytest.approx(filters[5] * factors[5], rel=1e-6)
    assert weights.convolutions[0].bias[5] == pytest.approx(biases[5] * factors[5] + summands[5], rel=1e-6)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"", "byte 0: expected 1 more bytes, found 0"),
        (b"\x00", "byte 1: expected a number of 1 to 8 bytes, found 0"),
        (b"\x09" + bytes(9), "byte 1: expected a number of 1 to 8 bytes, found 9"),
        (b"\x08" + bytes(7), "byte 1: expected 8 more bytes, found 7"),
        (b"\x81\x01", "byte 2: expected version 1, found -1"),
        (b"\x01\x01" + b"\x01\x41" + b"x" * 65, "byte 4: expected a name of at most 64 bytes, found 65"),
        (b"\x01\x01" + b"\x01\x40" + b"x" * 64, "byte 68: expected loss 'loss_metric_2', found 'xxxx"),
        (b"\x01\x01" + b"\x81\x01", "byte 4: expected a name of at most 64 bytes, found -1"),
        (VERSION_AND_LOSS + LARGEST + b"\x01\x40", "expected a power of two from -63 to 63, found 64"),
        (VERSION_AND_LOSS + LARGEST + b"\x01\x3f", "expected 1 more bytes, found 0"),
        (VERSION_AND_LOSS + LARGEST + b"\x81\x40", "expected a power of two from -63 to 63, found -64"),
    ],
)
def test_what_dlib_does_not_write_is_refused(written: bytes, message: str) -> None:
    with pytest.raises(UntrustedWeights, match=r"^network\.dat: dlib's network, byte \d+: expected ") as refused:
        read_layers(written, FILE)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"relu_", b"prelu", "expected layer 'relu_', found 'prelu'"),
        (b"input_rgb", b"input_bgr", "found 'input_bgr_image_sized'"),
        (b"110\x01\x02", b"210\x01\x02", "expected '0' or '1', found b'2'"),
        (FIRST_SIZES, FIRST_SIZES.replace(b"\x01\x02", b"\x01\x01", 1), "expected version 2, found 1"),
        (FIRST_SIZES, b"con_4\x01\x02" + LARGEST * 4, f"expected {4 * (2**64 - 1) ** 4} more bytes, found"),
        (
            FIRST_SIZES,
            b"con_4\x01\x02" + b"\x81\x01" * 4,
            "expected sizes from 0, found [-1, -1, -1, -1]",
        ),
    ],
)
def test_a_damaged_network_is_refused(content: bytes, old: bytes, new: bytes, message: str) -> None:
    assert old in content
    with pytest.raises(UntrustedWeights) as refused:
        read_layers(content.replace(old, new, 1), FILE)
    assert message in str(refused.value)


def test_nothing_follows_the_last_layer(content: bytes) -> None:
    with pytest.raises(UntrustedWeights, match="expected bytes after the last layer: 0, found 1"):
        read_layers(content + b"\x00", FILE)


def test_a_network_cut_off_anywhere_is_refused(content: bytes) -> None:
    n_bytes, rng = len(content), np.random.default_rng(0)
    for length in (*range(0, 400, 7), *rng.integers(400, n_bytes, 20), *range(n_bytes - 80, n_bytes, 7)):
        with pytest.raises(UntrustedWeights, match=r"more bytes, found"):
            read_layers(content[:length], FILE)


def test_other_bytes_between_the_tensors_give_a_network_or_are_refused(content: bytes) -> None:
    n_bytes, rng = len(content), np.random.default_rng(1)
    for at in (*rng.integers(0, 350, 60), *rng.integers(n_bytes - 78, n_bytes, 20)):
        damaged = content[:at] + rng.bytes(1) + content[at + 1 :]
        try:
            _, layers = read_layers(damaged, FILE)
        except UntrustedWeights:
            continue
        assert sum(one.values.nbytes for one in layers) < n_bytes


@pytest.mark.parametrize("which", ["a byte less", "a byte more", "one bit of a weight"])
def test_only_the_published_bytes_are_read(which: str, content: bytes, tmp_path: Path) -> None:
    other = {
        "a byte less": content[:-1],
        "a byte more": content + b"\x00",
        "one bit of a weight": content[:400] + bytes([content[400] ^ 1]) + content[401:],
    }
    file = tmp_path / "mine.dat"
    file.write_bytes(other[which])
    expected = REGISTRY["dlib_face_recognition"].sha256
    with pytest.raises(UntrustedWeights, match=rf"mine\.dat: expected sha256 {expected} of dlib's network, found"):
        read_dlib_weights(file)
