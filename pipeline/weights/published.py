"""Load a published network's file, or name the first tensor that is wrong."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from pipeline.weights.shape_check import check_published_state
from pipeline.weights.state_dict import read_state_dict

Network = TypeVar("Network", bound=nn.Module)


def load_network(build: Callable[[], Network], path: Path, *, unused: str | None = None) -> Network:
    """Return the network of ``build`` with the weights of ``path``; see ``filled``."""
    return filled(build, read_weights(path, unused=unused), path)


def read_weights(path: Path, *, unused: str | None = None) -> dict[str, Tensor]:
    """Return the tensors of ``path`` by name, without those whose names start with ``unused``: the classifier.

    Raises BadInput and UntrustedWeights as ``read_state_dict`` does.
    """
    found = read_state_dict(path)
    return {name: tensor for name, tensor in found.items() if unused is None or not name.startswith(unused)}


def filled(build: Callable[[], Network], found: Mapping[str, Tensor], path: Path) -> Network:
    """Return the network of ``build`` with the tensors ``found`` in ``path``: float32, frozen, in evaluation mode.

    Raises BadInput naming the first tensor that is missing, unknown, of another shape or not finite.
    """
    with torch.device("meta"):  # no memory, and no random initialisation, for weights that are about to be replaced
        network = build()
    expected = network.state_dict()
    check_published_state(expected, found, path)
    zero = torch.zeros(())  # a batch counter that is missing
    network.load_state_dict(
        {name: found.get(name, zero).to(like.dtype) for name, like in expected.items()}, assign=True
    )
    return network.eval().requires_grad_(False)
