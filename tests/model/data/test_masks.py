"""Masks lie where they should, hold as much as they should, and come again from the same seed."""

from collections.abc import Callable
from itertools import pairwise
from math import hypot
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from model.data.masks import draw_mask
from model.settings import MaskKind, MaskParams
from pipeline.core.base.errors import BadInput

BANDS: dict[MaskKind, tuple[float, float]] = {
    "strokes_small": (0.1, 0.2),
    "strokes_medium": (0.2, 0.4),
    "strokes_large": (0.4, 0.6),
}
RECTANGLES: tuple[MaskKind, ...] = ("rectangle_released", "rectangle_centred", "rectangle_random")

even = st.integers(1, 127).map(lambda half: 2 * half)
seeds = st.integers(0, 2**32)


def draw(kind: MaskKind, seed: int = 0, *, mask_px: int = 128, size_px: int = 256) -> NDArray[np.uint8]:
    params = MaskParams(kind=kind, size_px=mask_px, image=None)
    return draw_mask(params, np.random.default_rng(seed), size_px)


def draw_image(path: Path, size_px: int = 256) -> NDArray[np.uint8]:
    return draw_mask(MaskParams(kind="image", size_px=128, image=str(path)), np.random.default_rng(0), size_px)


def box(mask: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """First column, first row, width and height of what is mask; it must be a filled rectangle."""
    left, top, width, height = cv2.boundingRect(mask)
    assert mask[top : top + height, left : left + width].all()
    return left, top, width, height


def test_the_released_rectangle_is_columns_64_to_191_and_rows_89_to_216() -> None:
    expected = np.zeros((256, 256), np.uint8)
    expected[89:217, 64:192] = 1
    mask = draw("rectangle_released")
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, expected)


def test_the_centred_rectangle_is_as_far_from_every_border() -> None:
    expected = np.zeros((256, 256), np.uint8)
    expected[64:192, 64:192] = 1
    assert np.array_equal(draw("rectangle_centred"), expected)
    assert box(draw("rectangle_centred", mask_px=254)) == (1, 1, 254, 254)
    assert box(draw("rectangle_centred", mask_px=2)) == (127, 127, 2, 2)


@pytest.mark.parametrize("kind", RECTANGLES)
@pytest.mark.parametrize("size_px", [16, 64, 512])
def test_a_rectangle_grows_with_the_face(kind: MaskKind, size_px: int) -> None:
    _, _, width, height = box(draw(kind, size_px=size_px))
    assert width == size_px // 2
    assert size_px // 2 <= height <= size_px // 2 + 1  # 89 / 256 of 16 px is no whole pixel: outwards


def test_in_a_face_twice_as_large_the_released_rectangle_has_twice_its_columns_and_rows() -> None:
    assert box(draw("rectangle_released", size_px=512)) == (128, 178, 256, 256)


def test_the_released_rectangle_may_reach_the_lower_border_and_not_beyond() -> None:
    assert box(draw("rectangle_released", mask_px=206)) == (25, 50, 206, 206)
    with pytest.raises(BadInput, match=r"mask\.size_px: expected at most 206 .* found 208"):
        draw("rectangle_released", mask_px=208)


@settings(max_examples=60)
@given(seed=seeds, mask_px=even, size_px=st.integers(16, 300))
def test_a_random_rectangle_is_whole_and_inside(seed: int, mask_px: int, size_px: int) -> None:
    _, _, width, height = box(draw("rectangle_random", seed, mask_px=mask_px, size_px=size_px))
    assert width == height
    assert mask_px * size_px / 256 <= width < mask_px * size_px / 256 + 1


@settings(max_examples=60)
@given(
    kind=st.sampled_from(RECTANGLES),
    mask_px=st.integers(1, 103).map(lambda half: 2 * half),
    size_px=st.integers(16, 300),
)
def test_no_rectangle_is_empty_or_all_of_a_face(kind: MaskKind, mask_px: int, size_px: int) -> None:
    share = draw(kind, mask_px=mask_px, size_px=size_px).mean()
    assert 0 < share < 1


def test_every_place_of_a_random_rectangle_is_equally_likely() -> None:
    """Chi-squared of 3 x 3 places, 8 degrees of freedom: 26.1 is passed once in a thousand sets of seeds."""
    counts = np.zeros((3, 3))
    for seed in range(900):
        left, top, _, _ = box(draw("rectangle_random", seed, mask_px=254))
        counts[top, left] += 1
    assert ((counts - 100) ** 2 / 100).sum() < 26.1


@pytest.mark.parametrize(("kind", "band"), BANDS.items())
def test_strokes_cover_a_share_in_their_band(kind: MaskKind, band: tuple[float, float]) -> None:
    shares = np.array([draw(kind, seed).mean() for seed in range(500)])
    assert band[0] <= shares.min()
    assert shares.max() < band[1]
    assert np.ptp(shares) > 0.6 * (band[1] - band[0])


@settings(max_examples=60)
@given(kind=st.sampled_from(list(BANDS)), seed=seeds, size_px=st.integers(16, 300))
def test_strokes_stay_in_their_band_in_a_face_of_any_size(kind: MaskKind, seed: int, size_px: int) -> None:
    mask = draw(kind, seed, size_px=size_px)
    assert mask.shape == (size_px, size_px)
    assert set(np.unique(mask)) == {0, 1}
    assert BANDS[kind][0] <= mask.mean() < BANDS[kind][1]


@settings(max_examples=60)
@given(seed=seeds)
def test_of_one_seed_the_larger_mask_holds_the_smaller(seed: int) -> None:
    small, medium, large = (draw(kind, seed) for kind in BANDS)
    assert (small <= medium).all()
    assert (medium <= large).all()


@pytest.mark.parametrize("kind", [*BANDS, "rectangle_random"])
def test_a_mask_is_its_seeds_alone(kind: MaskKind) -> None:
    assert np.array_equal(draw(kind, 7), draw(kind, 7))
    assert not np.array_equal(draw(kind, 7), draw(kind, 8))


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[int, int], tuple[int, int], int]]:
    """What is drawn from now on, piece by piece: from, to, and the brush's width."""
    drawn: list[tuple[tuple[int, int], tuple[int, int], int]] = []
    real_line: Callable[..., Any] = cv2.line

    def line(mask: NDArray[np.uint8], start: tuple[int, int], end: tuple[int, int], value: int, width: int) -> None:
        drawn.append((start, end, width))
        real_line(mask, start, end, value, width)

    monkeypatch.setattr(cv2, "line", line)
    return drawn


@pytest.mark.parametrize(("kind", "most"), [("strokes_small", 12), ("strokes_medium", 30), ("strokes_large", 62)])
def test_a_mask_is_drawn_in_few_pieces(kind: MaskKind, most: int, pieces: list[object]) -> None:
    """A mask is drawn for every sample: the tries until one is in its band must stay few."""
    for seed in range(200):
        draw(kind, seed)
    assert len(pieces) / 200 < most


def test_strokes_are_those_of_the_released_code(
    pieces: list[tuple[tuple[int, int], tuple[int, int], int]],
) -> None:
    starts, ends, widths, whole_strokes, lengths = [], [], [], [], []
    for seed in range(300):
        pieces.clear()
        draw("strokes_large", seed)
        begins = [i for i, piece in enumerate(pieces) if i == 0 or pieces[i - 1][1] != piece[0]]
        starts += [pieces[i][0] for i in begins]
        whole_strokes += [end - begin for begin, end in pairwise(begins)]
        ends += [piece[1] for piece in pieces]
        widths += [piece[2] for piece in pieces]
        lengths += [hypot(x1 - x0, y1 - y0) for (x0, y0), (x1, y1), _ in pieces if 0 < x1 < 255 and 0 < y1 < 255]
    assert (min(map(min, starts)), max(map(max, starts))) == (80, 176)  # of 0..256: 80 px from either border
    assert (min(map(min, ends)), max(map(max, ends))) == (0, 255)  # kept inside
    assert (min(widths), max(widths)) == (10, 30)
    assert (min(whole_strokes), max(whole_strokes)) == (4, 17)  # from vertex to vertex, of 5 to 18
    assert 20 - 1.5 < min(lengths) < 21  # ends are rounded to pixels
    assert 79 < max(lengths) < 80 + 1.5


def test_a_picture_is_the_mask_white_being_mask(tmp_path: Path) -> None:
    picture = np.zeros((256, 256), np.uint8)
    picture[10:20, 30:50] = 255
    Image.fromarray(picture).save(tmp_path / "mask.png")
    assert np.array_equal(draw_image(tmp_path / "mask.png"), picture // 255)


def test_grey_is_mask_from_the_middle_of_the_range(tmp_path: Path) -> None:
    picture = np.repeat(np.uint8([[127], [128]]), 2, axis=1)
    Image.fromarray(picture).save(tmp_path / "grey.png")
    assert np.array_equal(draw_image(tmp_path / "grey.png", 2), [[0, 0], [1, 1]])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_a_picture_of_any_mode_is_read(tmp_path: Path, mode: str) -> None:
    picture = np.zeros((64, 64), np.uint8)
    picture[:32] = 255
    Image.fromarray(picture).convert(mode).save(tmp_path / "mask.png")
    assert np.array_equal(draw_image(tmp_path / "mask.png", 64), picture // 255)


def test_a_picture_is_resized_to_the_nearest_pixel(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 2, (16, 16), np.uint8) * 255
    Image.fromarray(picture).save(tmp_path / "mask.png")
    grown = draw_image(tmp_path / "mask.png", 64)
    assert np.array_equal(grown, np.kron(picture // 255, np.ones((4, 4), np.uint8)))
    Image.fromarray(grown * 255).save(tmp_path / "grown.png")
    assert np.array_equal(draw_image(tmp_path / "grown.png", 16), picture // 255)


def test_a_mask_from_a_picture_is_the_callers_to_change(tmp_path: Path) -> None:
    Image.fromarray(np.uint8([[0, 255], [0, 0]])).save(tmp_path / "mask.png")
    draw_image(tmp_path / "mask.png", 2).fill(0)
    assert draw_image(tmp_path / "mask.png", 2).sum() == 1


@pytest.mark.parametrize(("value", "found"), [(0, "all black"), (255, "all white")])
def test_a_picture_of_one_colour_is_no_mask(tmp_path: Path, value: int, found: str) -> None:
    Image.fromarray(np.full((32, 32), value, np.uint8)).save(tmp_path / "plain.png")
    with pytest.raises(BadInput, match=f"plain.png: expected white .*, found {found}"):
        draw_image(tmp_path / "plain.png")


def test_a_picture_that_is_not_square_is_no_mask(tmp_path: Path) -> None:
    Image.fromarray(np.eye(20, 30, dtype=np.uint8) * 255).save(tmp_path / "wide.png")
    with pytest.raises(BadInput, match=r"wide\.png: expected a square mask, .* found 30 x 20 pixels"):
        draw_image(tmp_path / "wide.png")


def text(path: Path) -> None:
    path.write_text("not a picture")


def half_of_a_png(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(path, "PNG")
    path.write_bytes(path.read_bytes()[:1000])


def too_many_pixels(path: Path) -> None:
    Image.new("1", (6400, 6400)).save(path, "PNG")


def too_many_bytes(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate((32 << 20) + 1)


def nothing(path: Path) -> None:
    """There is no such file."""


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [text, half_of_a_png, too_many_pixels, too_many_bytes, nothing, a_folder])
def test_what_is_no_picture_within_the_limits_is_said_to_be_none(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "mask.png")
    with pytest.raises(
        BadInput, match=r"mask\.png: expected a JPEG, PNG or WebP picture of at most 32 MiB and 40 million"
    ):
        draw_image(tmp_path / "mask.png")
