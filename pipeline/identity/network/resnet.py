"""The face recognition network: the VGGFace2 ResNet-50, at any width, with the preprocessing of its input.

Cao et al. 2018, "VGGFace2: a dataset for recognising faces across pose and age", in the geometry of the Caffe
release: stride 2 on the first 1x1 convolution of a bottleneck (torchvision: on the 3x3) and a max-pool
without padding that rounds up. Weights of one geometry load into the other by name, and give wrong features.
The same weights as rcmalli/keras-vggface offers them belong to a third one, ``KERAS``.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.core.base.arrays import FramesRGB
from pipeline.core.base.errors import BadInput

INPUT_PX = 224
MEAN_BGR = (91.4953, 103.8827, 131.0912)
"""Subtracted from pixels of range 0-255; there is no division by a standard deviation."""

CROP_PX = 256
VIEW_LEFT_PX, VIEW_TOP_PX, VIEW_PX = 48, 61, 160
"""The square of an aligned 256 px crop, eyes at (96, 120) and (160, 120), that is the network's input.

VGGFace2's input is the box that MTCNN finds, 1.3 times as large, its shorter side resized to 256, of that the
middle 224. On 34 photographs of frontal faces, aligned so, the box is 140 x 191 px around (129, 141) (medians):
1.3 * 140 * 224 / 256 = 160 px (149 to 166 px in nine of ten).
"""


@dataclass(frozen=True, slots=True)
class Geometry:
    """What features depend on and a file of weights does not contain."""

    name: str
    first_padding_px: tuple[int, int]
    """Zeros before and after each row and column of the picture, for the first convolution."""
    pool_rounds_up: bool
    """Whether the max-pool takes 112 px to 56, the last window hanging over the edge, or to 55."""
    norm_epsilon: float


CAFFE = Geometry("caffe", (3, 3), pool_rounds_up=True, norm_epsilon=1e-5)
KERAS = Geometry("keras", (2, 3), pool_rounds_up=False, norm_epsilon=1e-3)
"""How keras-vggface runs its file: 'same' padding by what the stride needs, 5 px, the odd one last; 'valid' pooling."""

GEOMETRIES = {geometry.name: geometry for geometry in (CAFFE, KERAS)}

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

    def __init__(self, n_in: int, n_inner: int, stride: int, norm_epsilon: float) -> None:
        super().__init__()
        n_out = n_inner * EXPANSION
        self.conv1 = nn.Conv2d(n_in, n_inner, 1, stride=stride, bias=False)
        self.bn1 = nn.BatchNorm2d(n_inner, norm_epsilon)
        self.conv2 = nn.Conv2d(n_inner, n_inner, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_inner, norm_epsilon)
        self.conv3 = nn.Conv2d(n_inner, n_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(n_out, norm_epsilon)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or n_in != n_out:
            shortcut = nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(n_out, norm_epsilon))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, 4 n_inner, H / stride, W / stride)."""
        shortcut = x_BCHW if self.downsample is None else self.downsample(x_BCHW)
        y_BCHW = functional.relu(self.bn1(self.conv1(x_BCHW)))
        y_BCHW = functional.relu(self.bn2(self.conv2(y_BCHW)))
        return functional.relu(self.bn3(self.conv3(y_BCHW)) + shortcut)


class FaceRecognitionNetwork(nn.Module):
    """Faces as ``preprocess`` returns them to features >= 0: the 7x7 average pool, not normalised.

    State names are the usual ones: ``conv1.weight``, ``layer1.0.bn1.bias``, ``layer1.0.downsample.0.weight``;
    the classifier ``fc`` is no part of it.
    """

    def __init__(self, width: float = 1.0, geometry: Geometry = CAFFE) -> None:
        super().__init__()
        base, epsilon = base_channels(width), geometry.norm_epsilon
        before, after = geometry.first_padding_px
        self.geometry = geometry
        self.feature_size = feature_size(width)
        self.pad_end = nn.ZeroPad2d((0, after - before, 0, after - before))
        self.conv1 = nn.Conv2d(3, base, 7, stride=2, padding=before, bias=False)
        self.bn1 = nn.BatchNorm2d(base, epsilon)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=0, ceil_mode=geometry.pool_rounds_up)
        self.layer1 = _stage(base, base, BLOCKS[0], 1, epsilon)
        self.layer2 = _stage(base * EXPANSION, base * 2, BLOCKS[1], 2, epsilon)
        self.layer3 = _stage(base * 2 * EXPANSION, base * 4, BLOCKS[2], 2, epsilon)
        self.layer4 = _stage(base * 4 * EXPANSION, base * 8, BLOCKS[3], 2, epsilon)
        _start(self)

    def forward(self, faces_BCHW: Tensor) -> Tensor:
        """(B, 3, 224, 224) BGR minus the mean -> (B, D); of 112 px, which training uses, a 4x4 is pooled."""
        x_BCHW = self.maxpool(functional.relu(self.bn1(self.conv1(self.pad_end(faces_BCHW)))))  # 224, 112, 56 px
        x_BCHW = self.layer4(self.layer3(self.layer2(self.layer1(x_BCHW))))  # 56, 28, 14, 7 px
        return functional.adaptive_avg_pool2d(x_BCHW, 1).flatten(1)


def _stage(n_in: int, n_inner: int, n_blocks: int, stride: int, norm_epsilon: float) -> nn.Sequential:
    first = Bottleneck(n_in, n_inner, stride, norm_epsilon)
    rest = (Bottleneck(n_inner * EXPANSION, n_inner, 1, norm_epsilon) for _ in range(n_blocks - 1))
    return nn.Sequential(first, *rest)


def _start(network: nn.Module) -> None:
    """He initialisation; each block starts as its shortcut (last batch norm zero), for short trainings."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(module, Bottleneck):
            nn.init.zeros_(module.bn3.weight)


def preprocess(crops: FramesRGB) -> Tensor:
    """Return (B, 3, 224, 224) float32, BGR minus the mean, of the view of (B, H, H, 3) uint8 RGB aligned crops."""
    _check(crops)
    rows, columns = view(crops.shape[1])
    return _shift(_resize(_as_tensor(crops[:, rows, columns])))


def preprocess_tensor(crops_BCHW: Tensor) -> Tensor:
    """Return what ``preprocess`` returns, differentiably, of (B, 3, H, H) RGB in [-1, 1]."""
    rows, columns = view(crops_BCHW.shape[-1])
    return _shift(_resize((crops_BCHW[:, :, rows, columns] + 1.0) * (MAX_VALUE / 2)))


def preprocess_framed(faces: FramesRGB) -> Tensor:
    """Return (B, 3, 224, 224) float32, BGR minus the mean, of (B, 224, 224, 3) uint8 RGB, not cropped."""
    _check(faces)
    return _shift(_as_tensor(faces))


def view(side_px: int) -> tuple[slice, slice]:
    """Return the rows and columns of an aligned crop of that size that are the network's input."""
    left, top, size = (round(side_px * px / CROP_PX) for px in (VIEW_LEFT_PX, VIEW_TOP_PX, VIEW_PX))
    return slice(top, top + size), slice(left, left + size)


def _check(faces: FramesRGB) -> None:
    if faces.ndim != 4 or faces.shape[1] != faces.shape[2] or faces.shape[3] != 3 or faces.dtype != np.uint8:
        raise BadInput(f"faces: expected (B, H, H, 3) uint8 RGB, found {faces.shape} {faces.dtype}")


def _as_tensor(faces: FramesRGB) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(faces.transpose(0, 3, 1, 2))).float()


def _resize(rgb_BCHW: Tensor) -> Tensor:
    """Bilinear, with antialiasing where larger crops are shrunk."""
    return functional.interpolate(rgb_BCHW, (INPUT_PX, INPUT_PX), mode="bilinear", align_corners=False, antialias=True)


def _shift(rgb_BCHW: Tensor) -> Tensor:
    mean_C11 = torch.tensor(MEAN_BGR, dtype=rgb_BCHW.dtype, device=rgb_BCHW.device).view(3, 1, 1)
    return rgb_BCHW.flip(1) - mean_C11
