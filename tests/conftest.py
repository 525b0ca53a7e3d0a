"""Hypothesis without deadlines; weights: random states in the released names, and files as Python 2 wrote them."""

import signal
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from pipeline.identity.network.resnet import FaceRecognitionNetwork
from pipeline.identity.network.weights_file import write_recognition_network

# No example fails for taking long: a machine may be busy, and a first call compiles.
settings.register_profile("facevox", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("facevox")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# A shell ignores Ctrl-C for what it starts in the background, and what is ignored stays so in every child: tests that
# send it to one would wait for ever.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def signal_handlers_restored() -> Iterator[None]:
    """The command line sets handlers of its own, for good."""
    before = [signal.getsignal(number) for number in _SIGNALS]
    yield
    for number, handler in zip(_SIGNALS, before, strict=True):
        signal.signal(number, handler)


Arrays = Mapping[str, NDArray[np.float32]]


def _short(text: str) -> bytes:
    return b"U" + bytes([len(text)]) + text.encode("latin1")


def _int(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)


def _array(values: NDArray[np.float32]) -> bytes:
    raw = values.astype("<f4").tobytes()
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + _int(0) + b"\x85" + _short("b") + b"tR"
    dtype = b"cnumpy\ndtype\n" + _short("f4") + _int(0) + _int(1) + b"\x87R"
    dtype += b"(" + _int(3) + _short("<") + b"NNN" + _int(-1) + _int(-1) + _int(0) + b"tb"
    shape = b"(" + b"".join(_int(side) for side in values.shape) + b"t"
    return empty + b"(" + _int(1) + shape + dtype + b"\x89" + b"T" + struct.pack("<i", len(raw)) + raw + b"tb"


@pytest.fixture(scope="session")
def python2_pickle() -> Callable[[Arrays], bytes]:
    """A dict of arrays as Python 2 pickles it with protocol 2: bytes of numbers in 8-bit strings."""

    def dump(arrays: Arrays) -> bytes:
        items = b"".join(_short(name) + _array(values) + b"s" for name, values in arrays.items())
        return b"\x80\x02}" + items + b"."

    return dump


@pytest.fixture(scope="session")
def random_state() -> Callable[[int], dict[str, NDArray[np.float32]]]:
    """Random weights of a VGGFace2 ResNet-50 of so many base channels, named and shaped as in the release."""

    def draw(base: int) -> dict[str, NDArray[np.float32]]:
        rng = np.random.default_rng(7)
        state: dict[str, NDArray[np.float32]] = {}

        def add(conv: str, norm: str, n_out: int, n_in: int, side: int) -> None:
            deviation = (2 / (n_in * side * side)) ** 0.5
            state[f"{conv}.weight"] = rng.normal(0, deviation, (n_out, n_in, side, side)).astype(np.float32)
            state[f"{norm}.weight"] = rng.uniform(0.3, 0.9, n_out).astype(np.float32)
            state[f"{norm}.bias"] = rng.normal(0, 0.1, n_out).astype(np.float32)
            state[f"{norm}.running_mean"] = rng.normal(0, 0.1, n_out).astype(np.float32)
            state[f"{norm}.running_var"] = rng.uniform(0.5, 1.5, n_out).astype(np.float32)

        add("conv1", "bn1", base, 3, 7)
        n_in = base
        for stage, n_blocks in enumerate((3, 4, 6, 3), start=1):
            inner = base * 2 ** (stage - 1)
            for block in range(n_blocks):
                at = f"layer{stage}.{block}"
                add(f"{at}.conv1", f"{at}.bn1", inner, n_in, 1)
                add(f"{at}.conv2", f"{at}.bn2", inner, inner, 3)
                add(f"{at}.conv3", f"{at}.bn3", inner * 4, inner, 1)
                if block == 0:
                    add(f"{at}.downsample.0", f"{at}.downsample.1", inner * 4, n_in, 1)
                n_in = inner * 4
        state["fc.weight"] = rng.normal(0, 0.01, (11, n_in)).astype(np.float32)
        state["fc.bias"] = np.zeros(11, dtype=np.float32)
        return state

    return draw


@pytest.fixture(scope="session")
def small_checkpoint(
    random_state: Callable[[int], dict[str, NDArray[np.float32]]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A face recognition network of width 0.125 (256-D) in safetensors."""
    import torch

    network = FaceRecognitionNetwork(0.125)
    state = {name: torch.from_numpy(values) for name, values in random_state(8).items()}
    network.load_state_dict({k: v for k, v in state.items() if not k.startswith("fc.")}, strict=False)
    path = tmp_path_factory.mktemp("weights") / "label.safetensors"
    write_recognition_network(network, path)
    return path
