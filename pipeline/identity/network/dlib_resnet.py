"""dlib's face recognition network: a ResNet of 29 layers, 128 numbers of a face (King 2017, dlib_face_recognition)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pipeline.core.base.arrays import ImageRGB, Landmarks
from pipeline.core.base.device import Placement
from pipeline.core.base.images import in_rgb
from pipeline.face.crops.align import crop_aligned
from pipeline.identity.network.dlib_weights import BLOCK_HALVES, Convolution, DlibWeights, read_dlib_weights
from pipeline.identity.network.face_check import check_face
from pipeline.identity.network.five_points import five_points, landmarks_or_usual, similarity_on

INPUT_PX = 150
N_FEATURES = 128
PIXEL_RANGE = 256  # dlib divides by 256, not by 255
# Pictures in the network at once: as weights are read once, each takes 0.65 of the time that it takes of two, 0.92 of
# that of eight. With more than one, torch convolves by oneDNN, which gives a picture the same bits among any others;
# one alone, it does not.
_MOST_TOGETHER, _LEAST_TOGETHER = 24, 2
# Where dlib.get_face_chip, by which the network's training faces were aligned, brings eye centres, nose tip and mouth
# corners: medians over 178 faces of 45 real clips. Aligned on these, embeddings are 0.08 from those of dlib's own
# alignment (median; different people are 0.56 apart or more), and two frames of one clip as alike.
CHIP_POINTS = np.array([(47.28, 46.24), (99.69, 46.38), (73.95, 73.26), (51.81, 105.31), (94.82, 105.84)])

# The mean feature of 78 real persons, each of one to 13 clips and photos. All faces share it: without it any two have a
# cosine of 0.68 or more. Distances, by which the network was trained, stay as they are.
# fmt: off
MEAN_FEATURE = np.array((
    -0.10, 0.08, 0.06, -0.05, -0.09, -0.02, -0.03, -0.09, 0.15, -0.08, 0.20, -0.03, -0.24, -0.04, -0.02, 0.13, -0.15,
    -0.12, -0.09, -0.06, 0.04, 0.03, 0.02, 0.05, -0.13, -0.32, -0.08, -0.09, 0.03, -0.09, 0.00, 0.05, -0.17, -0.04,
    0.03, 0.08, -0.04, -0.07, 0.19, 0.02, -0.19, 0.00, 0.05, 0.26, 0.19, 0.02, 0.02, -0.08, 0.12, -0.26, 0.05, 0.15,
    0.10, 0.06, 0.08, -0.16, 0.03, 0.13, -0.19, 0.06, 0.06, -0.08, -0.03, -0.05, 0.19, 0.10, -0.11, -0.13, 0.16,
    -0.16, -0.05, 0.07, -0.11, -0.18, -0.27, 0.03, 0.39, 0.13, -0.17, 0.03, -0.07, -0.02, 0.05, 0.08, -0.07, -0.01,
    -0.09, 0.03, 0.20, -0.02, -0.01, 0.23, 0.01, 0.01, 0.04, 0.04, -0.10, -0.01, -0.12, -0.01, 0.03, -0.09, 0.00,
    0.09, -0.19, 0.16, -0.01, -0.02, -0.01, -0.01, -0.09, -0.01, 0.16, -0.25, 0.19, 0.18, 0.03, 0.13, 0.06, 0.06,
    0.00, -0.02, -0.16, -0.07, 0.05, -0.04, 0.03, 0.03,
), np.float32)
# fmt: on


class DlibResnet:
    """The network of ``weights`` (``find_weights("dlib_face_recognition")``), loaded at the first use in each process.

    Computed by torch: dlib's wheel takes 13 times as long, for the same features (within 1e-6).
    """

    def __init__(self, weights: Path, placement: Placement = Placement()) -> None:
        self.weights, self.placement = weights, placement

    def __reduce__(self) -> tuple[type["DlibResnet"], tuple[Path, Placement]]:
        return DlibResnet, (self.weights, self.placement)

    @cached_property
    def _network(self) -> "_Network":
        return _network_of(read_dlib_weights(self.weights), self.placement.device)

    def embed(
        self, faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks | None] | None = None
    ) -> NDArray[np.float32]:
        """Return (N, 128) features of N faces, less MEAN_FEATURE; see ``Recogniser``.

        Of one person two are less than about 0.5 apart. Raises BadInput for what is no such face, and
        UntrustedWeights for a file of other bytes than dlib's own.
        """
        for face in faces:
            check_face(face)
        all_points = landmarks_or_usual(faces, landmarks)
        chips = [chip_of(face, points) for face, points in zip(faces, all_points, strict=True)]
        with self.placement.inference():
            found = [self._network(chips[first:end]) for first, end in self._groups(len(chips))]
        return np.concatenate([np.empty((0, N_FEATURES), np.float32), *found]) - MEAN_FEATURE

    def _groups(self, n: int) -> list[tuple[int, int]]:
        """Return the first and the end of groups of ``n`` pictures, as equal as can be; on a GPU each alone."""
        n_groups = -(-n // _MOST_TOGETHER) if self.placement.device == "cpu" else n
        edges = [n * number // max(1, n_groups) for number in range(n_groups + 1)]
        return [*pairwise(edges)]


def chip_of(face: ImageRGB, points: Landmarks) -> ImageRGB:
    """Return the (150, 150, 3) input: ``face`` aligned on its five points."""
    similarity = similarity_on(five_points(points), CHIP_POINTS)
    red, green, blue = (face[..., channel] for channel in range(3))
    if np.array_equal(red, green) and np.array_equal(green, blue):  # as those of tracks: a third of the work
        return in_rgb(crop_aligned(np.ascontiguousarray(red), similarity, INPUT_PX))
    return np.ascontiguousarray(crop_aligned(face, similarity, INPUT_PX))


@dataclass(frozen=True, slots=True)
class _Convolution:
    weights: Tensor
    bias: Tensor
    stride: int
    padding: int

    def __call__(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weights, self.bias, self.stride, self.padding)


@dataclass(frozen=True, slots=True)
class _Network:
    mean_rgb: Tensor
    first: _Convolution
    blocks: tuple[tuple[_Convolution, _Convolution, bool], ...]
    projection: Tensor

    def __call__(self, chips: Sequence[ImageRGB]) -> NDArray[np.float32]:
        """Return the (N, 128) features of N (150, 150, 3) pictures, as dlib computes them."""
        filled_up = [*chips, *[chips[-1]] * (_LEAST_TOGETHER - len(chips))]
        pictures = torch.from_numpy(np.stack(filled_up)).to(self.projection.device)
        centred = (pictures - self.mean_rgb).div_(PIXEL_RANGE).permute(0, 3, 1, 2)  # channels stay last
        x = functional.max_pool2d(self.first(centred), 3, stride=2).relu_()
        for first, second, halves in self.blocks:
            change = second(first(x).relu_())
            x = _sum(change, functional.avg_pool2d(x, 2) if halves else x).relu_()
        means = x.mean((2, 3))[: len(chips)]
        found: NDArray[np.float32] = torch.stack([one @ self.projection for one in means]).cpu().numpy()
        return found  # one by one: the order of a product's sums depends on how many there are


def _sum(one: Tensor, other: Tensor) -> Tensor:
    """Add two, of which each has zeros where only the other has channels, rows or columns, as dlib's add_prev does.

    A shortcut has fewer channels than a convolution; where 8 or 4 rows are halved, it has a row and a column more. The
    sum may take the place of ``one``.
    """
    if one.shape == other.shape:
        return one.add_(other)
    shape = [max(sizes) for sizes in zip(one.shape, other.shape, strict=True)]
    return _padded(one, shape) + _padded(other, shape)


def _padded(x: Tensor, shape: Sequence[int]) -> Tensor:
    _, channels, rows, columns = (wanted - found for wanted, found in zip(shape, x.shape, strict=True))
    return functional.pad(x, (0, columns, 0, rows, 0, channels))


def _network_of(weights: DlibWeights, device: str) -> _Network:
    """Return the network on ``device``, with channels last in memory, with which it is 1.3 times as fast."""

    def on_device(array: NDArray[np.float32]) -> Tensor:
        return torch.tensor(array, device=device)  # a copy: torch's memory is aligned, on which last bits may depend

    def convolution(one: Convolution) -> _Convolution:
        channels_last = on_device(one.weights).contiguous(memory_format=torch.channels_last)
        return _Convolution(channels_last, on_device(one.bias), one.stride, one.padding)

    first, *others = [convolution(one) for one in weights.convolutions]
    blocks = tuple(zip(others[::2], others[1::2], BLOCK_HALVES, strict=True))
    return _Network(on_device(weights.mean_rgb), first, blocks, on_device(weights.projection))
