"""Inception v3 (Szegedy et al. 2015), the version of the Frechet inception distance.

The weights are TensorFlow's of 2015-12-05, which pytorch-fid converted to PyTorch. Their graph differs from the
Inception v3 of torchvision in two ways: average pools do not count padding, and the last block's pool takes the
maximum. State names are torchvision's; the classifier of 1008 classes is left out. 21,785,568 parameters.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

FEATURE_SIZE = 2048
INPUT_PX = 299
NORM_EPSILON = 1e-3
CLASSIFIER = "fc."


class Convolution(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(n_out, eps=NORM_EPSILON)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, H', W')."""
        return functional.relu(self.bn(self.conv(x_BCHW)))


class BlockA(nn.Module):
    """35 px: 1x1, 5x5, twice 3x3, and a pool of ``n_pool`` channels, in parallel: n_in -> 224 + n_pool."""

    def __init__(self, n_in: int, n_pool: int) -> None:
        super().__init__()
        self.branch1x1 = Convolution(n_in, 64, 1)
        self.branch5x5_1 = Convolution(n_in, 48, 1)
        self.branch5x5_2 = Convolution(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = Convolution(n_in, 64, 1)
        self.branch3x3dbl_2 = Convolution(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Convolution(96, 96, 3, padding=1)
        self.branch_pool = Convolution(n_in, n_pool, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, 224 + n_pool, H, W)."""
        branches = (
            self.branch1x1(x_BCHW),
            self.branch5x5_2(self.branch5x5_1(x_BCHW)),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x_BCHW))),
            self.branch_pool(_mean_of_neighbours(x_BCHW)),
        )
        return torch.cat(branches, dim=1)


class BlockB(nn.Module):
    """35 px to 17: 288 -> 768 channels."""

    def __init__(self, n_in: int) -> None:
        super().__init__()
        self.branch3x3 = Convolution(n_in, 384, 3, stride=2)
        self.branch3x3dbl_1 = Convolution(n_in, 64, 1)
        self.branch3x3dbl_2 = Convolution(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Convolution(96, 96, 3, stride=2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, 480 + n_in, H', W')."""
        branches = (
            self.branch3x3(x_BCHW),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x_BCHW))),
            _halved(x_BCHW),
        )
        return torch.cat(branches, dim=1)


class BlockC(nn.Module):
    """17 px: 7x7 convolutions as rows and columns, of ``n_inner`` channels inside; 768 -> 768."""

    def __init__(self, n_in: int, n_inner: int) -> None:
        super().__init__()
        row: tuple[int, int] = (1, 7)
        column: tuple[int, int] = (7, 1)
        self.branch1x1 = Convolution(n_in, 192, 1)
        self.branch7x7_1 = Convolution(n_in, n_inner, 1)
        self.branch7x7_2 = Convolution(n_inner, n_inner, row, padding=(0, 3))
        self.branch7x7_3 = Convolution(n_inner, 192, column, padding=(3, 0))
        self.branch7x7dbl_1 = Convolution(n_in, n_inner, 1)
        self.branch7x7dbl_2 = Convolution(n_inner, n_inner, column, padding=(3, 0))
        self.branch7x7dbl_3 = Convolution(n_inner, n_inner, row, padding=(0, 3))
        self.branch7x7dbl_4 = Convolution(n_inner, n_inner, column, padding=(3, 0))
        self.branch7x7dbl_5 = Convolution(n_inner, 192, row, padding=(0, 3))
        self.branch_pool = Convolution(n_in, 192, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, 768, H, W)."""
        once_BCHW = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x_BCHW)))
        twice_BCHW = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x_BCHW)))
        twice_BCHW = self.branch7x7dbl_5(self.branch7x7dbl_4(twice_BCHW))
        pooled_BCHW = self.branch_pool(_mean_of_neighbours(x_BCHW))
        return torch.cat((self.branch1x1(x_BCHW), once_BCHW, twice_BCHW, pooled_BCHW), dim=1)


class BlockD(nn.Module):
    """17 px to 8: 768 -> 1280 channels."""

    def __init__(self, n_in: int) -> None:
        super().__init__()
        self.branch3x3_1 = Convolution(n_in, 192, 1)
        self.branch3x3_2 = Convolution(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Convolution(n_in, 192, 1)
        self.branch7x7x3_2 = Convolution(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = Convolution(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = Convolution(192, 192, 3, stride=2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, 512 + n_in, H', W')."""
        seven_BCHW = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x_BCHW)))
        branches = (self.branch3x3_2(self.branch3x3_1(x_BCHW)), self.branch7x7x3_4(seven_BCHW), _halved(x_BCHW))
        return torch.cat(branches, dim=1)


class BlockE(nn.Module):
    """8 px: 3x3 convolutions that end in a row and a column in parallel; n_in -> 2048 channels."""

    def __init__(self, n_in: int, *, pools_maximum: bool) -> None:
        super().__init__()
        self.pools_maximum = pools_maximum
        self.branch1x1 = Convolution(n_in, 320, 1)
        self.branch3x3_1 = Convolution(n_in, 384, 1)
        self.branch3x3_2a = Convolution(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = Convolution(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = Convolution(n_in, 448, 1)
        self.branch3x3dbl_2 = Convolution(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = Convolution(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = Convolution(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = Convolution(n_in, 192, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, 2048, H, W)."""
        once_BCHW = self.branch3x3_1(x_BCHW)
        twice_BCHW = self.branch3x3dbl_2(self.branch3x3dbl_1(x_BCHW))
        pool = _maximum_of_neighbours if self.pools_maximum else _mean_of_neighbours
        branches = (
            self.branch1x1(x_BCHW),
            self.branch3x3_2a(once_BCHW),
            self.branch3x3_2b(once_BCHW),
            self.branch3x3dbl_3a(twice_BCHW),
            self.branch3x3dbl_3b(twice_BCHW),
            self.branch_pool(pool(x_BCHW)),
        )
        return torch.cat(branches, dim=1)


class Inception(nn.Module):
    """Pictures to the last average pool ("pool3"), 2048 numbers >= 0."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Convolution(32, 32, 3)
        self.Conv2d_2b_3x3 = Convolution(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Convolution(64, 80, 1)
        self.Conv2d_4a_3x3 = Convolution(80, 192, 3)
        self.Mixed_5b = BlockA(192, n_pool=32)
        self.Mixed_5c = BlockA(256, n_pool=64)
        self.Mixed_5d = BlockA(288, n_pool=64)
        self.Mixed_6a = BlockB(288)
        self.Mixed_6b = BlockC(768, n_inner=128)
        self.Mixed_6c = BlockC(768, n_inner=160)
        self.Mixed_6d = BlockC(768, n_inner=160)
        self.Mixed_6e = BlockC(768, n_inner=192)
        self.Mixed_7a = BlockD(768)
        self.Mixed_7b = BlockE(1280, pools_maximum=False)
        self.Mixed_7c = BlockE(2048, pools_maximum=True)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """(B, 3, H, W), RGB in [-1, 1], 299 px or any size from 75 -> (B, 2048)."""
        x_BCHW = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images_BCHW)))
        x_BCHW = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(_halved(x_BCHW)))
        x_BCHW = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(_halved(x_BCHW))))
        x_BCHW = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x_BCHW)))
        x_BCHW = self.Mixed_6e(self.Mixed_6d(x_BCHW))
        x_BCHW = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x_BCHW)))
        features_BD: Tensor = x_BCHW.mean(dim=(2, 3))
        return features_BD


def _halved(x_BCHW: Tensor) -> Tensor:
    return functional.max_pool2d(x_BCHW, 3, stride=2)


def _mean_of_neighbours(x_BCHW: Tensor) -> Tensor:
    return functional.avg_pool2d(x_BCHW, 3, stride=1, padding=1, count_include_pad=False)


def _maximum_of_neighbours(x_BCHW: Tensor) -> Tensor:
    return functional.max_pool2d(x_BCHW, 3, stride=1, padding=1)
