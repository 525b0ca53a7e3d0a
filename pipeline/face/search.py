"""Where to look for faces, and at what scale: the detector's cost is the number of pixels it is given."""

import numpy as np

from pipeline.arrays import ImageGrey
from pipeline.face.detector import Detection, FaceBackend

# A face that was h px high is looked for from this share of h on, so that it may shrink between two looks.
_SHRINK_MARGIN = 0.7


def find_faces(backend: FaceBackend, grey: ImageGrey, min_face_px: float, min_score: float) -> list[Detection]:
    """Return the faces of ``grey`` that are at least ``min_face_px`` high, boxes in pixels of ``grey``."""
    import cv2

    scale = backend.min_face_px / min_face_px
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    shrunk = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    found = backend.detect(np.ascontiguousarray(shrunk))
    return [Detection(one.box.scaled(1 / scale), one.score) for one in found if one.score >= min_score]


class FaceSearch:
    """Looks coarse to fine: large faces first, on a small picture; small ones only when no large one is there."""

    def __init__(
        self, backend: FaceBackend, levels_px: tuple[float, ...], min_score: float, full_every_s: float
    ) -> None:
        self._backend = backend
        self._levels_px = sorted(levels_px, reverse=True)
        self._min_score = min_score
        self._full_every_s = full_every_s
        self._last_full_s = -np.inf

    def look(self, grey: ImageGrey, time_s: float, known_heights_px: list[float]) -> list[Detection]:
        """Return the faces of one frame, given the heights of those known from the frames before.

        With known faces one look at their scale does. Now and then, and while there are none, all levels are tried;
        the finest level, the costliest, only then.
        """
        full = time_s - self._last_full_s >= self._full_every_s
        if full:
            self._last_full_s = time_s
        if known_heights_px and not full:
            finest = min(known_heights_px) * _SHRINK_MARGIN
            return find_faces(self._backend, grey, max(finest, self._levels_px[-1]), self._min_score)
        for level_px in self._levels_px if full else self._levels_px[:-1]:
            if found := find_faces(self._backend, grey, level_px, self._min_score):
                return found
        return []
