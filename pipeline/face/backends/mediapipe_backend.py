"""MediaPipe's Face Landmarker: 478 points of a face mesh, 68 of which stand for the named ones.

Needs the optional package mediapipe. Both networks are in one weights file: BlazeFace (short range, Bazarevsky et al.
2019) and the face mesh with attention (Grishchenko et al. 2020). Every picture is processed by itself, so that results
do not depend on earlier ones. Grey is enough: colour moves the points by about 1 % of the interocular distance.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.base.arrays import ImageGrey, Landmarks
from pipeline.core.base.errors import BadInput, ToolMissing
from pipeline.face.backends.dlib_backend import DlibBackend
from pipeline.face.backends.interface import Detection, FrameReference
from pipeline.face.backends.tiles import is_cut, tiles, without_duplicates
from pipeline.face.measures.boxes import Box
from pipeline.face.mesh.mesh_measures import MESH_POINTS

_DETECTOR_FILE = "face_detector.tflite"
# On 373 frames in tiles, 0.5 finds 78 faces that YuNet does not, of which the mesh confirms 17, and 0.7 finds 8, of
# which it confirms 3; 0.7 loses 2 % of the 387 that both find.
_MIN_CONFIDENCE = 0.7
# BlazeFace shrinks its input to 128 px. Of 205 faces it found 98 % at 0.2 of the picture's longer side, 83 % at
# 0.15, 20 % at 0.12. Its boxes are those of dlib's detector to within 4 % of their side.
_MIN_FACE_SHARE = 0.2
# The mesh is fitted to a square around the box, this many times as large; 1.5 and 2.5 do as well.
_CROP_SHARE = 2.0
# The networks' inputs have 128 and 256 px: a larger square is shrunk to this first.
_MAX_CROP_PX = 512


class MediapipeBackend:
    """Finds and fits faces up to profile, at about 2 ms a tile and 8 ms a face on one core."""

    margin = _CROP_SHARE / 2 - 0.5 + 0.1
    n_jitters = 1
    min_face_px = 40

    def __init__(self, weights: Path) -> None:
        self._vision = _vision()
        detector = _detector_bytes(weights)
        self._detector = self._create("FaceDetector", detector, min_detection_confidence=_MIN_CONFIDENCE)
        self._landmarker = self._create("FaceLandmarker", weights.read_bytes(), num_faces=1)

    def detect(self, grey: ImageGrey, frame: FrameReference | None = None) -> list[Detection]:
        """Return the faces at least about 40 px high, best first; scores 0.7-1."""
        height, width = grey.shape
        found = [
            one
            for tile in tiles(width, height, self.min_face_px / _MIN_FACE_SHARE)
            for one in self._detect_in(grey, tile)
        ]
        return without_duplicates(found)

    def landmarks(self, grey: ImageGrey, box: Box, frame: FrameReference | None = None) -> Landmarks | None:
        """Return the 68 points of the face whose centre lies in ``box``, None when there is none."""
        side = max(1, round(_CROP_SHARE * max(box.w, box.h)))
        left, top = round(box.x + (box.w - side) / 2), round(box.y + (box.h - side) / 2)
        faces = self._landmarker.detect(self._picture(_shrunk(_square(grey, left, top, side)))).face_landmarks
        if not faces:
            return None
        shares = np.array([(faces[0][index].x, faces[0][index].y) for index in MESH_POINTS])
        points = (shares * side + (left, top)).astype(np.float32)
        return points if _holds(box, points[17:].mean(axis=0)) else None

    def box_around(self, points: Landmarks) -> Box:
        """Return the box of a face with these points as dlib's detector would place it."""
        return DlibBackend().box_around(points)

    def _detect_in(self, grey: ImageGrey, tile: tuple[int, int, int, int]) -> Iterator[Detection]:
        """Yield the faces of one tile that lie within it; the edges of the picture itself may cut them."""
        left, top, right, bottom = tile
        height, width = grey.shape
        for one in self._detector.detect(self._picture(grey[top:bottom, left:right])).detections:
            found = one.bounding_box
            box = Box(left + found.origin_x, top + found.origin_y, found.width, found.height)
            if not is_cut(box, tile, width, height):
                yield Detection(box, float(one.categories[0].score))

    def _picture(self, grey: ImageGrey) -> Any:
        import mediapipe

        return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.repeat(grey[..., None], 3, axis=2))

    def _create(self, task: str, model: bytes, **options: Any) -> Any:
        from mediapipe.tasks.python import BaseOptions

        settings = getattr(self._vision, f"{task}Options")(
            base_options=BaseOptions(model_asset_buffer=model), running_mode=self._vision.RunningMode.IMAGE, **options
        )
        return getattr(self._vision, task).create_from_options(settings)


def _square(grey: ImageGrey, left: int, top: int, side: int) -> ImageGrey:
    """Return the square, black where it reaches beyond the picture."""
    square = np.zeros((side, side), np.uint8)
    inside = grey[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    y, x = max(0, -top), max(0, -left)
    square[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return square


def _shrunk(square: ImageGrey) -> ImageGrey:
    import cv2

    if square.shape[0] <= _MAX_CROP_PX:
        return square
    return np.asarray(cv2.resize(square, (_MAX_CROP_PX, _MAX_CROP_PX), interpolation=cv2.INTER_AREA), np.uint8)


def _holds(box: Box, point: Landmarks) -> bool:
    return bool(box.x <= point[0] <= box.x + box.w and box.y <= point[1] <= box.y + box.h)


def _detector_bytes(weights: Path) -> bytes:
    """Return the detector within the landmarker's file."""
    try:
        with zipfile.ZipFile(weights) as bundle:
            return bundle.read(_DETECTOR_FILE)
    except (zipfile.BadZipFile, KeyError):
        raise BadInput(f"{weights}: expected a Face Landmarker bundle that holds {_DETECTOR_FILE}") from None


def _vision() -> Any:
    try:
        from mediapipe.tasks.python import vision
    except ModuleNotFoundError:
        raise ToolMissing("The face backend 'mediapipe' needs the package mediapipe: run 'make mediapipe'.") from None
    return vision
