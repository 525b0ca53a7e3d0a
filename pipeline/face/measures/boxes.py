"""Boxes around faces, and how far two of them overlap."""

from dataclasses import dataclass
from typing import Self


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

    def moved(self, right_px: float, down_px: float) -> Self:
        """Return the same box further right and down."""
        return type(self)(self.x + right_px, self.y + down_px, self.w, self.h)

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.w * self.h


def iou(a: Box, b: Box) -> float:
    """Return intersection over union of two boxes, 0-1."""
    w = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    h = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    shared = max(0.0, w) * max(0.0, h)
    return shared / (a.area + b.area - shared)
