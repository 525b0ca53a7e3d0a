"""Compare the tensors of a file with those a network expects, before they are loaded."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from pipeline.core.base.errors import BadInput

BATCH_COUNTER = "num_batches_tracked"
"""What batch norms count; files from before torch 0.4.1 have none, and evaluation needs none."""


def check_state(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path, what: str) -> None:
    """Raise BadInput naming the first tensor that is missing, unknown, of another shape or type, or not finite.

    ``what`` names the network, with its article.
    """
    _check(expected, found, path, _shape_and_type, of=f" of {what}", there=f" in {what}")


def check_published_state(
    expected: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path, what: str | None = None
) -> None:
    """Raise BadInput as ``check_state`` does, but let batch counters be missing and numbers be of another type."""
    needed = {name: one for name, one in expected.items() if name in found or not name.endswith(BATCH_COUNTER)}
    _check(needed, found, path, _shape, there=f" in {what}" if what else "")


def _check(
    expected: Mapping[str, Tensor],
    found: Mapping[str, Tensor],
    path: Path,
    describe: Callable[[Tensor], str],
    *,
    of: str = "",
    there: str,
) -> None:
    """``describe`` returns the properties of a tensor that must be equal."""
    for name, tensor in expected.items():
        if name not in found:
            raise BadInput(f"{path}: '{name}': expected {describe(tensor)}{of}, found nothing")
        if describe(found[name]) != describe(tensor):
            raise BadInput(f"{path}: '{name}': expected {describe(tensor)}{of}, found {describe(found[name])}")
        if not bool(torch.isfinite(found[name]).all()):
            raise BadInput(f"{path}: '{name}': expected finite numbers, found nan or infinity")
    unknown = sorted(found.keys() - expected.keys())
    if unknown:
        raise BadInput(f"{path}: '{unknown[0]}': expected no such tensor{there}")


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))


def _shape_and_type(tensor: Tensor) -> str:
    return f"{_shape(tensor)} {str(tensor.dtype).removeprefix('torch.')}"
