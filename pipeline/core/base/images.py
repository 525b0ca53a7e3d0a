"""Lossless PNG encoding and decoding, and reading of picture files from users, which are untrusted."""

import struct
import warnings
import zlib
from pathlib import Path
from typing import cast

import numpy as np

from pipeline.core.base.arrays import ImageRGB

# PNG is lossless at every level; 1 is much faster than the default and a few percent larger.
_PNG_COMPRESSION = 1

PICTURE_FORMATS = ("JPEG", "PNG")

LARGEST_FILE_BYTES = 32 << 20

MOST_PIXELS = 40_000_000
"""Of a decoded picture: 120 MB; VGGFace2's have a tenth of a million."""

UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, struct.error, zlib.error, Warning)
"""Exceptions raised by decoding a damaged file or one that is no picture; Warning: of a decompression bomb."""


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


def read_picture_file(path: Path) -> ImageRGB | None:
    """Return the picture, (H, W, 3) RGB; None for what is no JPEG or PNG, damaged or of more than MOST_PIXELS."""
    from PIL import Image

    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(path, formats=PICTURE_FORMATS) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    return None
                return np.asarray(picture.convert("RGB"))
    except (*UNREADABLE, Image.DecompressionBombError):
        return None
