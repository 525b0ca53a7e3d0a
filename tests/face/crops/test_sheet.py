"""A contact sheet holds every tile, in rows of ten, whatever its size and however long its caption."""

import numpy as np
import pytest

from pipeline.face.crops.sheet import Tile, draw_sheet


def tile(value: int = 0, size: int = 256, caption: tuple[str, ...] = ("a", "b")) -> Tile:
    return Tile(np.full((size, size, 3), value, np.uint8), caption)


@pytest.mark.parametrize(
    ("n_tiles", "n_rows", "n_columns"), [(1, 1, 1), (9, 1, 9), (10, 1, 10), (11, 2, 10), (60, 6, 10)]
)
def test_tiles_are_in_rows_of_ten(n_tiles: int, n_rows: int, n_columns: int) -> None:
    cell_h, cell_w, _ = draw_sheet([tile()]).shape
    assert draw_sheet([tile()] * n_tiles).shape == (n_rows * cell_h, n_columns * cell_w, 3)


def test_each_picture_stands_in_its_place() -> None:
    cell_h, cell_w, _ = draw_sheet([tile()]).shape
    sheet = draw_sheet([tile(10 * n) for n in range(12)])
    seen = [int(sheet[cell_h * (n // 10) + 20, cell_w * (n % 10) + 20, 0]) for n in range(12)]
    assert seen == [10 * n for n in range(12)]


def test_words_are_drawn_under_the_picture() -> None:
    assert draw_sheet([tile(255, caption=("face-1", "yaw +3"))]).min() < 128
    assert draw_sheet([tile(255, caption=())]).min() == 255


def test_a_long_line_and_too_many_lines_stay_within_the_cell() -> None:
    sheet = draw_sheet([tile(255, size=64, caption=("W" * 200,) * 20), tile(255, caption=())])
    cell_w = sheet.shape[1] // 2
    assert sheet[:, cell_w:].min() == 255


def test_no_tiles_make_an_empty_sheet() -> None:
    assert draw_sheet([]).size == 0
