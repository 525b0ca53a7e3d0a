"""Hold the tensors of a file against those a network expects, before they are loaded."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from pipeline.errors import BadInput


def check_state(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path, what: str) -> None:
    """Raise BadInput naming the first tensor that is missing, unknown, of another shape or type, or not finite.

    ``what`` is the network in words, with its article.
    """
    for name, tensor in expected.items():
        if name not in found:
            raise BadInput(f"{path}: '{name}': expected {_kind(tensor)} of {what}, found nothing")
        if _kind(found[name]) != _kind(tensor):
            raise BadInput(f"{path}: '{name}': expected {_kind(tensor)} of {what}, found {_kind(found[name])}")
        if not bool(torch.isfinite(found[name]).all()):
            raise BadInput(f"{path}: '{name}': expected finite numbers, found nan or infinity")
    unknown = sorted(found.keys() - expected.keys())
    if unknown:
        raise BadInput(f"{path}: '{unknown[0]}': expected no such tensor in {what}")


def _kind(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
