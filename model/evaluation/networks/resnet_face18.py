"""The ResNet-18 that ronghuaiyang/arcface-pytorch trained by ArcFace (Deng et al. 2019), on grey faces of 128 px."""

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from model.evaluation.networks.face_network import EmbeddingNetwork, FaceNetwork, channels_first
from model.evaluation.networks.face_templates import cut_128
from pipeline.core.base.arrays import ImageRGB, Landmarks

BLOCKS_OF_STAGE = (2, 2, 2, 2)
LAST_PLACES = 8 * 8
MIDDLE = 127.5


class Block(nn.Module):
    """Norm, 3x3, norm, PReLU, 3x3 with the stride, norm, and the shortcut added; then the same PReLU again."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(n_in)
        self.conv1 = nn.Conv2d(n_in, n_in, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_in)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or n_in != n_out:
            shortcut = nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(n_out))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, H / stride, W / stride)."""
        shortcut = x_BCHW if self.downsample is None else self.downsample(x_BCHW)
        y_BCHW = self.prelu(self.bn1(self.conv1(self.bn0(x_BCHW))))
        y_BCHW = self.bn2(self.conv2(y_BCHW))
        activated_BCHW: Tensor = self.prelu(y_BCHW + shortcut)
        return activated_BCHW


class ResNetFace18(EmbeddingNetwork):
    """``resnet_face18`` without squeeze and excitation; state names are its, ``conv1.weight`` to ``bn5.bias``."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.prelu = nn.PReLU()
        self.layer1 = _stage(width, width, BLOCKS_OF_STAGE[0], 1)
        self.layer2 = _stage(width, 2 * width, BLOCKS_OF_STAGE[1], 2)
        self.layer3 = _stage(2 * width, 4 * width, BLOCKS_OF_STAGE[2], 2)
        self.layer4 = _stage(4 * width, 8 * width, BLOCKS_OF_STAGE[3], 2)
        self.bn4 = nn.BatchNorm2d(8 * width)
        self.feature_size = 8 * width
        self.fc5 = nn.Linear(8 * width * LAST_PLACES, self.feature_size)
        self.bn5 = nn.BatchNorm1d(self.feature_size)

    def forward(self, faces_BCHW: Tensor) -> Tensor:
        """(B, 1, 128, 128) -> (B, 512)."""
        x_BCHW = functional.max_pool2d(self.prelu(self.bn1(self.conv1(faces_BCHW))), 2)  # 64 px
        x_BCHW = self.layer4(self.layer3(self.layer2(self.layer1(x_BCHW))))  # 64, 32, 16, 8 px
        features_BD: Tensor = self.bn5(self.fc5(self.bn4(x_BCHW).flatten(1)))
        return features_BD


def _stage(n_in: int, n_out: int, n_blocks: int, stride: int) -> nn.Sequential:
    return nn.Sequential(Block(n_in, n_out, stride), *(Block(n_out, n_out, 1) for _ in range(n_blocks - 1)))


def prepared_for_arcface(face: ImageRGB, points: Landmarks) -> NDArray[np.float32]:
    """Return (1, 128, 128), luma from -1 to 1.

    Its publisher does not document the alignment; insightface's template of 128 px is used instead.
    """
    luma = cv2.cvtColor(cut_128(face, points), cv2.COLOR_RGB2GRAY)
    return channels_first((luma[..., None] - MIDDLE) / MIDDLE)


ARCFACE = FaceNetwork(
    build=ResNetFace18,
    first="conv1.weight",
    classifier=None,
    prepare=prepared_for_arcface,
    is_mirrored=True,
    paper_distance="euclidean",
)
