"""What every face backend offers: boxes on a grey picture, and the named points inside a box."""

from dataclasses import dataclass
from math import ceil, floor, isinf
from typing import Protocol, runtime_checkable

import numpy as np

from pipeline.base.arrays import ImageGrey, Landmarks
from pipeline.face.measures.boxes import Box
from pipeline.video.decode import GreyFrame

_MOVE_SHARE = 1 / 20


@dataclass(frozen=True, slots=True)
class Detection:
    """A face the detector found, with its own score; higher is surer."""

    box: Box
    score: float


class FaceBackend(Protocol):
    """A detector and a landmark model; built once a worker."""

    min_face_px: int
    """Height of the smallest face that ``detect`` finds."""

    margin: float
    """How far beyond a box ``landmarks`` looks, in its larger side; infinite: it must be given whole pictures."""

    n_looks: int
    """In how many boxes, moved a little, a cropped face is looked at: points that jump with the box are averaged."""

    def detect(self, grey: ImageGrey) -> list[Detection]:
        """Return the faces at least ``min_face_px`` high, best first."""
        ...

    def landmarks(self, grey: ImageGrey, box: Box) -> Landmarks | None:
        """Return the 68 named points (pipeline/face/measures/points.py) of the face in ``box``, pixels of ``grey``.

        None when no face is seen there; some models always give points.
        """
        ...

    def box_around(self, points: Landmarks) -> Box:
        """Return the box in which ``landmarks`` best finds the face with these points."""
        ...


def around(frame: GreyFrame, box: Box, margin: float) -> tuple[ImageGrey, int, int]:
    """Return the part of a frame that holds ``box`` and ``margin`` of its larger side around it, and its left and top.

    It is cut at the frame's edges; nothing is left of a box that lies farther outside.
    """
    height, width = frame.shape
    if isinf(margin):
        return frame.grey, 0, 0
    reach = margin * max(box.w, box.h)
    left, top = max(0, floor(box.x - reach)), max(0, floor(box.y - reach))
    right, bottom = (
        max(left, min(width, ceil(box.x + box.w + reach))),
        max(top, min(height, ceil(box.y + box.h + reach))),
    )
    return frame.part(left, top, right, bottom), left, top


def steady_landmarks(backend: FaceBackend, grey: ImageGrey, box: Box) -> Landmarks | None:
    """Return the points of the face in ``box``, the mean over ``n_looks`` boxes moved by a twentieth of a side."""
    angles = 2 * np.pi * np.arange(backend.n_looks - 1) / max(1, backend.n_looks - 1)
    moves = [(0.0, 0.0), *zip(_MOVE_SHARE * np.cos(angles), _MOVE_SHARE * np.sin(angles), strict=True)]
    seen = [backend.landmarks(grey, box.moved(float(x) * box.w, float(y) * box.h)) for x, y in moves]
    found = [points for points in seen if points is not None]
    return np.mean(found, axis=0, dtype=np.float32) if found else None


@runtime_checkable
class FrameAware(Protocol):
    """A backend that answers from files, and so must be told which frame it is asked about."""

    def turn_to(self, clip_id: str, time_s: float, width_px: float) -> None:
        """Answer for this frame from now on; ``width_px`` is that of the full frame."""
        ...
