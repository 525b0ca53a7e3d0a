"""Where to look for faces, and at what scale: the detector's cost is the number of pixels it is given."""

import numpy as np

from pipeline.arrays import ImageGrey
from pipeline.face.detector import Box, Detection, FaceBackend, FrameAware

# A face that was h px high is looked for from this share of h on, so that it may shrink between two looks. When it is
# not seen, a second look is finer: a detector sees a face at the edge of what it can at some sizes, not at others.
_SHRINK_MARGIN = 0.87
_SECOND_MARGIN = 0.65
# Others are looked for from this share of the smallest known face on.
_OTHERS_SHARE = 0.8
# How far around a known face it is looked for, in its heights, on each side.
_NEAR_MARGIN = 0.3


def find_faces(backend: FaceBackend, grey: ImageGrey, min_face_px: float, min_score: float) -> list[Detection]:
    """Return the faces of ``grey`` that are at least ``min_face_px`` high, boxes in pixels of ``grey``."""
    import cv2

    scale = backend.min_face_px / min_face_px
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    shrunk = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    found = backend.detect(np.ascontiguousarray(shrunk))
    return [Detection(one.box.scaled(1 / scale), one.score) for one in found if one.score >= min_score]


def find_near(
    backend: FaceBackend, grey: ImageGrey, known: Box, min_face_px: float, min_score: float
) -> list[Detection]:
    """Return the faces around ``known``: as :func:`find_faces`, at a fraction of its cost."""
    height, width = grey.shape
    margin = _NEAR_MARGIN * max(known.w, known.h)
    left, top = max(0, round(known.x - margin)), max(0, round(known.y - margin))
    right, bottom = min(width, round(known.x + known.w + margin)), min(height, round(known.y + known.h + margin))
    if right <= left or bottom <= top:
        return []
    found = find_faces(backend, grey[top:bottom, left:right], min_face_px, min_score)
    return [Detection(one.box.moved(left, top), one.score) for one in found]


class FaceSearch:
    """Looks coarse to fine: large faces first, on a small picture; small ones only when no large one is there."""

    def __init__(
        self, backend: FaceBackend, levels_px: tuple[float, ...], min_score: float, full_every_s: float
    ) -> None:
        self._backend = backend
        self._levels_px = sorted(levels_px, reverse=True)
        self._min_score = min_score
        self._full_every_s = full_every_s
        self._always_whole = isinstance(backend, FrameAware)
        self._last_full_s = -np.inf

    def look(self, grey: ImageGrey, time_s: float, known: list[Box]) -> list[Detection]:
        """Return the faces of one frame, given the boxes in which known ones are expected.

        Known faces are looked for where they are; every ``full_every_s`` the whole picture is searched for others
        of their size. While there are none, it is searched from large faces to small ones until some are found, the
        finest level, the costliest, only every ``full_every_s``.
        """
        full = time_s - self._last_full_s >= self._full_every_s
        if full:
            self._last_full_s = time_s
        if known:
            return self._look_for(known, grey, everywhere=full or self._always_whole)
        coarser = self._levels_px[:-1]
        for level_px in self._levels_px if full else coarser:
            if found := find_faces(self._backend, grey, level_px, self._min_score):
                # where there is one, there may be others that are smaller
                smaller = (
                    find_faces(self._backend, grey, coarser[-1], self._min_score) if level_px > coarser[-1] else []
                )
                return smaller if len(smaller) > len(found) else found
        return []

    def _look_for(self, known: list[Box], grey: ImageGrey, *, everywhere: bool) -> list[Detection]:
        if everywhere:
            smallest_px = max(min(box.h for box in known) * _OTHERS_SHARE, self._levels_px[-1])
            return find_faces(self._backend, grey, smallest_px, self._min_score)
        return [one for box in known for one in self._look_near(box, grey)]

    def _look_near(self, known: Box, grey: ImageGrey) -> list[Detection]:
        sizes_px = (max(known.h * share, self._levels_px[-1]) for share in (_SHRINK_MARGIN, _SECOND_MARGIN))
        looks = (find_near(self._backend, grey, known, px, self._min_score) for px in sizes_px)
        return next((found for found in looks if found), [])
