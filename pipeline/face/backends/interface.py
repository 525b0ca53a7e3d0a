"""The interface of the face backends: boxes on a grey picture, and the named points inside a box."""

from dataclasses import dataclass
from math import ceil, floor, isinf
from typing import Protocol

import numpy as np

from pipeline.core.base.arrays import ImageGrey, Landmarks
from pipeline.face.measures.boxes import Box
from pipeline.video.decode import GreyFrame

_JITTER_SHARE = 1 / 20


@dataclass(frozen=True, slots=True)
class Detection:
    """A face the detector found, with its own score; higher is surer."""

    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class FrameReference:
    """Which frame a picture is, or is cut from; only backends that read faces from files need it."""

    clip_id: str
    time_s: float  # since the first picture of the media
    width_px: float  # of the full frame


def reference_to(frame: GreyFrame, clip_id: str | None) -> FrameReference | None:
    """Return the reference to a frame of a clip; None for a picture of no clip."""
    return None if clip_id is None else FrameReference(clip_id, frame.time_s, frame.shape[1] * frame.scale)


class FaceBackend(Protocol):
    """A detector and a landmark model; built once a worker."""

    min_face_px: int
    """Height of the smallest face that ``detect`` finds."""

    margin: float
    """How far beyond a box ``landmarks`` reads pixels, in its larger side; infinite: it needs whole frames."""

    n_jitters: int
    """Number of slightly moved boxes over which the points of a cropped face are averaged; 1: no averaging."""

    def detect(self, grey: ImageGrey, frame: FrameReference | None = None) -> list[Detection]:
        """Return the faces at least ``min_face_px`` high, best first.

        ``grey`` (H, W): ``frame`` at any scale, or where the backend works on pixels alone, any picture.
        """
        ...

    def landmarks(self, grey: ImageGrey, box: Box, frame: FrameReference | None = None) -> Landmarks | None:
        """Return the 68 named points (pipeline/face/measures/points.py) of the face in ``box``, pixels of ``grey``.

        None when there is no face; some models always return points.
        """
        ...

    def box_around(self, points: Landmarks) -> Box:
        """Return the box in which ``landmarks`` best finds the face with these points."""
        ...


def around(frame: GreyFrame, box: Box, margin: float) -> tuple[ImageGrey, int, int]:
    """Return the part of a frame that holds ``box`` and ``margin`` of its larger side around it, and its left and top.

    It is cut at the frame's edges; of a box that lies farther outside, the part is empty.
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


def averaged_landmarks(
    backend: FaceBackend, grey: ImageGrey, box: Box, frame: FrameReference | None = None
) -> Landmarks | None:
    """Return the points of the face in ``box``, (68, 2) px of ``grey``, or None where there is no face.

    They are the mean over ``n_jitters`` boxes: ``box``, and others moved from it by a twentieth of its sides.
    """
    angles = 2 * np.pi * np.arange(backend.n_jitters - 1) / max(1, backend.n_jitters - 1)
    moves = [(0.0, 0.0), *zip(_JITTER_SHARE * np.cos(angles), _JITTER_SHARE * np.sin(angles), strict=True)]
    fits = [backend.landmarks(grey, box.moved(float(x) * box.w, float(y) * box.h), frame) for x, y in moves]
    found = [points for points in fits if points is not None]
    return np.mean(found, axis=0, dtype=np.float32) if found else None
