"""The initialisation of networks that no file gives weights: as their modules state, or torch's defaults."""

from torch import nn

from model.settings import Initialisation


def initialise(network: nn.Module, initialisation: Initialisation) -> None:
    """Draw all weights of a new network anew where torch's defaults are wanted; ``own`` leaves it as it was built."""
    if initialisation == "own":
        return
    for layer in network.modules():
        reset = getattr(layer, "reset_parameters", None)
        if callable(reset):
            reset()
