"""Search frames for faces, at few places and scales: the detector's cost is the number of pixels it is given."""

from math import ceil, floor, isinf
from typing import NamedTuple

import numpy as np

from pipeline.core.base.arrays import ImageGrey
from pipeline.face.backends.interface import Detection, FaceBackend, FrameReference, around, reference_to
from pipeline.face.measures.boxes import Box
from pipeline.face.tracking.settings import DetectParams
from pipeline.video.decode import GreyFrame

# Fixed, as they follow from how detectors work and how far a face moves between two searches, not from the footage.
# A face that was h px high is searched from this share of h on, so that it may shrink between two searches. When it is
# not found, a second search is finer: near its limits a detector finds a face at some sizes and not at others.
_SHRINK_MARGIN = 0.87
_SECOND_MARGIN = 0.65
# Others are searched from this share of the smallest known face on.
_OTHERS_SHARE = 0.8
# How far around a known face it is searched, in its heights, on each side.
_NEAR_MARGIN = 0.2
# A face that comes into view changes the cells of its place, of which there are this many a side. Movements of known
# faces change fewer.
_CELLS_PER_FACE = 4
_SAMPLES_PER_CELL = 6  # a side
_HEAD_MARGIN = 0.25  # of a known face's box: hair and chin


def find_faces(
    backend: FaceBackend, grey: ImageGrey, min_face_px: float, min_score: float, frame: FrameReference | None = None
) -> list[Detection]:
    """Return the faces of ``grey`` that are at least ``min_face_px`` high, boxes in pixels of ``grey``."""
    import cv2

    scale = backend.min_face_px / min_face_px
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    shrunk = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    found = backend.detect(np.ascontiguousarray(shrunk), frame)
    return [Detection(one.box.scaled(1 / scale), one.score) for one in found if one.score >= min_score]


def find_near(
    backend: FaceBackend, frame: GreyFrame, known: Box, min_face_px: float, min_score: float
) -> list[Detection]:
    """Return the faces around ``known``: as :func:`find_faces`, at a fraction of its cost."""
    grey, left, top = around(frame, known, _NEAR_MARGIN)
    found = find_faces(backend, grey, min_face_px, min_score) if grey.size else []
    return [Detection(one.box.moved(left, top), one.score) for one in found]


class Cells(NamedTuple):
    """A frame in cells, four to a face of this height; each is the mean of a few pixels."""

    face_px: float
    grey: ImageGrey  # (rows, columns)


def cells_of(frame: GreyFrame, face_px: float) -> Cells:
    """Return ``frame`` in cells."""
    import cv2

    height, width = frame.shape
    cell_px = face_px / _CELLS_PER_FACE
    size = max(1, round(width / cell_px)), max(1, round(height / cell_px))
    sampled = frame.sampled(max(1, int(cell_px / _SAMPLES_PER_CELL)))
    return Cells(face_px, np.asarray(cv2.resize(sampled, size, interpolation=cv2.INTER_AREA)))


def has_room_for_a_face(before: Cells, now: Cells, known: list[Box], params: DetectParams) -> bool:
    """Return whether enough cells have changed in one place for a face; those of ``known`` heads don't count."""
    import cv2

    changed = (cv2.absdiff(before.grey, now.grey) >= params.min_changed_grey).astype(np.float32)
    for face in known:
        box, margin = face.scaled(_CELLS_PER_FACE / now.face_px), _HEAD_MARGIN * _CELLS_PER_FACE * face.h / now.face_px
        top, left = max(0, floor(box.y - margin)), max(0, floor(box.x - margin))
        changed[top : max(0, ceil(box.y + box.h + margin)), left : max(0, ceil(box.x + box.w + margin))] = 0
    place = (_CELLS_PER_FACE, _CELLS_PER_FACE)
    changed_share = cv2.boxFilter(changed, -1, place, borderType=cv2.BORDER_CONSTANT)
    return bool(changed_share.max() >= params.min_changed_share)


class FaceSearch:
    """Searches coarse to fine: large faces first, on a small picture; small ones only where there is no large one."""

    def __init__(self, backend: FaceBackend, params: DetectParams, *, clip_id: str | None = None) -> None:
        """``clip_id``: the clip that the frames are of, for backends that read faces from files."""
        self._backend = backend
        self._params = params
        self._clip_id = clip_id
        self._levels_px = sorted(params.search_face_px, reverse=True)
        self._always_whole = isinf(backend.margin)
        self._last_full_s = -np.inf
        self._searched: Cells | None = None  # the frame of the last full search among known faces

    def find(self, frame: GreyFrame, known: list[Box]) -> list[Detection]:
        """Return the faces of one frame, given the boxes in which known ones are expected.

        Known faces are searched where they are. Every ``full_search_every_s`` the whole picture is searched for others
        of their size; while nothing that could be another has changed around them, only every ``max_unsearched_s``.
        Without known faces the picture is searched from large faces to small ones until some are found, the finest
        level, the costliest, only every ``full_search_every_s``.
        """
        if known:
            return self._find_known(known, frame)
        self._searched = None
        full = frame.time_s - self._last_full_s >= self._params.full_search_every_s
        if full:
            self._last_full_s = frame.time_s
        coarser = self._levels_px[:-1]
        for level_px in self._levels_px if full else coarser:
            if found := self._find(frame, level_px):
                # where there is one, there may be others that are smaller
                smaller = self._find(frame, coarser[-1]) if level_px > coarser[-1] else []
                return smaller if len(smaller) > len(found) else found
        return []

    def _find_known(self, known: list[Box], frame: GreyFrame) -> list[Detection]:
        smallest_px = max(min(box.h for box in known) * _OTHERS_SHARE, self._levels_px[-1])
        if not (self._always_whole or self._may_hold_others(known, frame, smallest_px)):
            return [one for box in known for one in self._find_near(box, frame)]
        self._last_full_s = frame.time_s
        return self._find(frame, smallest_px)

    def _find(self, frame: GreyFrame, face_px: float) -> list[Detection]:
        reference = reference_to(frame, self._clip_id)
        return find_faces(self._backend, frame.grey, face_px, self._params.min_score, reference)

    def _may_hold_others(self, known: list[Box], frame: GreyFrame, face_px: float) -> bool:
        """Return whether it is time to search everywhere; if so, keep the frame to compare later ones with."""
        unsearched_s = frame.time_s - self._last_full_s
        if unsearched_s < self._params.full_search_every_s:
            return False
        searched = self._searched
        if searched and unsearched_s < self._params.max_unsearched_s:
            now = cells_of(frame, searched.face_px)
            if not has_room_for_a_face(searched, now, known, self._params):
                return False
        self._searched = cells_of(frame, face_px)
        return True

    def _find_near(self, known: Box, frame: GreyFrame) -> list[Detection]:
        sizes_px = (max(known.h * share, self._levels_px[-1]) for share in (_SHRINK_MARGIN, _SECOND_MARGIN))
        searches = (find_near(self._backend, frame, known, px, self._params.min_score) for px in sizes_px)
        return next((found for found in searches if found), [])
