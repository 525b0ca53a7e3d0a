"""A contact sheet: small pictures in rows, with a caption under each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.core.base.arrays import ImageRGB

_PICTURE_PX = 160
_LINE_PX = 12
_N_LINES = 4
_COLUMNS = 10
_GAP_PX = 4
_MAX_CHARACTERS = 24  # as many as fit under a picture; of a longer line the end is shown
_BACKGROUND = 255
_TEXT = (40, 40, 40)


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture and the lines under it."""

    picture: ImageRGB
    caption: tuple[str, ...]


def draw_sheet(tiles: Sequence[Tile]) -> ImageRGB:
    """Return the tiles in rows of ten, (H, W, 3) uint8."""
    n_rows = -(-len(tiles) // _COLUMNS)
    cell_h, cell_w = _PICTURE_PX + _N_LINES * _LINE_PX + _GAP_PX, _PICTURE_PX + _GAP_PX
    sheet = np.full((n_rows * cell_h, min(len(tiles), _COLUMNS) * cell_w, 3), _BACKGROUND, np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, _COLUMNS)
        _draw_tile(sheet[row * cell_h :, column * cell_w :], tile)
    return sheet


def _draw_tile(place: ImageRGB, tile: Tile) -> None:
    import cv2

    size = (_PICTURE_PX, _PICTURE_PX)
    place[:_PICTURE_PX, :_PICTURE_PX] = cv2.resize(tile.picture, size, interpolation=cv2.INTER_AREA)
    # The caption is drawn in a cell of its own, so that a long one is cut at the cell's edge.
    caption = np.full((_N_LINES * _LINE_PX, _PICTURE_PX, 3), _BACKGROUND, np.uint8)
    for number, line in enumerate(tile.caption[:_N_LINES]):
        where = (1, (number + 1) * _LINE_PX - 3)
        cv2.putText(caption, line[-_MAX_CHARACTERS:], where, cv2.FONT_HERSHEY_PLAIN, 0.68, _TEXT, 1, cv2.LINE_AA)
    place[_PICTURE_PX : _PICTURE_PX + len(caption), :_PICTURE_PX] = caption
