"""Pictures of inpainted faces in rows and columns, a few words above each column."""

from collections.abc import Sequence

import cv2
import numpy as np

from model.data.masks import Mask
from pipeline.base.arrays import ImageRGB

GAP_PX = 4
HEAD_PX = 20
PAPER = 255
INK = (40, 40, 40)
MASK = 128
"""The grey that the network sees in a mask: 0 of [-1, 1]."""


def draw_table(heads: Sequence[str], rows: Sequence[Sequence[ImageRGB | None]]) -> ImageRGB:
    """Return the pictures, all of one size (H, W, 3), in rows under ``heads``; None leaves a place empty."""
    height, width = next(picture.shape[:2] for row in rows for picture in row if picture is not None)
    size = HEAD_PX + len(rows) * (height + GAP_PX), len(heads) * (width + GAP_PX) - GAP_PX, 3
    table = np.full(size, PAPER, np.uint8)
    for column, head in enumerate(heads):
        left = column * (width + GAP_PX)
        # In a strip of its own, so that a long word is cut at the column's edge.
        strip = np.full((HEAD_PX, width, 3), PAPER, np.uint8)
        cv2.putText(strip, head, (2, HEAD_PX - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
        table[:HEAD_PX, left : left + width] = strip
        for number, row in enumerate(rows):
            top, picture = HEAD_PX + number * (height + GAP_PX), row[column]
            if picture is not None:
                table[top : top + height, left : left + width] = picture
    return table


def masked(face: ImageRGB, mask: Mask) -> ImageRGB:
    """Return the face (H, W, 3) with its mask grey."""
    return np.where(mask[..., None] == 1, np.uint8(MASK), face)
