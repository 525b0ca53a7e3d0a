"""VGG-Face (Parkhi et al. 2015): VGG-16 trained to classify 2622 celebrities."""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from model.evaluation.networks.face_network import EmbeddingNetwork, FaceNetwork, channels_first
from pipeline.core.base.arrays import ImageRGB, Landmarks
from pipeline.identity.network.resnet import INPUT_PX, view

CONVOLUTIONS_OF_BLOCK = (2, 2, 3, 3, 3)
LAST_PLACES = 7 * 7
FULLY_CONNECTED = 64  # times the width of the first convolution: 4096

MEAN_RGB = np.array([129.186279296875, 104.76238250732422, 93.59396362304688], np.float32)
"""Subtracted from pixels of range 0-255, as Albanie's port of the weights to PyTorch states it."""


class VggFace(EmbeddingNetwork):
    """VGG-16 up to the descriptor; state names are those of Albanie's port, ``conv1_1.weight`` to ``fc7.bias``."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        channels = [3, width, 2 * width, 4 * width, 8 * width, 8 * width]
        for block, (n_in, n_out) in enumerate(pairwise(channels), start=1):
            for number in range(1, 1 + CONVOLUTIONS_OF_BLOCK[block - 1]):
                self.add_module(f"conv{block}_{number}", nn.Conv2d(n_in if number == 1 else n_out, n_out, 3, padding=1))
        self.feature_size = FULLY_CONNECTED * width
        self.fc6 = nn.Linear(8 * width * LAST_PLACES, self.feature_size)
        self.fc7 = nn.Linear(self.feature_size, self.feature_size)

    def forward(self, faces_BCHW: Tensor) -> Tensor:
        """(B, 3, 224, 224) -> (B, 4096) >= 0: the classifier's input."""
        x_BCHW = faces_BCHW
        for block, n_convolutions in enumerate(CONVOLUTIONS_OF_BLOCK, start=1):
            for number in range(1, 1 + n_convolutions):
                x_BCHW = functional.relu(self.get_submodule(f"conv{block}_{number}")(x_BCHW))
            x_BCHW = functional.max_pool2d(x_BCHW, 2)
        x_BD = functional.relu(self.fc6(x_BCHW.flatten(1)))
        return functional.relu(self.fc7(x_BD))


def prepared_for_vggface(face: ImageRGB, points: Landmarks) -> NDArray[np.float32]:
    """Return (3, 224, 224), RGB minus the mean.

    The network was trained on detected faces, not on aligned ones; its input is the square of the aligned face that
    a detector would find, as for the face recognition network.
    """
    del points
    square = np.ascontiguousarray(face[view(len(face))])
    interpolation = cv2.INTER_AREA if len(square) > INPUT_PX else cv2.INTER_LINEAR
    return channels_first(cv2.resize(square, (INPUT_PX, INPUT_PX), interpolation=interpolation) - MEAN_RGB)


VGGFACE = FaceNetwork(
    build=VggFace,
    first="conv1_1.weight",
    classifier="fc8.",
    prepare=prepared_for_vggface,
    is_mirrored=False,
    paper_distance="euclidean",
)
