"""Pictures as data URLs, and their size budgets."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from pipeline.core.base.images import encode_png
from pipeline.report import evaluation, faces, inpainted, sound, training
from pipeline.report.inline import SizeBudget
from pipeline.report.pictures import SYNTHETIC, inline_face, inline_grid, inline_log_mel
from tests.report.made_run import picture

PLENTY = 10_000_000


def opened(data_url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data_url.partition(",")[2])))


def test_a_data_url_holds_the_bytes_and_is_subtracted_from_the_budget() -> None:
    budget = SizeBudget(100)
    data_url = budget.data_url(b"voice", "audio/wav")
    assert data_url == "data:audio/wav;base64," + base64.b64encode(b"voice").decode()
    assert budget.n_left == 100 - len(data_url)


@pytest.mark.parametrize(("n_left", "fits"), [(30, True), (29, False)])
def test_what_fits_to_the_last_character_is_taken_and_one_more_is_not(n_left: int, fits: bool) -> None:
    budget = SizeBudget(n_left)
    assert (budget.data_url(b"12345", "audio/wav") is not None) == fits
    assert budget.n_left == (0 if fits else n_left)


def test_a_face_is_at_most_160_px_and_a_smaller_one_is_left_as_it_is() -> None:
    for side, expected in ((320, 160), (160, 160), (48, 48)):
        face = inline_face(encode_png(picture(1, side)), "a face", SizeBudget(PLENTY))
        assert face is not None
        assert (face.width_px, face.height_px) == opened(face.data_url).size == (expected, expected)


def test_a_grid_that_is_small_enough_keeps_its_bytes() -> None:
    png = encode_png(picture(2, 100))
    grid = inline_grid(png, "a grid", SizeBudget(PLENTY), len(png))
    assert grid is not None and grid.data_url == "data:image/png;base64," + base64.b64encode(png).decode()


def test_a_larger_grid_becomes_the_largest_jpeg_that_fits_and_is_marked_as_synthetic() -> None:
    png = encode_png(picture(2, 400))
    grid = inline_grid(png, "a grid", SizeBudget(PLENTY), 100_000)
    assert grid is not None
    jpeg = opened(grid.data_url)
    assert jpeg.format == "JPEG" and jpeg.size == (grid.width_px, grid.height_px)
    assert len(base64.b64decode(grid.data_url.partition(",")[2])) <= 100_000
    assert grid.width_px in (400, 300, 225)
    assert jpeg.info["comment"].decode() == SYNTHETIC


def test_a_grid_that_fits_at_no_readable_size_is_left_out() -> None:
    assert inline_grid(encode_png(picture(2, 400)), "a grid", SizeBudget(PLENTY), 500) is None


def test_a_log_mel_has_a_column_a_frame_low_frequencies_at_the_bottom_and_is_lighter_where_it_is_louder() -> None:
    log_mel = np.full((8, 30), -2.0, np.float32)
    log_mel[0, 10:] = 3.0
    shown = inline_log_mel(log_mel, "a voice", SizeBudget(PLENTY))
    assert shown is not None and (shown.width_px, shown.height_px) == (30, 16)
    grey = np.asarray(opened(shown.data_url).convert("L")).astype(int)
    assert (grey[-2:, 10:] == grey.max()).all()
    assert (grey[:-2] == grey.min()).all() and (grey[-2:, :10] == grey.min()).all()


def test_the_colours_of_a_log_mel_are_lighter_at_every_louder_level() -> None:
    levels = np.linspace(-2, 3, 64, dtype=np.float32)[None]
    shown = inline_log_mel(levels, "a ramp", SizeBudget(PLENTY))
    assert shown is not None
    lightness = np.asarray(opened(shown.data_url).convert("RGB")).astype(float)[0] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()


def test_all_parts_together_stay_below_eight_megabytes() -> None:
    parts = (
        evaluation._SWAP_BUDGET,
        faces._SIZE_BUDGET,
        inpainted._RETRIEVED_BUDGET,
        inpainted._INPAINTED_BUDGET,
        sound._SIZE_BUDGET,
        training._SIZE_BUDGET,
    )
    n_words_and_drawings = 700_000
    assert sum(parts) + n_words_and_drawings < 8_000_000
