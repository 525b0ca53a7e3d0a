"""Plain gradient descent in Adam's place, for tests that compute gradients from weights."""

from collections.abc import Iterable

import torch
from torch import nn

RATE = 0.1
"""To be the training's ``lr``, too: a training sets the rate of each step."""


def gradient_descent(parameters: Iterable[nn.Parameter], _: object = None) -> torch.optim.Optimizer:
    """Steps in proportion to the gradient; Adam's first step has the same length whatever the gradient."""
    return torch.optim.SGD(parameters, RATE)
