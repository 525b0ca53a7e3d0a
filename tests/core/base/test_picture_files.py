"""A picture file is read as a viewer shows it, whatever its kind; what harms nothing is no error."""

import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from pipeline.core.base.errors import BadInput
from pipeline.core.base.images import read_layers, read_picture

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
DEEP = np.random.default_rng(1).integers(0, 65536, (20, 30, 3)).astype(np.uint16)
DEEP[0, 0] = 65535


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("orientation", range(9))
def test_a_picture_is_turned_upright_as_pillow_turns_it(orientation: int, suffix: str, tmp_path: Path) -> None:
    block = Image.Exif()
    block[0x0112] = orientation
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(PICTURE), exif=block)
    with Image.open(path) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    found = read_picture(path)
    assert np.array_equal(found, expected)
    assert found.flags.c_contiguous


def test_opacity_is_turned_with_its_colours(tmp_path: Path) -> None:
    block = Image.Exif()
    block[0x0112] = 6
    opacity = PICTURE[..., 0]
    found = read_layers(
        saved(tmp_path / "a.png", Image.fromarray(np.dstack([PICTURE, opacity])), exif=block), in_srgb=True
    )
    assert np.array_equal(found.colours, np.rot90(PICTURE, -1))
    assert found.opacity is not None
    assert np.array_equal(found.opacity, np.rot90(opacity, -1))


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    grey = saved(tmp_path / "grey.png", Image.fromarray(DEEP[..., 0]))
    assert np.array_equal(read_picture(grey), np.repeat(DEEP[..., :1] >> 8, 3, axis=2))
    cv2.imwrite(str(tmp_path / "rgb.png"), DEEP[..., ::-1])
    assert np.array_equal(read_picture(tmp_path / "rgb.png"), DEEP >> 8)
    assert read_picture(tmp_path / "rgb.png")[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA"])
def test_without_transparent_pixels_the_colours_are_those_stored(mode: str, tmp_path: Path) -> None:
    stored = Image.fromarray(PICTURE).convert(mode)
    assert np.array_equal(read_picture(saved(tmp_path / "a.png", stored)), np.asarray(stored.convert("RGB")))


def test_white_shows_through_what_is_transparent(tmp_path: Path) -> None:
    opacity = np.full((20, 30), 255, np.uint8)
    opacity[:5], opacity[5:10] = 0, 51
    found = read_picture(saved(tmp_path / "a.png", Image.fromarray(np.dstack([PICTURE, opacity]))))
    share = opacity[..., None] / 255
    assert np.abs(found - (PICTURE * share + 255 * (1 - share))).max() <= 1
    assert (found[:5] == 255).all()
    assert np.array_equal(found[10:], PICTURE[10:])


def test_a_transparent_colour_of_a_palette_or_of_16_bits_is_white(tmp_path: Path) -> None:
    indices = Image.fromarray(np.uint8([[0, 1]]), "L").convert("P")
    indices.putpalette([10, 20, 30, 40, 50, 60])
    assert read_picture(saved(tmp_path / "p.png", indices, transparency=0))[0].tolist() == [[255] * 3, [40, 50, 60]]
    deep = Image.fromarray(np.array([[0x1234, 0x5678]], np.uint16))
    assert read_picture(saved(tmp_path / "g.png", deep, transparency=0x1234))[0].tolist() == [[255] * 3, [0x56] * 3]


def test_cmyk_is_read_as_rgb(tmp_path: Path) -> None:
    plain = Image.new("RGB", (16, 16), (200, 40, 90))
    found = read_picture(saved(tmp_path / "a.jpg", plain.convert("CMYK"), quality=100))
    assert np.abs(found.astype(int) - np.asarray(plain)).max() <= 3


def profile_with_red_and_green_exchanged() -> bytes:
    """Return sRGB's profile with its rXYZ and gXYZ tags exchanged, under another name: red is shown as green."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = data.index(b"rXYZ"), data.index(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data).replace("sRGB".encode("utf-16-be"), "rsGB".encode("utf-16-be"))


def test_a_colour_profile_is_applied(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "a.png", Image.new("RGB", (8, 8), (255, 0, 0)), icc_profile=profile_with_red_and_green_exchanged()
    )
    assert np.abs(read_picture(path).astype(int) - [0, 255, 0]).max() <= 3
    assert read_layers(path, in_srgb=False).colours[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("profile", [b"no profile", b""], ids=["broken", "empty"])
def test_a_broken_colour_profile_is_no_error(profile: bytes, tmp_path: Path) -> None:
    assert np.array_equal(
        read_picture(saved(tmp_path / "a.png", Image.fromarray(PICTURE), icc_profile=profile)), PICTURE
    )


def with_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + jpeg[2:]


BROKEN_MPF = (
    b"MPF\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack("<I", 0)
)
TWO_PICTURES_OF_WHICH_NONE_IS_THERE = (
    b"MPF\0II*\0\x08\0\0\0"
    + struct.pack("<H", 3)
    + struct.pack("<HHI4s", 0xB000, 7, 4, b"0100")
    + struct.pack("<HHII", 0xB001, 4, 1, 2)
    + struct.pack("<HHII", 0xB002, 7, 32, 9999)
    + struct.pack("<I", 0)
)


@pytest.mark.parametrize(
    ("marker", "content"),
    [
        (0xE2, BROKEN_MPF),
        (0xE2, TWO_PICTURES_OF_WHICH_NONE_IS_THERE),
        (0xE2, b"MPF\0"),
        (0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff"),
        (0xE1, b"Exif\0\0not TIFF"),
    ],
    ids=["broken MPF", "MPF without its pictures", "empty MPF", "cut EXIF", "no EXIF"],
)
def test_a_broken_block_beside_the_picture_is_no_error(marker: int, content: bytes, tmp_path: Path) -> None:
    plain = saved(tmp_path / "plain.jpg", Image.fromarray(PICTURE))
    (tmp_path / "a.jpg").write_bytes(with_segment(plain.read_bytes(), marker, content))
    assert np.array_equal(read_picture(tmp_path / "a.jpg"), read_picture(plain))


def test_of_an_animated_png_the_first_picture_is_read(tmp_path: Path) -> None:
    frames = [Image.fromarray(PICTURE), Image.fromarray(255 - PICTURE)]
    assert np.array_equal(
        read_picture(saved(tmp_path / "a.png", frames[0], save_all=True, append_images=frames[1:])), PICTURE
    )


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"GIF89a", "a GIF"),
        (b"\0\0\0\x18ftypheic", "a HEIC"),
        (b"RIFF\0\0\0\0WEBP", "a damaged one"),
        (b"", "an empty file"),
        (b"text", "something else"),
        (b"\xff\xd8\xff\xe0", "a damaged one"),
    ],
)
def test_the_message_says_what_was_expected_and_found(content: bytes, found: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    expected = f"a.jpg: expected a JPEG, PNG or WebP picture of at most 32 MiB and 40 million pixels, found {found}$"
    with pytest.raises(BadInput, match=expected):
        read_picture(tmp_path / "a.jpg")


def test_a_pipe_and_a_folder_are_no_pictures(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", tmp_path):
        with pytest.raises(BadInput, match="found no file"):
            read_picture(path)
