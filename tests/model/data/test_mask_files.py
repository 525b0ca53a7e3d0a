"""Each kind of mask that people make says of each pixel what they meant, or is refused with a sentence."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.data.mask_files import read_mask_file
from pipeline.core.base.errors import BadInput

SIZE = 40, 60
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]
INSIDE = np.hypot(COLUMNS - 35, ROWS - 15) < 10
HARD = np.where(INSIDE, 255, 0).astype(np.uint8)
SOFT = np.clip(128 + (10 - np.hypot(COLUMNS - 35, ROWS - 15)) * 12, 0, 255).astype(np.uint8)
PHOTO = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
BLACK, WHITE, RED = (np.broadcast_to(np.uint8(colour), (*SIZE, 3)) for colour in ([0] * 3, [255] * 3, [220, 20, 20]))


def read(tmp_path: Path, image: Image.Image, name: str = "mask.png", **options: object) -> np.ndarray:
    image.save(tmp_path / name, **options)
    return read_mask_file(tmp_path / name)


def with_opacity(colours: np.ndarray, opacity: np.ndarray) -> Image.Image:
    return Image.fromarray(np.dstack([colours, opacity]))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
def test_a_black_and_white_mask_of_any_mode_is_read_to_the_pixel(mode: str, tmp_path: Path) -> None:
    assert np.array_equal(read(tmp_path, Image.fromarray(HARD).convert(mode)), HARD)


def test_a_mask_of_16_bits_is_read_by_its_full_scale(tmp_path: Path) -> None:
    quarter = np.where(INSIDE, 65535 // 4, 0).astype(np.uint16)
    assert read(tmp_path, Image.fromarray(quarter)).max() == pytest.approx(64, abs=5)
    assert np.array_equal(read(tmp_path, Image.fromarray(HARD.astype(np.uint16) * 257)), HARD)


def test_levels_between_black_and_white_are_shares(tmp_path: Path) -> None:
    found = read(tmp_path, Image.fromarray(SOFT))
    assert np.abs(found.astype(int) - SOFT).max() <= 8
    assert np.array_equal(found[SOFT == 128], SOFT[SOFT == 128])


@pytest.mark.parametrize(("level", "share"), [(8, 0), (9, 1), (128, 128), (246, 254), (247, 255)])
def test_levels_near_the_ends_are_the_ends(level: int, share: int, tmp_path: Path) -> None:
    levels = HARD.copy()
    levels[0, 0] = level
    assert read(tmp_path, Image.fromarray(levels))[0, 0] == share


@pytest.mark.parametrize("quality", [75, 95])
def test_a_jpeg_of_a_black_and_white_mask_is_that_mask_but_for_its_edge(quality: int, tmp_path: Path) -> None:
    found = read(tmp_path, Image.fromarray(HARD).convert("RGB"), "mask.jpg", quality=quality)
    edge = np.abs(np.hypot(COLUMNS - 35, ROWS - 15) - 10) < 2
    assert np.array_equal(found[~edge], HARD[~edge])
    assert np.array_equal(found >= 128, INSIDE)


@pytest.mark.parametrize("below", ["white", "black", "same"])
@pytest.mark.parametrize("shape", [HARD, SOFT], ids=["hard", "soft"])
def test_what_is_white_on_transparent_is_inpainted(below: str, shape: np.ndarray, tmp_path: Path) -> None:
    """As drawn on a layer of its own; ``below``: the colour that an editor leaves in transparent pixels."""
    hidden = {"white": WHITE, "black": BLACK, "same": PHOTO}[below]
    colours = np.where((shape > 0)[..., None], WHITE, hidden).astype(np.uint8)
    assert np.abs(read(tmp_path, with_opacity(colours, shape)).astype(int) - shape).max() <= 8


def test_white_may_reach_all_edges_but_for_a_pixel(tmp_path: Path) -> None:
    opacity = 255 - HARD
    opacity[0, 0] = 247
    assert read(tmp_path, with_opacity(WHITE, opacity))[-1, -1] == 255


@pytest.mark.parametrize("kept", [True, False], ids=["colours kept", "colours zeroed"])
@pytest.mark.parametrize("is_grey", [True, False], ids=["grey photo", "colour photo"])
@pytest.mark.parametrize("shape", [HARD, SOFT], ids=["hard", "soft"])
def test_what_was_erased_from_a_photograph_is_inpainted(
    kept: bool, is_grey: bool, shape: np.ndarray, tmp_path: Path
) -> None:
    photo = np.repeat(PHOTO[..., :1], 3, axis=2) if is_grey else PHOTO
    colours = photo if kept else np.where((shape == 255)[..., None], 0, photo).astype(np.uint8)
    assert np.abs(read(tmp_path, with_opacity(colours, 255 - shape)).astype(int) - shape).max() <= 8


@pytest.mark.parametrize("backdrop", [0, 255])
def test_a_photograph_may_be_mostly_black_or_white(backdrop: int, tmp_path: Path) -> None:
    photo = np.full((*SIZE, 3), backdrop, np.uint8)
    photo[:, 20:30] = PHOTO[:, 20:30]
    assert np.array_equal(read(tmp_path, with_opacity(photo, 255 - HARD)), HARD)


def test_a_palette_with_a_transparent_colour_is_read_by_its_transparency(tmp_path: Path) -> None:
    indices = Image.fromarray(INSIDE.astype(np.uint8), "L").convert("P")
    indices.putpalette([0, 0, 0, 255, 255, 255])
    assert np.array_equal(read(tmp_path, indices, transparency=0), HARD)


@pytest.mark.parametrize(
    ("colours", "opacity"),
    [
        (BLACK, HARD),
        (BLACK, 255 - HARD),
        (RED, HARD),
        (np.where((COLUMNS > 35)[..., None], WHITE, BLACK), HARD),
        (np.where(INSIDE[..., None], WHITE, BLACK), np.where(ROWS < 30, 255, 0).astype(np.uint8)),
        (PHOTO, HARD // 2),
        (WHITE, 255 - HARD),
    ],
    ids=[
        "black drawn",
        "black erased",
        "red drawn",
        "two drawn",
        "a mask erased in part",
        "half opaque",
        "white erased",
    ],
)
def test_transparency_that_could_mean_either_is_refused(
    colours: np.ndarray, opacity: np.ndarray, tmp_path: Path
) -> None:
    with pytest.raises(
        BadInput, match=r"mask\.png: (what its transparent pixels mean can't be told|expected .* opaque)"
    ):
        read(tmp_path, with_opacity(colours.astype(np.uint8), opacity.astype(np.uint8)))


@pytest.mark.parametrize(
    ("picture", "found"),
    [(PHOTO, "colours"), (np.where(INSIDE[..., None], RED, BLACK), "colours"), (HARD // 255, "all black")],
    ids=["a photograph", "a red region", "ones for white"],
)
def test_what_has_no_white_region_is_refused(picture: np.ndarray, found: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"mask.png: expected .*white.*, found {found}"):
        read(tmp_path, Image.fromarray(picture.astype(np.uint8)))
