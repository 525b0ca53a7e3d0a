"""Distances between the landmarks of an inpainted face and of the true one.

The paper writes "dlib landmark distance" without a definition; of the three distances here the mean square has the
size of the paper's 5.4 to 8.7. Both faces are detected anew, with the same detector. The points are found in three
ways: steady ones, averaged over moved boxes, which under noise of 3 grey levels move by a quarter of a pixel; and plain
ones, in whole pixels, as dlib's examples find them, of the picture as it is and of one of twice the size.
"""

from typing import NamedTuple

import cv2
import numpy as np

from pipeline.core.base.arrays import ImageRGB, Landmarks
from pipeline.face.backends.dlib_backend import DlibBackend
from pipeline.face.backends.interface import averaged_landmarks
from pipeline.face.measures.points import interocular_px


class LandmarkDistances(NamedTuple):
    """Distances of two faces' 68 points."""

    mean_px: float
    """Mean distance of a point, pixels."""
    nme: float
    """``mean_px`` over the true face's interocular distance."""
    mean_square: float
    """Mean square distance of a point, square pixels."""


class FoundLandmarks(NamedTuple):
    """The landmarks (68, 2), pixels, of the face with the highest score; None where none is detected."""

    steady: Landmarks | None
    plain: Landmarks | None
    doubled: Landmarks | None
    """Plain ones of the face that is detected in a picture of twice the size; None also where this is not asked for."""


NO_LANDMARKS = FoundLandmarks(None, None, None)


class LandmarkDetector:
    """Detects the face in an aligned crop and its 68 landmarks; the models are read once.

    ``doubles``: whether it is also detected in a picture of twice the size, which costs four times as much.
    """

    def __init__(self, *, doubles: bool = False) -> None:
        self._backend, self._doubles = DlibBackend(), doubles

    def detect(self, face: ImageRGB) -> FoundLandmarks:
        """Return the landmarks of a face (256, 256, 3)."""
        grey = np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), np.uint8)
        backend = self._backend
        faces, doubled = backend.detect(grey), backend.detect_doubled(grey) if self._doubles else []
        return FoundLandmarks(
            steady=averaged_landmarks(backend, grey, faces[0].box) if faces else None,
            plain=backend.plain_landmarks(grey, faces[0].box) if faces else None,
            doubled=backend.plain_landmarks(grey, doubled[0].box) if doubled else None,
        )


def landmark_distances(inpainted: Landmarks, true: Landmarks) -> LandmarkDistances:
    """Return the distances between (P, 2) points."""
    square_P = np.square(inpainted.astype(np.float64) - true).sum(axis=1)
    mean_px = float(np.sqrt(square_P).mean())
    return LandmarkDistances(mean_px, mean_px / float(interocular_px(true)), float(square_P.mean()))
