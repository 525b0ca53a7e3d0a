"""The 20 layers of SphereFace (Liu et al. 2017), in two published implementations: SphereFace and CosFace.

Four stages, each a convolution of stride 2 and then pairs of convolutions with a shortcut, all 3x3 with PReLU; a
picture of 112 x 96 becomes 7 x 6 places, which a linear layer maps to 512 numbers.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from model.evaluation.networks.face_network import EmbeddingNetwork, FaceNetwork, channels_first
from model.evaluation.networks.face_templates import cut_112x96
from pipeline.core.base.arrays import ImageRGB, Landmarks

PAIRS_OF_STAGE = (1, 2, 4, 1)
LAST_PLACES = 7 * 6
MIDDLE = 127.5
SPHEREFACE_RANGE = 128.0


def stage_channels(width: int) -> list[tuple[int, int]]:
    """Return each stage's channels, in and out: 3 to 64, to 128, to 256, to 512 at width 64."""
    channels = [3, width, 2 * width, 4 * width, 8 * width]
    return list(pairwise(channels))


class SphereFaceNetwork(EmbeddingNetwork):
    """``sphere20a`` of clcarwin/sphereface_pytorch; state names are its, ``conv1_1.weight`` to ``fc5.bias``."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        for stage, (n_in, n_out) in enumerate(stage_channels(width), start=1):
            self._add(stage, 1, nn.Conv2d(n_in, n_out, 3, stride=2, padding=1))
            for number in range(2, 2 + 2 * PAIRS_OF_STAGE[stage - 1]):
                self._add(stage, number, nn.Conv2d(n_out, n_out, 3, padding=1))
        self.feature_size = 8 * width
        self.fc5 = nn.Linear(8 * width * LAST_PLACES, self.feature_size)

    def forward(self, faces_BCHW: Tensor) -> Tensor:
        """(B, 3, 112, 96) -> (B, 512)."""
        x_BCHW = faces_BCHW
        for stage, n_pairs in enumerate(PAIRS_OF_STAGE, start=1):
            x_BCHW = self._run(stage, 1, x_BCHW)
            for first in range(2, 2 + 2 * n_pairs, 2):
                x_BCHW = x_BCHW + self._run(stage, first + 1, self._run(stage, first, x_BCHW))
        features_BD: Tensor = self.fc5(x_BCHW.flatten(1))
        return features_BD

    def _add(self, stage: int, number: int, convolution: nn.Conv2d) -> None:
        self.add_module(f"conv{stage}_{number}", convolution)
        self.add_module(f"relu{stage}_{number}", nn.PReLU(convolution.out_channels))

    def _run(self, stage: int, number: int, x_BCHW: Tensor) -> Tensor:
        convolution, relu = (self.get_submodule(f"{kind}{stage}_{number}") for kind in ("conv", "relu"))
        activated_BCHW: Tensor = relu(convolution(x_BCHW))
        return activated_BCHW


class Pair(nn.Module):
    """Two convolutions without bias, with a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.prelu1 = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.prelu2 = nn.PReLU(channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        y_BCHW: Tensor = self.prelu2(self.conv2(self.prelu1(self.conv1(x_BCHW))))
        return x_BCHW + y_BCHW


class CosFaceNetwork(EmbeddingNetwork):
    """``sphere20`` of MuggleWang/CosFace_pytorch; state names are its, ``layer1.0.weight`` to ``fc.bias``."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        for stage, (n_in, n_out) in enumerate(stage_channels(width), start=1):
            pairs = (Pair(n_out) for _ in range(PAIRS_OF_STAGE[stage - 1]))
            opening = nn.Conv2d(n_in, n_out, 3, stride=2, padding=1)
            self.add_module(f"layer{stage}", nn.Sequential(opening, nn.PReLU(n_out), *pairs))
        self.feature_size = 8 * width
        self.fc = nn.Linear(8 * width * LAST_PLACES, self.feature_size)

    def forward(self, faces_BCHW: Tensor) -> Tensor:
        """(B, 3, 112, 96) -> (B, 512)."""
        x_BCHW = faces_BCHW
        for stage in range(1, 1 + len(PAIRS_OF_STAGE)):
            x_BCHW = self.get_submodule(f"layer{stage}")(x_BCHW)
        features_BD: Tensor = self.fc(x_BCHW.flatten(1))
        return features_BD


def prepared_for_sphereface(face: ImageRGB, points: Landmarks) -> NDArray[np.float32]:
    """Return (3, 112, 96), BGR from -127.5/128 to 127.5/128."""
    return channels_first((cut_112x96(face, points)[..., ::-1] - MIDDLE) / SPHEREFACE_RANGE)


def prepared_for_cosface(face: ImageRGB, points: Landmarks) -> NDArray[np.float32]:
    """Return (3, 112, 96), RGB from -1 to 1."""
    return channels_first((cut_112x96(face, points) - MIDDLE) / MIDDLE)


# The evaluation of clcarwin's network embeds the mirrored picture too, and does not use it.
SPHEREFACE = FaceNetwork(
    build=SphereFaceNetwork,
    first="conv1_1.weight",
    classifier="fc6.",
    prepare=prepared_for_sphereface,
    is_mirrored=False,
    paper_distance="cosine",
)
COSFACE = FaceNetwork(
    build=CosFaceNetwork,
    first="layer1.0.weight",
    classifier=None,
    prepare=prepared_for_cosface,
    is_mirrored=True,
    paper_distance="cosine",
)
