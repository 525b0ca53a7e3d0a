"""Refill with white what is behind the person in a picture of a face."""

from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageRGB
from pipeline.weights.tflite_network import TfliteNetwork

SELFIE_SEGMENTATION = "selfie_segmentation"
"""The weights of the network, by name."""

_INPUT_PX = 256
_OUTPUT = "activation_10"
WHITE = 255
# Shares up to the first are background, from the second on person; in between both are mixed: hair.
_BACKGROUND, _PERSON = 0.3, 0.7


class PersonSegmenter(Protocol):
    """What tells a person from what is behind."""

    def person_share(self, picture: ImageRGB) -> NDArray[np.float32]:
        """Return for each pixel of ``picture`` (H, W, 3) how surely it is a person's, (H, W) float32, 0-1."""
        ...


class SelfieSegmenter:
    """MediaPipe's selfie segmentation (256x256 RGB, 0 to 1), for one person near the camera."""

    def __init__(self, weights: Path) -> None:
        """``weights``: ``find_weights(SELFIE_SEGMENTATION)``. Raises BadInput for another file."""
        self._network = TfliteNetwork(weights.read_bytes(), (_OUTPUT,), str(weights))

    def person_share(self, picture: ImageRGB) -> NDArray[np.float32]:
        """Return for each pixel of ``picture`` (H, W, 3) how surely it is a person's, (H, W) float32, 0-1."""
        import cv2

        height, width, _ = picture.shape
        seen = picture
        if (height, width) != (_INPUT_PX, _INPUT_PX):
            seen = cast(ImageRGB, cv2.resize(picture, (_INPUT_PX, _INPUT_PX), interpolation=cv2.INTER_AREA))
        found = self._network.run(seen[None].astype(np.float32) / np.float32(WHITE), (_INPUT_PX * _INPUT_PX,))[0]
        share = found.reshape(_INPUT_PX, _INPUT_PX)
        return np.asarray(share if seen is picture else cv2.resize(share, (width, height)), np.float32)


def whiten(picture: ImageRGB, person_share: NDArray[np.float32]) -> ImageRGB:
    """Return ``picture`` (H, W, 3) with white where no person is, by their share of each pixel (H, W), 0-1.

    What seems background but is enclosed by the person, such as dark eyes, stays.
    """
    weight = np.clip((person_share - _BACKGROUND) / (_PERSON - _BACKGROUND), 0, 1)
    weight[_enclosed(weight < 1)] = 1
    mixed = picture * weight[..., None] + np.float32(WHITE) * (1 - weight[..., None])
    return np.asarray(np.rint(mixed), np.uint8)


def _enclosed(is_open: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which of the open pixels are not connected with the picture's edge."""
    import cv2

    _, labels = cv2.connectedComponents(is_open.astype(np.uint8), connectivity=4)
    at_edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return np.asarray(is_open & ~np.isin(labels, at_edge))
