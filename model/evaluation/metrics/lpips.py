"""LPIPS (Zhang et al. 2018), version 0.1 on AlexNet: perceptual distance of two pictures; 0 is the same picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.device import Placement
from pipeline.core.base.errors import BadInput
from pipeline.weights.published import load_network

CHANNELS = (64, 192, 384, 256, 256)
LAST_OF_STAGE = (1, 4, 7, 9, 11)
"""The layers of AlexNet whose output is compared: the ReLU after each convolution."""

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
"""ImageNet's mean and deviation by channel, brought from the range 0 to 1 to the range -1 to 1 and rounded."""

TINY = 1e-10
HALF_RANGE = 127.5
CLASSIFIER = "classifier."
LEAST_PX = 31  # the smallest input of which the last pooling makes a pixel


class AlexNetTrunk(nn.Module):
    """AlexNet's convolutions ("One weird trick", Krizhevsky 2014), 2,469,696 parameters.

    State names are torchvision's: ``features.0.weight`` to ``features.10.bias``.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth, fifth = CHANNELS
        self.features = nn.Sequential(
            nn.Conv2d(3, first, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(first, second, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(second, third, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(third, fourth, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(fourth, fifth, 3, padding=1),
            nn.ReLU(),
        )

    def forward(self, images_BCHW: Tensor) -> list[Tensor]:
        """Return the five stages' features, of 64, 192, 384, 256 and 256 channels; 256 px give 63, 31, 15, 15, 15."""
        features, x_BCHW = [], images_BCHW
        for number, layer in enumerate(self.features):
            x_BCHW = layer(x_BCHW)
            if number in LAST_OF_STAGE:
                features.append(x_BCHW)
        return features


class Head(nn.Module):
    """The weights of the channels of one stage; trained with dropout, hence the index in its state names."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Dropout(), nn.Conv2d(channels, 1, 1, bias=False))

    def forward(self, differences_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> (B,): the weighted sum over channels, averaged over places."""
        weighted_B1HW: Tensor = self.model(differences_BCHW)
        return weighted_B1HW.mean(dim=(1, 2, 3))


class Heads(nn.Module):
    """The five heads; state names are the release's, ``lin0.model.1.weight`` to ``lin4.model.1.weight``."""

    def __init__(self) -> None:
        super().__init__()
        for stage, channels in enumerate(CHANNELS):
            self.add_module(f"lin{stage}", Head(channels))

    def forward(self, differences: list[Tensor]) -> Tensor:
        """Five of (B, C, H, W) -> (B,)."""
        by_stage = [head(stage_BCHW) for head, stage_BCHW in zip(self.children(), differences, strict=True)]
        return torch.stack(by_stage).sum(dim=0)


class LpipsNetwork(NamedTuple):
    """Zhang et al. 2018, Eq. 1."""

    trunk: AlexNetTrunk
    heads: Heads

    def distances(self, first_BCHW: Tensor, second_BCHW: Tensor) -> Tensor:
        """Return (B,) distances >= 0 of pictures (B, 3, H, W), RGB in [-1, 1]."""
        features = zip(self.trunk(_scaled(first_BCHW)), self.trunk(_scaled(second_BCHW)), strict=True)
        distances_B: Tensor = self.heads([(_unit(one) - _unit(other)).square() for one, other in features])
        return distances_B


class Lpips:
    """LPIPS with weights from files: AlexNet's trunk (torchvision's file) and the heads; pickles as their paths.

    Raises BadInput for a file of another network.
    """

    def __init__(self, trunk: Path, heads: Path, placement: Placement = Placement()) -> None:
        self.trunk, self.heads, self.placement = trunk, heads, placement
        self.network = LpipsNetwork(
            load_network(AlexNetTrunk, trunk, unused=CLASSIFIER).to(placement.device),
            load_network(Heads, heads).to(placement.device),
        )

    def __reduce__(self) -> tuple[type["Lpips"], tuple[Path, Path, Placement]]:
        return Lpips, (self.trunk, self.heads, self.placement)

    def distance(self, first: ImageRGB, second: ImageRGB) -> float:
        """Return the distance of two pictures of one size (H, W, 3), in the units of the release.

        Raises BadInput for pictures of two sizes, or smaller than 31 px.
        """
        return self.distances([first], [second])[0]

    def distances(self, first: Sequence[ImageRGB], second: Sequence[ImageRGB]) -> list[float]:
        """Return the distance of each pair of pictures, all of one size; no bit depends on other pairs.

        Raises BadInput as ``distance`` does.
        """
        for pair in zip(first, second, strict=True):
            _check(*pair)
        inputs = ([_as_tensor(picture) for picture in pictures] for pictures in (first, second))
        distances: list[float] = self.placement.compute(self.network.distances, *inputs).tolist()
        return distances


def _check(first: ImageRGB, second: ImageRGB) -> None:
    if first.shape != second.shape or first.ndim != 3 or min(first.shape[:2]) < LEAST_PX:
        sizes = f"expected two pictures of one size, {LEAST_PX} px or more"
        raise BadInput(f"LPIPS: {sizes}, found {first.shape} and {second.shape}")


def _as_tensor(image: ImageRGB) -> Tensor:
    rgb_CHW = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float()
    return rgb_CHW / HALF_RANGE - 1.0


def _scaled(images_BCHW: Tensor) -> Tensor:
    shift_C11, scale_C11 = (images_BCHW.new_tensor(one).view(3, 1, 1) for one in (SHIFT, SCALE))
    return (images_BCHW - shift_C11) / scale_C11


def _unit(features_BCHW: Tensor) -> Tensor:
    """Scale the channels of each place to length 1; a place without any feature remains zero."""
    return features_BCHW / (features_BCHW.square().sum(dim=1, keepdim=True).sqrt() + TINY)
