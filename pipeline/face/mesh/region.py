"""The square of a picture in which a face mesh is fitted: turned so that the eyes are level, half as large again."""

from dataclasses import dataclass
from math import atan2, cos, hypot, sin
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, ImageRGB, Landmarks, Similarity
from pipeline.face.measures.boxes import Box

# MediaPipe enlarges the upright box around its points, or its detector's, by this (face_landmark_front_cpu.pbtxt,
# RectTransformationCalculator); the longer side counts.
SCALE = 1.5
# The outer corners of the eyes, of the mesh's points, between which MediaPipe takes the face's tilt.
_LEFT_CORNER, _RIGHT_CORNER = 33, 263
# The mesh's upright box, by the distance of the eye centres, and by the box of dlib's detector: its side, and how far
# its centre is below the middle of the eyes, or of that box. Medians over 178 faces of 45 real clips.
_SIDE_OF_EYES, _BELOW_EYES = 2.79, 0.50
_SIDE_OF_BOX, _ABOVE_BOX = 1.11, 0.03


@dataclass(frozen=True, slots=True)
class Region:
    """A square of a picture, by its centre in pixels (pixel centres have whole numbers), its side and its tilt."""

    x: float
    y: float
    side: float
    tilt_rad: float  # clockwise in the picture

    @classmethod
    def of_mesh(cls, points: NDArray[np.floating]) -> Self:
        """Return the region of a face by its mesh, (478, 2) or (478, 3) pixels, as MediaPipe follows a face."""
        (left, top), (right, bottom) = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        across = points[_RIGHT_CORNER, :2] - points[_LEFT_CORNER, :2]
        side = SCALE * float(max(right - left, bottom - top))
        return cls(float(left + right) / 2, float(top + bottom) / 2, side, atan2(float(across[1]), float(across[0])))

    @classmethod
    def of_eyes(cls, left: Landmarks, right: Landmarks) -> Self:
        """Return the region of a frontal face by the centres of its image-left and image-right eye, (2,) pixels."""
        apart = hypot(float(right[0] - left[0]), float(right[1] - left[1]))
        tilt = atan2(float(right[1] - left[1]), float(right[0] - left[0]))
        down = _BELOW_EYES * apart
        x, y = (float(left[0] + right[0]) / 2 - down * sin(tilt), float(left[1] + right[1]) / 2 + down * cos(tilt))
        return cls(x, y, SCALE * _SIDE_OF_EYES * apart, tilt)

    @classmethod
    def of_box(cls, box: Box, tilt_rad: float = 0.0) -> Self:
        """Return the region of a face by its box, as dlib's detector places it; upright unless the tilt is known."""
        side = _SIDE_OF_BOX * max(box.w, box.h)
        return cls(box.x + (box.w - 1) / 2, box.y + (box.h - 1) / 2 - _ABOVE_BOX * side, SCALE * side, tilt_rad)

    def to_picture(self, size_px: int) -> Similarity:
        """Return the (2, 3) similarity from the pixels of the region, ``size_px`` wide and high, to the picture's."""
        scale = self.side / size_px
        a, b = scale * cos(self.tilt_rad), scale * sin(self.tilt_rad)
        middle = (size_px - 1) / 2
        return np.array([[a, -b, self.x - (a - b) * middle], [b, a, self.y - (a + b) * middle]])

    def cut(self, picture: ImageRGB | ImageGrey, size_px: int) -> NDArray[np.uint8]:
        """Return the region of ``picture``, (H, W) or (H, W, 3) uint8, at ``size_px``; beyond it, its edge goes on.

        A face much larger than ``size_px`` is averaged before it is sampled, as sampling alone would alias.
        """
        import cv2

        reach = self.side * (abs(cos(self.tilt_rad)) + abs(sin(self.tilt_rad))) / 2 + 2
        height, width = picture.shape[:2]
        left, top = (int(np.clip(at - reach, 0, end - 1)) for at, end in ((self.x, width), (self.y, height)))
        right, bottom = (int(np.clip(at + reach, 0, end - 1)) + 1 for at, end in ((self.x, width), (self.y, height)))
        part = picture[top:bottom, left:right]
        times = max(1, min(int(self.side / size_px), right - left, bottom - top))
        if times > 1:
            columns, rows = (right - left) // times, (bottom - top) // times
            part = part[: rows * times, : columns * times]
            part = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
        middle = (times - 1) / 2  # of the pixels that became one
        back = self.to_picture(size_px)
        back[:, 2] -= (left + middle, top + middle)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        border = cv2.BORDER_REPLICATE
        return np.asarray(
            cv2.warpAffine(part, back / times, (size_px, size_px), flags=flags, borderMode=border), np.uint8
        )
