"""Tables of pictures with a heading above each column, and pictures of masks."""

from collections.abc import Sequence

import cv2
import numpy as np

from model.data.masks import Mask
from pipeline.core.base.arrays import ImageRGB

GAP_PX = 4
HEADER_PX = 20
WHITE = 255
TEXT_RGB = (40, 40, 40)
MASK_GREY = 128
"""The grey that the network's input has in a mask: 0 of [-1, 1]."""


def draw_table(headings: Sequence[str], rows: Sequence[Sequence[ImageRGB | None]]) -> ImageRGB:
    """Return the pictures, all of one size (H, W, 3), in rows under ``headings``; None: an empty cell."""
    height, width = next(picture.shape[:2] for row in rows for picture in row if picture is not None)
    size = HEADER_PX + len(rows) * (height + GAP_PX), len(headings) * (width + GAP_PX) - GAP_PX, 3
    table = np.full(size, WHITE, np.uint8)
    for column, heading in enumerate(headings):
        left = column * (width + GAP_PX)
        # In a strip of its own, so that a long heading is cut at the column's edge.
        strip = np.full((HEADER_PX, width, 3), WHITE, np.uint8)
        cv2.putText(strip, heading, (2, HEADER_PX - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, TEXT_RGB, 1, cv2.LINE_AA)
        table[:HEADER_PX, left : left + width] = strip
        for number, row in enumerate(rows):
            top, picture = HEADER_PX + number * (height + GAP_PX), row[column]
            if picture is not None:
                table[top : top + height, left : left + width] = picture
    return table


def masked(face: ImageRGB, mask: Mask) -> ImageRGB:
    """Return the face (H, W, 3) with its masked region grey."""
    return np.where(mask[..., None] == 1, np.uint8(MASK_GREY), face)


def mask_picture(mask: Mask) -> ImageRGB:
    """Return the mask (H, W) as (H, W, 3), white on black."""
    return np.repeat(mask[..., None] * np.uint8(WHITE), 3, axis=2)
