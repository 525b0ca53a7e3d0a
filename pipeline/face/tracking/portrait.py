"""Find the face of a still picture."""

import numpy as np

from pipeline.core.base.arrays import ImageRGB, Landmarks
from pipeline.face.backends.interface import FaceBackend, averaged_landmarks
from pipeline.face.tracking.search import FaceSearch
from pipeline.face.tracking.settings import DetectParams
from pipeline.video.decode import GreyFrame


def find_portrait(picture: ImageRGB, backend: FaceBackend, params: DetectParams) -> Landmarks | None:
    """Return the 68 points, (68, 2) px of ``picture``, of its largest face; None when none is found.

    It is searched as a frame of a video is: shrunk to at most ``params.max_side_px``, large faces first. The points
    are fitted at full size.
    """
    import cv2

    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    scale = max(1.0, max(grey.shape) / params.max_side_px)
    size = round(grey.shape[1] / scale), round(grey.shape[0] / scale)
    shrunk = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
    found = FaceSearch(backend, params).find(GreyFrame(index=0, time_s=0.0, luma=shrunk, scale=scale), known=[])
    if not found:
        return None
    largest = max(found, key=lambda one: one.box.area)
    return averaged_landmarks(backend, np.ascontiguousarray(grey), largest.box.scaled(scale))
