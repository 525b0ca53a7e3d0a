"""Plain gradient descent in Adam's place, for tests that tell gradients from weights."""

from collections.abc import Iterable

import torch
from torch import nn

RATE = 0.1
"""To be given to the training as ``lr``, too: a training sets the rate of each step."""


def descent(parameters: Iterable[nn.Parameter], _: object = None) -> torch.optim.Optimizer:
    """Steps as long as the gradient, so that weights tell it; Adam's first step is as long whatever the gradient."""
    return torch.optim.SGD(parameters, RATE)
