"""What is part of the page itself: pictures, and how much they may take."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from pipeline.base.images import encode_png
from pipeline.report import evaluation, faces, inpainted_faces, sound, training
from pipeline.report.inline import Allowance
from pipeline.report.pictures import SYNTHETIC, inline_face, inline_grid, inline_log_mel
from tests.report.made_run import picture

PLENTY = 10_000_000


def opened(address: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


def test_a_data_address_holds_the_bytes_and_is_taken_off_the_allowance() -> None:
    allowance = Allowance(100)
    address = allowance.address(b"voice", "audio/wav")
    assert address == "data:audio/wav;base64," + base64.b64encode(b"voice").decode()
    assert allowance.n_left == 100 - len(address)


@pytest.mark.parametrize(("n_left", "fits"), [(30, True), (29, False)])
def test_what_fits_to_the_last_character_is_taken_and_one_more_is_not(n_left: int, fits: bool) -> None:
    allowance = Allowance(n_left)
    assert (allowance.address(b"12345", "audio/wav") is not None) == fits
    assert allowance.n_left == (0 if fits else n_left)


def test_a_face_is_at_most_160_px_and_a_smaller_one_is_left_as_it_is() -> None:
    for side, expected in ((320, 160), (160, 160), (48, 48)):
        face = inline_face(encode_png(picture(1, side)), "a face", Allowance(PLENTY))
        assert face is not None
        assert (face.width_px, face.height_px) == opened(face.address).size == (expected, expected)


def test_a_grid_that_is_small_enough_keeps_its_bytes() -> None:
    png = encode_png(picture(2, 100))
    grid = inline_grid(png, "a grid", Allowance(PLENTY), len(png))
    assert grid is not None and grid.address == "data:image/png;base64," + base64.b64encode(png).decode()


def test_a_larger_grid_becomes_the_largest_jpeg_that_fits_and_says_that_it_is_synthetic() -> None:
    png = encode_png(picture(2, 400))
    grid = inline_grid(png, "a grid", Allowance(PLENTY), 100_000)
    assert grid is not None
    jpeg = opened(grid.address)
    assert jpeg.format == "JPEG" and jpeg.size == (grid.width_px, grid.height_px)
    assert len(base64.b64decode(grid.address.partition(",")[2])) <= 100_000
    assert grid.width_px in (400, 300, 225)
    assert jpeg.info["comment"].decode() == SYNTHETIC


def test_a_grid_that_fits_at_no_readable_size_is_left_out() -> None:
    assert inline_grid(encode_png(picture(2, 400)), "a grid", Allowance(PLENTY), 500) is None


def test_a_log_mel_has_a_column_a_frame_low_sounds_at_the_bottom_and_is_lighter_where_it_is_louder() -> None:
    log_mel = np.full((8, 30), -2.0, np.float32)
    log_mel[0, 10:] = 3.0
    shown = inline_log_mel(log_mel, "a voice", Allowance(PLENTY))
    assert shown is not None and (shown.width_px, shown.height_px) == (30, 16)
    grey = np.asarray(opened(shown.address).convert("L")).astype(int)
    assert (grey[-2:, 10:] == grey.max()).all()
    assert (grey[:-2] == grey.min()).all() and (grey[-2:, :10] == grey.min()).all()


def test_the_colours_of_a_log_mel_are_lighter_at_every_louder_level() -> None:
    levels = np.linspace(-2, 3, 64, dtype=np.float32)[None]
    shown = inline_log_mel(levels, "a ramp", Allowance(PLENTY))
    assert shown is not None
    lightness = np.asarray(opened(shown.address).convert("RGB")).astype(float)[0] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()


def test_all_parts_together_stay_below_eight_megabytes() -> None:
    parts = (
        evaluation._SWAP_ALLOWANCE,
        faces._ALLOWANCE,
        inpainted_faces._FOUND_ALLOWANCE,
        inpainted_faces._PAINTED_ALLOWANCE,
        sound._ALLOWANCE,
        training._ALLOWANCE,
    )
    n_words_and_drawings = 700_000
    assert sum(parts) + n_words_and_drawings < 8_000_000
