"""Still pictures as media: a JPEG, PNG or WebP file is one frame, at 0 s, as a viewer shows it.

GIF and animated PNG, which FFmpeg plays, are videos; an animated WebP is refused.
"""

from pathlib import Path

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.errors import BadInput, BadMedia
from pipeline.core.base.images import N_SNIFFED, PictureTooLarge, is_picture, is_webp, read_picture
from pipeline.video.streams import has_video_suffix

# An animated PNG says so in a chunk before its first picture; profiles and texts may come before that.
_ANIMATION, _FIRST_PICTURE = b"acTL", b"IDAT"
_MOST_BEFORE = 1 << 20


def is_still(path: Path) -> bool:
    """Return whether a file is a still picture by its first bytes; of a video's suffix none is.

    A raw stream of JPEG pictures, which has such a suffix, begins as one picture does.
    """
    with path.open("rb") as file:
        first = file.read(_MOST_BEFORE)
    is_animated = _ANIMATION in first.partition(_FIRST_PICTURE)[0] and not is_webp(first)
    return is_picture(first[:N_SNIFFED]) and not is_animated and not has_video_suffix(path)


def begins_as_picture(path: Path) -> bool:
    """Return whether a file begins as a JPEG, a PNG or a WebP, whatever its suffix."""
    with path.open("rb") as file:
        return is_picture(file.read(N_SNIFFED))


def codec_of(path: Path) -> str:
    """Return ``jpeg``, ``png`` or ``webp``, of a file that is one of them."""
    with path.open("rb") as file:
        first = file.read(N_SNIFFED)
    if is_webp(first):
        return "webp"
    return "png" if b"PNG" in first else "jpeg"


def read_still(path: Path) -> ImageRGB:
    """Return the picture, (H, W, 3) RGB, of a file.

    Raises BadMedia ``too_large`` for more bytes or pixels than are read, ``undecodable`` for a damaged file, an
    animated WebP or what is no picture.
    """
    try:
        return read_picture(path)
    except PictureTooLarge as error:
        raise BadMedia("too_large", str(error)) from None
    except BadInput as error:
        raise BadMedia("undecodable", str(error)) from None
