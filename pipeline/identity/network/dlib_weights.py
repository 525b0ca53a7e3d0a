"""Read dlib's face recognition network, anet_type of its tools/python/src/face_recognition.cpp, from its .dat file.

dlib writes whole numbers as one byte, which has the sign and how many bytes follow, and these, the lowest first
(dlib/serialize.h); numbers with a fraction as a mantissa and a power of two (dlib/float_details.h); a tensor as its
version, its four sizes and little-endian float32 (dlib/dnn/tensor.h). Layers follow each other from the picture on.
"""

import hashlib
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.errors import UntrustedWeights
from pipeline.core.base.hashing import sha256_of
from pipeline.weights.registry import REGISTRY

BLOCK_HALVES = (False,) * 3 + (True, *(False,) * 3) + (True, False, False) * 2 + (True,)
"""Of each residual block whether it halves height and width; such a block's shortcut is an average pool."""

_CON, _AFFINE, _FC = "con_4", "affine_", "fc_2"
# What a layer writes: i a whole number, f one with a fraction, t a tensor, a the sizes of a part of a tensor.
_CONTENT = {
    _CON: "tiiiiiiiaaffff",
    _AFFINE: "taai",
    "relu_": "",
    "add_prev_": "",
    "max_pool_2": "iiiiii",
    "avg_pool_2": "iiiiii",
    _FC: "iitaaiffff",
}
_INPUT = "input_rgb_image_sized"
_INPUT_LAYER_VERSION = 3  # of the layer next to the input, the last in the list of versions; other layers have 1 or 2
_N_SIZES = 4
_N_FLAGS = 3
_N_TRAINING_TENSORS = 3
_MAX_INTEGER_BYTES = 8
_MAX_TEXT_BYTES = 64  # the longest name has 21
_MAX_POWER = 63  # with which the largest mantissa, 2 ** 64, still is a float32; the file has -28 to 11


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution and the affine layer after it, as one: (O, I, K, K) weights and (O,) bias, float32."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    stride: int
    padding: int


@dataclass(frozen=True, slots=True)
class DlibWeights:
    """The network: what is subtracted from R, G, B, 0-255; 29 convolutions in order; (256, 128) from means to features.

    The convolutions are the first one, and two of each residual block.
    """

    mean_rgb: NDArray[np.float32]
    convolutions: tuple[Convolution, ...]
    projection: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as the file has it: its name, its whole numbers, and its tensor, flat, float32; without one, empty."""

    name: str
    integers: tuple[int, ...]
    values: NDArray[np.float32]


def read_dlib_weights(path: Path) -> DlibWeights:
    """Return the network of ``path``, of which only the published bytes are read; raise UntrustedWeights for others."""
    entry = REGISTRY["dlib_face_recognition"]
    with path.open("rb") as file:
        content = file.read(entry.size_bytes + 1)
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise UntrustedWeights(f"{path}: expected sha256 {entry.sha256} of dlib's network, found {sha256_of(path)}")
    mean_rgb, layers = read_layers(content, path)
    pairs = [(one, after) for one, after in pairwise(layers) if one.name == _CON]
    n_features, n_means = layers[-1].integers[:2]
    projection = layers[-1].values.reshape(n_means, n_features)
    return DlibWeights(mean_rgb, tuple(_convolution(*pair) for pair in pairs), projection)


def read_layers(content: bytes, path: Path) -> tuple[NDArray[np.float32], list[Layer]]:
    """Return the (3,) mean of R, G, B and the layers of the file ``content``, from the picture on.

    Tensors are views of ``content``. Raises UntrustedWeights, naming ``path`` and the byte, for anything else.
    """
    stream = _Stream(content, path)
    stream.expect("version", stream.integer(), 1)
    stream.expect("loss", stream.text(), "loss_metric_2")
    for _ in range(2):
        stream.number()  # the margin and the distance of the loss, by which the network was trained
    while stream.integer() != _INPUT_LAYER_VERSION:
        pass
    stream.expect("input", stream.text(), _INPUT)
    mean_rgb = np.array([stream.number() for _ in range(3)], np.float32)
    for _ in range(2):
        stream.integer()  # height and width
    layers = []
    for place, name in enumerate(_layer_names()):
        stream.expect("layer", stream.text(), name)
        layers.append(_read_layer(name, stream))
        if place == 0:
            stream.integer()  # how many pictures the input makes of one
    stream.expect("bytes after the last layer:", stream.n_left, 0)
    return mean_rgb, layers


def _layer_names() -> list[str]:
    """Return the names of all layers, from the picture on; of each block the shortcut's pool comes after the rest."""
    names = [_CON, _AFFINE, "relu_", "max_pool_2"]
    for halves in BLOCK_HALVES:
        pool = ["avg_pool_2"] if halves else []
        names += [_CON, _AFFINE, "relu_", _CON, _AFFINE, *pool, "add_prev_", "relu_"]
    return [*names, "avg_pool_2", _FC]


def _read_layer(name: str, stream: "_Stream") -> Layer:
    integers: list[int] = []
    values = np.empty(0, np.float32)
    for kind in _CONTENT[name]:
        match kind:
            case "i":
                integers.append(stream.integer())
            case "f":
                stream.number()  # rates of training
            case "a":
                stream.sizes(1)
            case "t":
                values = stream.tensor()
    for _ in range(_N_FLAGS):
        stream.flag()
    for _ in range(_N_TRAINING_TENSORS):
        stream.tensor()
    return Layer(name, tuple(integers), values)


def _convolution(layer: Layer, affine: Layer) -> Convolution:
    """Fold ``affine``, which is factors and then summands by channel, into the convolution before it."""
    n_out, height, width, stride, _, padding, _ = layer.integers
    factor, summand = affine.values.reshape(2, n_out)
    weights = layer.values[:-n_out].reshape(n_out, -1, height, width) * factor[:, None, None, None]
    return Convolution(weights, layer.values[-n_out:] * factor + summand, stride, padding)


class _Stream:
    """dlib's serialized values, one after the other; none is longer than what remains of the file."""

    def __init__(self, content: bytes, path: Path) -> None:
        self._content, self._path, self._at = memoryview(content), path, 0

    @property
    def n_left(self) -> int:
        return len(self._content) - self._at

    def expect(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            raise self._error(f"expected {what} {expected!r}, found {found!r}")

    def integer(self) -> int:
        (head,) = self._take(1)
        n_bytes = head & 0x7F
        if not 1 <= n_bytes <= _MAX_INTEGER_BYTES:
            raise self._error(f"expected a number of 1 to {_MAX_INTEGER_BYTES} bytes, found {n_bytes}")
        value = int.from_bytes(self._take(n_bytes), "little")
        return -value if head & 0x80 else value

    def number(self) -> float:
        mantissa, power = self.integer(), self.integer()
        if abs(power) > _MAX_POWER:
            raise self._error(f"expected a power of two from {-_MAX_POWER} to {_MAX_POWER}, found {power}")
        return math.ldexp(mantissa, power)

    def text(self) -> str:
        n_bytes = self.integer()
        if not 0 <= n_bytes <= _MAX_TEXT_BYTES:
            raise self._error(f"expected a name of at most {_MAX_TEXT_BYTES} bytes, found {n_bytes}")
        return str(self._take(n_bytes), "latin1")

    def flag(self) -> bool:
        found = bytes(self._take(1))
        if found not in (b"0", b"1"):
            raise self._error(f"expected '0' or '1', found {found!r}")
        return found == b"1"

    def sizes(self, version: int) -> list[int]:
        self.expect("version", self.integer(), version)
        sizes = [self.integer() for _ in range(_N_SIZES)]
        if min(sizes) < 0:
            raise self._error(f"expected sizes from 0, found {sizes}")
        return sizes

    def tensor(self) -> NDArray[np.float32]:
        n_numbers = math.prod(self.sizes(2))
        return np.frombuffer(self._take(n_numbers * 4), "<f4")

    def _take(self, n_bytes: int) -> memoryview:
        if n_bytes > self.n_left:
            raise self._error(f"expected {n_bytes} more bytes, found {self.n_left}")
        self._at += n_bytes
        return self._content[self._at - n_bytes : self._at]

    def _error(self, detail: str) -> UntrustedWeights:
        return UntrustedWeights(f"{self._path}: dlib's network, byte {self._at}: {detail}")
