"""Lossless PNG encoding and decoding, and reading of picture files from users, which are untrusted.

A picture file is read as a viewer shows it: upright by its EXIF orientation, in sRGB, with white behind what is
transparent. Of 16 bits a channel the upper 8 are taken, so that full scale stays full scale; of an animated PNG, the
first picture.
"""

import io
import stat
import struct
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, ImageRGB
from pipeline.core.base.errors import BadInput

if TYPE_CHECKING:
    from PIL.Image import Image

# PNG is lossless at every level; 1 is much faster than the default and a few percent larger.
_PNG_COMPRESSION = 1

_JPEG_QUALITY = 92

LARGEST_FILE_BYTES = 32 << 20

MOST_PIXELS = 40_000_000
"""Of a decoded picture: 120 MB, and up to 600 while it is read; VGGFace2's have a tenth of a million."""

UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, struct.error, zlib.error)
"""Exceptions raised by decoding a damaged file or one that is no picture."""

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_RIFF, _WEBP, _WEBP_AT = b"RIFF", b"WEBP", 8
# What is not read, by where in the file which bytes are: for the message alone.
_OTHER_KINDS = (
    (0, b"GIF8", "a GIF"),
    (0, b"II*\0", "a TIFF"),
    (0, b"MM\0*", "a TIFF"),
    (0, b"BM", "a BMP"),
    (4, b"ftypavi", "an AVIF"),
    (4, b"ftyphe", "a HEIC"),
    (4, b"ftypmif1", "a HEIC"),
)
N_SNIFFED = 16
"""Bytes at the start of a file by which its kind is told."""
_WEBP_ANIMATION = 0x02  # of the flags of an extended WebP

_ORIENTATION = 0x0112
# By EXIF orientation: whether rows and columns change places, and then along which axes the picture is reversed.
_UPRIGHT: dict[Any, tuple[bool, tuple[int, ...]]] = {
    2: (False, (1,)),
    3: (False, (0, 1)),
    4: (False, (0,)),
    5: (True, ()),
    6: (True, (1,)),
    7: (True, (0, 1)),
    8: (True, (0,)),
}


class PictureTooLarge(BadInput):
    """A picture file of more bytes or pixels than are read."""


class Layers(NamedTuple):
    """A picture file's colours and transparency, upright."""

    colours: ImageRGB
    opacity: ImageGrey | None
    """(H, W) uint8, 0 transparent to 255 opaque; None for a file without transparency."""
    is_jpeg: bool
    """Whether the levels are near the true ones only."""


def encode_png(picture: ImageRGB) -> bytes:
    """Return ``picture``, (H, W, 3) uint8 RGB, as PNG."""
    import cv2

    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_COMPRESSION])
    return data.tobytes()


def decode_png(data: bytes) -> ImageRGB:
    """Return the picture, (H, W, 3) uint8 RGB, from the bytes of ``encode_png``."""
    import cv2

    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return cast(ImageRGB, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def encode_grey(picture: ImageGrey) -> bytes:
    """Return ``picture``, (H, W) uint8, as JPEG: levels are near the true ones."""
    import cv2

    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes()


def decode_grey(data: bytes) -> ImageGrey:
    """Return the picture, (H, W) uint8, from the bytes of ``encode_grey``."""
    import cv2

    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def in_rgb(grey: ImageGrey) -> ImageRGB:
    """Return a grey picture (H, W) as (H, W, 3), with three channels alike."""
    import cv2

    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)


def read_picture_file(path: Path) -> ImageRGB | None:
    """Return the picture, (H, W, 3) RGB; None for what ``read_picture`` refuses."""
    try:
        return read_picture(path)
    except BadInput:
        return None


def read_picture(path: Path) -> ImageRGB:
    """Return the picture of a JPEG, PNG or WebP file, (H, W, 3) RGB, as a viewer shows it.

    Raises BadInput for what is none of these, damaged, or an animated WebP; PictureTooLarge above LARGEST_FILE_BYTES or
    MOST_PIXELS.
    """
    from PIL import Image

    colours, opacity, _ = read_layers(path, in_srgb=True)
    if opacity is None:
        return colours
    shown = Image.new("RGB", (colours.shape[1], colours.shape[0]), "white")
    shown.paste(Image.fromarray(colours), mask=Image.fromarray(opacity))
    return np.asarray(shown)


def read_layers(path: Path, *, in_srgb: bool) -> Layers:
    """Return the layers of a JPEG, PNG or WebP file, with ``in_srgb`` after its colour profile, else as stored.

    Nothing is decoded before the file and its pixels are known to be within the limits. Raises BadInput as
    ``read_picture`` does.
    """
    expected = f"{path}: expected a JPEG, PNG or WebP picture of at most {LARGEST_FILE_BYTES >> 20} MiB"
    expected += f" and {MOST_PIXELS // 10**6} million pixels"
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # to open a pipe would wait for ever
            raise BadInput(f"{expected}, found no file")
        if status.st_size > LARGEST_FILE_BYTES:
            raise PictureTooLarge(f"{expected}, found {status.st_size >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{expected}: {error.strerror}") from None
    # Pillow warns of blocks beside the picture that it can't read, as cameras write them. ``catch_warnings`` would not
    # do: it is not for threads.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        image = None if is_webp(data) else _opened(data)
        width, height = _webp_size(data) if image is None else image.size
        if width * height > MOST_PIXELS:
            raise PictureTooLarge(f"{expected}, found {width} x {height} pixels")
        image = image or _opened_webp(data)
        swaps, reversed_axes = _UPRIGHT.get(_orientation(image), (False, ()))
        image.load()
        opacity = _opacity(image)
        colours = _colours(image, in_srgb=in_srgb)
    except UNREADABLE:
        raise BadInput(f"{expected}, found {_kind_of(data)}") from None
    return Layers(
        _turned(colours, swaps, reversed_axes),
        None if opacity is None else _turned(opacity, swaps, reversed_axes),
        data.startswith(_JPEG),
    )


def _opened(data: bytes) -> "Image":
    """Return the picture with its header read; by format, as Image.open would look for more pictures in a JPEG."""
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    if data.startswith(_JPEG):
        return JpegImageFile(io.BytesIO(data))
    if data.startswith(_PNG):
        return PngImageFile(io.BytesIO(data))
    raise ValueError("neither JPEG nor PNG")


def is_picture(data: bytes) -> bool:
    """Return whether a file that begins with ``data``, of 16 bytes, says that it is a JPEG, a PNG or a WebP."""
    return data.startswith((_JPEG, _PNG)) or is_webp(data)


def is_webp(data: bytes) -> bool:
    """Return whether a file that begins with ``data`` says that it is a WebP."""
    return data.startswith(_RIFF) and data.startswith(_WEBP, _WEBP_AT)


def _webp_size(data: bytes) -> tuple[int, int]:
    """Return width and height by the header of a WebP (RFC 9649): Pillow takes memory for the picture to tell them.

    Raises ValueError for an animation, struct.error or ValueError for a damaged file.
    """
    kind = data[12:16]
    if kind == b"VP8X":
        if data[20] & _WEBP_ANIMATION:
            raise ValueError("animated")
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("no picture")


def _opened_webp(data: bytes) -> "Image":
    from PIL.WebPImagePlugin import WebPImageFile

    return WebPImageFile(io.BytesIO(data))


def _kind_of(data: bytes) -> str:
    """Return what a file that can't be read is, in words."""
    if is_webp(data) and data[12:16] == b"VP8X" and len(data) > 20 and data[20] & _WEBP_ANIMATION:
        return "an animated one"
    if is_picture(data):
        return "a damaged one"
    kinds = (kind for start, mark, kind in _OTHER_KINDS if data.startswith(mark, start))
    return next(kinds, "something else" if data else "an empty file")


def _orientation(image: "Image") -> object:
    """Return the EXIF orientation, 1 where the block is damaged or missing."""
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except UNREADABLE:
        return 1


def _turned(layer: NDArray[np.uint8], swaps: bool, reversed_axes: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.flip(layer.swapaxes(0, 1) if swaps else layer, reversed_axes))


def _opacity(image: "Image") -> ImageGrey | None:
    """Return the transparency of a decoded picture, by a channel, a palette, or one colour that is transparent."""
    if image.mode == "I;16":
        clear = image.info.get("transparency")
        return None if clear is None else np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8)
    if not image.has_transparency_data:
        return None
    return np.asarray(_with_alpha(image).getchannel("A"))


def _colours(image: "Image", *, in_srgb: bool) -> ImageRGB:
    if image.mode == "I;16":
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        image = _with_alpha(image)
    return np.asarray(_in_srgb(image) if in_srgb else image.convert("RGB"))


def _with_alpha(image: "Image") -> "Image":
    return image if image.mode == "RGBA" else image.convert("RGBA")


def _in_srgb(image: "Image") -> "Image":
    """Return RGB after the picture's colour profile; without one, or with one that can't be used, it is sRGB."""
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    plain = image if image.mode == "RGB" else image.convert("RGB")
    if not isinstance(profile, bytes) or image.mode in ("1", "L"):  # grey is displayed much as sRGB is
        return plain
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return plain
        stored = image if image.mode == "CMYK" else plain
        shown = ImageCms.profileToProfile(stored, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, *UNREADABLE):
        return plain
    return plain if shown is None else shown
