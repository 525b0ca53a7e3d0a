"""YuNet's boxes and FAN's 68 points (Bulat and Tzimiropoulos 2017), the network of the package face_alignment.

Runs on a GPU when there is one: on one core a face takes about a second. Only the network's class comes from the
package. Its weights are read here without running code, never downloaded by the package, and its heatmaps are read
here because the package rounds points to whole pixels, too coarse for lips in shrunk frames.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, Landmarks
from pipeline.core.base.device import read_device
from pipeline.core.base.errors import BadInput, ToolMissing
from pipeline.face.backends.dlib_backend import DlibBackend
from pipeline.face.backends.interface import Detection, FrameReference
from pipeline.face.backends.yunet_backend import YunetDetector
from pipeline.face.measures.boxes import Box

N_STACKS = 4
CROP_PX = 256
HEATMAP_PX = 64
# FAN's input, in sides of the box: the square that the package cuts around a YuNet box (1.21 times the sum of its
# sides, raised by 0.12 of its height), expressed in the box that YunetDetector makes of it; medians over 340 faces.
_CROP_SHARE = 2.61
_RAISED_SHARE = 0.22
# Each of the 68 points on the mirrored face.
_MIRRORED = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65),
)


class FaceAlignmentBackend:
    """YuNet finds the faces, FAN fits them; points are read from the mean heatmaps of the face and its mirror image."""

    margin = _CROP_SHARE / 2 - 0.5 + _RAISED_SHARE + 0.1
    n_jitters = 1
    min_face_px = YunetDetector.min_face_px

    def __init__(self, yunet: Path, fan: Path) -> None:
        self._detector = YunetDetector(yunet)
        self._device = read_device()
        self._network = load_fan(fan).to(self._device)

    def detect(self, grey: ImageGrey, frame: FrameReference | None = None) -> list[Detection]:
        """Return the faces, best first."""
        return self._detector.detect(grey)

    def landmarks(self, grey: ImageGrey, box: Box, frame: FrameReference | None = None) -> Landmarks:
        """Return the 68 points of the face in ``box``."""
        side = _CROP_SHARE * max(box.w, box.h)
        left = box.x + (box.w - side) / 2
        top = box.y + (box.h - side) / 2 - _RAISED_SHARE * max(box.w, box.h)
        shares = peaks(self._heatmaps(_cut(grey, left, top, side)))
        return (shares * side + (left, top) - 0.5).astype(np.float32)  # pixel centres have whole numbers

    def box_around(self, points: Landmarks) -> Box:
        """Return the box of a face with these points as dlib's detector would place it."""
        return DlibBackend().box_around(points)

    def _heatmaps(self, face: ImageGrey) -> NDArray[np.float32]:
        """Return (68, 64, 64) for one square of 256 px."""
        import torch

        from pipeline.core.base.torch_threads import single_thread

        both = np.stack([face, face[:, ::-1]]).astype(np.float32) / 255
        pictures = torch.from_numpy(both)[:, None].expand(-1, 3, -1, -1).to(self._device)
        with single_thread(), torch.inference_mode():
            straight, mirrored = self._network(pictures)[-1].cpu().numpy()
        mean: NDArray[np.float32] = (straight + mirrored[list(_MIRRORED), :, ::-1]) / 2
        return mean


def load_fan(path: Path) -> Any:
    """Return the network of four stacks with the weights of ``path``, for evaluation.

    Raises UntrustedWeights when the file would run code, BadInput when it holds other tensors, ToolMissing without
    the package.
    """
    from pipeline.weights.state_dict import read_state_dict

    try:
        from face_alignment.models import FAN
    except ModuleNotFoundError:
        raise ToolMissing(
            "The face backend 'face_alignment' needs the package face-alignment ('make install')."
        ) from None
    network = FAN(N_STACKS)
    try:
        network.load_state_dict(read_state_dict(path))
    except RuntimeError as error:
        raise BadInput(f"{path}: expected the weights of 2DFAN-4: {str(error).splitlines()[-1].strip()}") from None
    return network.eval()


def peaks(heatmaps: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (P, 2) shares of the square, 0-1: each highest pixel's centre, moved a quarter to its higher neighbours.

    As in FAN's published code.
    """
    n_points, height, width = heatmaps.shape
    y, x = np.divmod(heatmaps.reshape(n_points, -1).argmax(axis=1), width)
    padded = np.pad(heatmaps, ((0, 0), (1, 1), (1, 1)), mode="edge")
    each = np.arange(n_points)
    slope_x = padded[each, y + 1, x + 2] - padded[each, y + 1, x]
    slope_y = padded[each, y + 2, x + 1] - padded[each, y, x + 1]
    inside = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
    quarter = 0.25 * inside[:, None] * np.sign(np.stack([slope_x, slope_y], axis=1))
    shares: NDArray[np.float64] = (np.stack([x, y], axis=1) + 0.5 + quarter) / (width, height)
    return shares


def _cut(grey: ImageGrey, left: float, top: float, side: float) -> ImageGrey:
    """Return the square at 256x256, black beyond the picture; ``left`` and ``top`` count from a pixel's edge."""
    import cv2

    scale = side / CROP_PX
    centre = 0.5 * scale - 0.5
    back = np.array([[scale, 0, left + centre], [0, scale, top + centre]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(grey, back, (CROP_PX, CROP_PX), flags=flags), np.uint8)
