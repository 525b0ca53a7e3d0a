"""YuNet (Wu et al. 2023) through OpenCV: finds small faces and turned heads, which dlib's 68-point model then fits."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.base.arrays import ImageGrey
from pipeline.face.backends.dlib_backend import DlibBackend
from pipeline.face.backends.interface import Detection, FrameReference
from pipeline.face.measures.boxes import Box

_MIN_SCORE = 0.6
_MAX_OVERLAP = 0.3
# Side of the square that dlib's detector puts around a face, over the geometric mean of YuNet's two sides. Its centre
# is the mean of YuNet's five points (eyes, nose tip, mouth corners) to within 1 % of the side. Medians over 288 faces
# of 43 real clips that both found; the sides scatter by 9 %, as dlib's come in steps of 20 %.
_SIDE_SHARE = 0.94
_FIVE_POINTS = slice(4, 14)
_SCORE = 14


class YunetDetector:
    """Finds faces from about 20 px, up to full profile."""

    min_face_px = 20

    def __init__(self, weights: Path) -> None:
        import cv2

        logging = cv2.utils.logging
        before = logging.setLogLevel(logging.LOG_LEVEL_ERROR)  # it warns of a target that was not requested
        size = (320, 320)  # replaced by each picture's own
        self._detector: Any = cv2.FaceDetectorYN.create(str(weights), "", size, _MIN_SCORE, _MAX_OVERLAP)
        logging.setLogLevel(before)

    def detect(self, grey: ImageGrey) -> list[Detection]:
        """Return the faces, best first, in boxes as dlib's detector would place them; scores 0.6-1."""
        import cv2

        self._detector.setInputSize(grey.shape[::-1])
        _, faces = self._detector.detect(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))
        found = [] if faces is None else [Detection(_box(face), float(face[_SCORE])) for face in faces]
        return sorted(found, key=lambda one: -one.score)


class YunetDlibBackend(DlibBackend):
    """YuNet finds the faces, dlib's model fits them; beyond about 40 degrees of yaw, the points are unreliable."""

    min_face_px = YunetDetector.min_face_px

    def __init__(self, weights: Path) -> None:
        self._yunet = YunetDetector(weights)

    def detect(self, grey: ImageGrey, frame: FrameReference | None = None) -> list[Detection]:
        """Return the faces at least about 20 px high, best first."""
        return self._yunet.detect(grey)


def _box(face: Any) -> Box:
    centre_x, centre_y = np.asarray(face[_FIVE_POINTS], float).reshape(5, 2).mean(axis=0)
    side = _SIDE_SHARE * float(np.sqrt(max(0.0, float(face[2] * face[3]))))
    return Box(float(centre_x) - side / 2, float(centre_y) - side / 2, side, side)
