"""What every face backend offers: boxes on a grey picture, and the named points inside a box."""

from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

from pipeline.arrays import ImageGrey, Landmarks


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, origin top left; it may reach beyond the frame."""

    x: float
    y: float
    w: float
    h: float

    def scaled(self, factor: float) -> Self:
        """Return the same box in a picture ``factor`` times as large."""
        return type(self)(self.x * factor, self.y * factor, self.w * factor, self.h * factor)

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.w * self.h


@dataclass(frozen=True, slots=True)
class Detection:
    """A face the detector found, with its own score; higher is surer."""

    box: Box
    score: float


class FaceBackend(Protocol):
    """A detector and a landmark model; built once a worker."""

    min_face_px: int
    """Height of the smallest face that ``detect`` finds."""

    def detect(self, grey: ImageGrey) -> list[Detection]:
        """Return the faces at least ``min_face_px`` high, best first."""
        ...

    def landmarks(self, grey: ImageGrey, box: Box) -> Landmarks | None:
        """Return the 68 named points (pipeline/face/points.py) of the face in ``box``, pixels of ``grey``.

        None when no face is seen there; some models always give points.
        """
        ...

    def box_around(self, points: Landmarks) -> Box:
        """Return the box in which ``landmarks`` best finds the face with these points."""
        ...


@runtime_checkable
class FrameAware(Protocol):
    """A backend that answers from files, and so must be told which frame it is asked about."""

    def turn_to(self, clip_id: str, time_s: float, width_px: float) -> None:
        """Answer for this frame from now on; ``width_px`` is that of the full frame."""
        ...


def turn_to(backend: FaceBackend, clip_id: str, time_s: float, width_px: float) -> None:
    """Tell ``backend`` which frame comes, if it wants to know."""
    if isinstance(backend, FrameAware):
        backend.turn_to(clip_id, time_s, width_px)


def iou(a: Box, b: Box) -> float:
    """Return intersection over union of two boxes, 0-1."""
    w = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    h = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    shared = max(0.0, w) * max(0.0, h)
    return shared / (a.area + b.area - shared)
