"""How shut the eyes of a face look, and how parted its lips: what the points of its mesh alone do not tell.

Two logistic regressions on patches of the picture, cut around the eyes and the mouth by the mesh: histograms of
oriented gradients (Dalal and Triggs 2005, "Histograms of Oriented Gradients for Human Detection"), of the eyes also
their brightness, of the lips also the gap between them. Left and right are averaged, the one mirrored.

The weights (eyes_and_lips.npz) were fitted by ``python -m benchmarks.eyes_and_lips`` to labelled faces of real persons
and to drawn talkers; what they tell of persons who had no part in the fit is in docs/standard-faces.md.
"""

from functools import cache
from math import atan2, hypot
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageRGB
from pipeline.face.mesh.mesh_measures import MeshPoints, inner_lip_gap
from pipeline.face.mesh.region import Region

Features = NDArray[np.float64]

WEIGHTS_FILE = Path(__file__).with_suffix(".npz")

# A patch is cut so that its corners are as far apart as given, in a picture of this width and height, pixels.
_EYE_CORNERS_PX, _EYE_SIZE_PX = 32, (48, 32)
_MOUTH_CORNERS_PX, _MOUTH_SIZE_PX = 40, (56, 40)
# Corners of the mesh, the image's left one first, and the middle of the inner lips.
_LEFT_EYE, _RIGHT_EYE, _MOUTH, _INNER_LIPS = (33, 133), (362, 263), (61, 291), (13, 14)
_BRIGHTNESS_PX = (12, 8)  # width and height of the small picture of an eye
_LEAST_CONTRAST = 3.0  # added to the standard deviation of grey values: a flat patch stays flat
_CLEARLY_PARTED = 0.05  # up to this gap another weight is added: shut and parted lips differ by little


def eyes_shut(picture: ImageRGB, mesh: MeshPoints) -> float:
    """Return the log odds that the eyes of a face are half shut or shut: natural logarithm, above 0 likelier than not.

    ``picture``: (H, W, 3) uint8 RGB; ``mesh``: (478, 3), pixels of it.
    """
    return _log_odds("eyes", eye_features(picture, mesh))


def lips_parted(picture: ImageRGB, mesh: MeshPoints) -> float:
    """Return the log odds that the lips of a face are parted: natural logarithm, above 0 likelier than not.

    ``picture``: (H, W, 3) uint8 RGB; ``mesh``: (478, 3), pixels of it.
    """
    return _log_odds("lips", lip_features(picture, mesh))


def eye_features(picture: ImageRGB, mesh: MeshPoints) -> Features:
    """Return what ``eyes_shut`` weighs, (576,): gradients and brightness, the mean of both eyes."""
    left = _patch(picture, mesh, _LEFT_EYE, None, _EYE_CORNERS_PX, _EYE_SIZE_PX)
    right = _patch(picture, mesh, _RIGHT_EYE, None, _EYE_CORNERS_PX, _EYE_SIZE_PX)[:, ::-1]
    return np.asarray(np.mean([np.concatenate([_gradients(eye), _brightness(eye)]) for eye in (left, right)], axis=0))


def lip_features(picture: ImageRGB, mesh: MeshPoints) -> Features:
    """Return what ``lips_parted`` weighs, (770,): gradients, the mean of the mouth and its mirror image; the gap."""
    mouth = _patch(picture, mesh, _MOUTH, _INNER_LIPS, _MOUTH_CORNERS_PX, _MOUTH_SIZE_PX)
    gap = float(inner_lip_gap(mesh))
    gradients = np.mean([_gradients(mouth), _gradients(mouth[:, ::-1])], axis=0)
    return np.concatenate([gradients, (gap, min(max(gap, 0.0), _CLEARLY_PARTED))])


def _patch(
    picture: ImageRGB,
    mesh: MeshPoints,
    corners: tuple[int, int],
    middle: tuple[int, int] | None,
    corners_px: int,
    size_px: tuple[int, int],
) -> NDArray[np.uint8]:
    """Return a grey patch whose ``corners`` are level; its middle is that of ``middle``, or of the corners."""
    import cv2

    left, right = mesh[corners, :2].astype(np.float64)
    x, y = mesh[middle or corners, :2].astype(np.float64).mean(axis=0)
    width_px, height_px = size_px
    side = max(hypot(*(right - left)), 1.0) * width_px / corners_px
    square = Region(float(x), float(y), side, atan2(right[1] - left[1], right[0] - left[0])).cut(picture, width_px)
    top = (width_px - height_px) // 2
    return np.asarray(cv2.cvtColor(square[top : top + height_px], cv2.COLOR_RGB2GRAY), np.uint8)


def _gradients(patch: NDArray[np.uint8]) -> Features:
    from pipeline.face.mesh.gradients import gradient_histograms

    return gradient_histograms(np.ascontiguousarray(patch))


def _brightness(patch: NDArray[np.uint8]) -> Features:
    import cv2

    grey = patch.astype(np.float64)
    even = (grey - grey.mean()) / (grey.std() + _LEAST_CONTRAST)
    return np.asarray(cv2.resize(even, _BRIGHTNESS_PX), np.float64).ravel()


def _log_odds(of: str, features: Features) -> float:
    weights, constant = _weights()[of]
    return float(weights @ features + constant)


@cache
def _weights() -> dict[str, tuple[Features, float]]:
    """Return the weights of the features and the constant of each regression."""
    with np.load(WEIGHTS_FILE, allow_pickle=False) as found:
        return {of: (found[of][:-1].astype(np.float64), float(found[of][-1])) for of in ("eyes", "lips")}
