"""The label network psi: the VGGFace2 ResNet-50, at any width, with the pictures it expects.

Cao et al. 2018, "VGGFace2: a dataset for recognising faces across pose and age", in the geometry of the Caffe
release: stride 2 on the first 1x1 convolution of a bottleneck (torchvision: on the 3x3) and a max-pool
without padding that rounds up. Weights of one geometry load into the other by name, and give wrong features.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.arrays import FramesRGB
from pipeline.errors import BadInput

INPUT_PX = 224
MEAN_BGR = (91.4953, 103.8827, 131.0912)
"""Subtracted from pixels of range 0-255; there is no division by a deviation."""

BLOCKS = (3, 4, 6, 3)
EXPANSION = 4
FULL_BASE_CHANNELS = 64
CHANNEL_STEP = 8
MAX_VALUE = 255.0


def base_channels(width: float) -> int:
    """Return the channels of the first convolution: 64 at width 1, rounded to a multiple of 8, at least 8."""
    return max(CHANNEL_STEP, CHANNEL_STEP * int(FULL_BASE_CHANNELS * width / CHANNEL_STEP + 0.5))


def feature_size(width: float) -> int:
    """Return D, the length of the feature: 2048 at width 1, 256 at width 0.125."""
    return base_channels(width) * (1 << len(BLOCKS) - 1) * EXPANSION


class Bottleneck(nn.Module):
    """1x1 (with the stride), 3x3, 1x1 to four times the channels, added to the shortcut."""

    def __init__(self, n_in: int, n_inner: int, stride: int) -> None:
        super().__init__()
        n_out = n_inner * EXPANSION
        self.conv1 = nn.Conv2d(n_in, n_inner, 1, stride=stride, bias=False)
        self.bn1 = nn.BatchNorm2d(n_inner)
        self.conv2 = nn.Conv2d(n_inner, n_inner, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_inner)
        self.conv3 = nn.Conv2d(n_inner, n_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(n_out)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or n_in != n_out:
            shortcut = nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(n_out))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, 4 n_inner, H / stride, W / stride)."""
        shortcut = x_BCHW if self.downsample is None else self.downsample(x_BCHW)
        y_BCHW = functional.relu(self.bn1(self.conv1(x_BCHW)))
        y_BCHW = functional.relu(self.bn2(self.conv2(y_BCHW)))
        return functional.relu(self.bn3(self.conv3(y_BCHW)) + shortcut)


class LabelNetwork(nn.Module):
    """Faces as ``preprocess`` gives them to features >= 0: the 7x7 average pool, not normalised.

    State names are the usual ones: ``conv1.weight``, ``layer1.0.bn1.bias``, ``layer1.0.downsample.0.weight``;
    the classifier ``fc`` is no part of it.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        base = base_channels(width)
        self.feature_size = feature_size(width)
        self.conv1 = nn.Conv2d(3, base, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(base)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=0, ceil_mode=True)
        self.layer1 = _stage(base, base, BLOCKS[0], stride=1)
        self.layer2 = _stage(base * EXPANSION, base * 2, BLOCKS[1], stride=2)
        self.layer3 = _stage(base * 2 * EXPANSION, base * 4, BLOCKS[2], stride=2)
        self.layer4 = _stage(base * 4 * EXPANSION, base * 8, BLOCKS[3], stride=2)
        _start(self)

    def forward(self, faces_BCHW: Tensor) -> Tensor:
        """(B, 3, 224, 224) BGR minus the mean -> (B, D); of 112 px, which training uses, a 4x4 is pooled."""
        x_BCHW = self.maxpool(functional.relu(self.bn1(self.conv1(faces_BCHW))))  # 224 -> 112 -> 56 px
        x_BCHW = self.layer4(self.layer3(self.layer2(self.layer1(x_BCHW))))  # 56, 28, 14, 7 px
        return functional.adaptive_avg_pool2d(x_BCHW, 1).flatten(1)


def _stage(n_in: int, n_inner: int, n_blocks: int, *, stride: int) -> nn.Sequential:
    first = Bottleneck(n_in, n_inner, stride)
    rest = (Bottleneck(n_inner * EXPANSION, n_inner, 1) for _ in range(n_blocks - 1))
    return nn.Sequential(first, *rest)


def _start(network: nn.Module) -> None:
    """He initialisation; each block starts as its shortcut (last batch norm zero), for short trainings."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(module, Bottleneck):
            nn.init.zeros_(module.bn3.weight)


def preprocess(faces: FramesRGB) -> Tensor:
    """Return (B, 3, 224, 224) float32, BGR minus the mean, of (B, H, H, 3) uint8 RGB faces."""
    if faces.ndim != 4 or faces.shape[1] != faces.shape[2] or faces.shape[3] != 3 or faces.dtype != np.uint8:
        raise BadInput(f"faces: expected (B, H, H, 3) uint8 RGB, found {faces.shape} {faces.dtype}")
    rgb_BCHW = torch.from_numpy(np.ascontiguousarray(faces.transpose(0, 3, 1, 2))).float()
    return _shift(_resize(rgb_BCHW))


def preprocess_tensor(faces_BCHW: Tensor) -> Tensor:
    """Return what ``preprocess`` returns, differentiably, of (B, 3, H, H) RGB in [-1, 1]."""
    return _shift(_resize((faces_BCHW + 1.0) * (MAX_VALUE / 2)))


def _resize(rgb_BCHW: Tensor) -> Tensor:
    """Bilinear with antialiasing: the crops of 256 px are shrunk a little, and must not alias."""
    if rgb_BCHW.shape[-1] == INPUT_PX:
        return rgb_BCHW
    return functional.interpolate(rgb_BCHW, (INPUT_PX, INPUT_PX), mode="bilinear", align_corners=False, antialias=True)


def _shift(rgb_BCHW: Tensor) -> Tensor:
    mean_C11 = torch.tensor(MEAN_BGR, dtype=rgb_BCHW.dtype, device=rgb_BCHW.device).view(3, 1, 1)
    return rgb_BCHW.flip(1) - mean_C11
