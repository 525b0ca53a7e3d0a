"""Pictures for the page: small faces, tables of pictures of limited size, log-mels in colour."""

import io
from typing import cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageRGB, LogMel
from pipeline.core.base.images import decode_png
from pipeline.report.inline import Picture, SizeBudget

_FACE_PX = 160
_FACE_QUALITY = 84
_GRID_SIDE_PX = 1600
_GRID_QUALITY = 86
_SMALLER = 0.75
_SMALLEST_PX = 200

_LOG_MEL_LIMITS = (-2.0, 3.0)  # standard deviations; values beyond are clipped
_N_COLOURS = 64
_ROWS_PER_MEL = 2
# From quiet to loud, in even steps of lightness, so that it can be read without colour vision.
_RAMP = ((13, 16, 43), (59, 27, 105), (122, 40, 118), (190, 60, 100), (238, 110, 72), (252, 185, 110), (252, 250, 205))

SYNTHETIC = "Synthetic: parts of this picture were inpainted by a network. It shows nobody as they are."
"""The comment in the file of every inpainted picture, also when it is copied from the page."""


def inline_face(png: bytes, alt: str, budget: SizeBudget) -> Picture | None:
    """Return the face at 160 px; None where the budget is used up."""
    return inline_face_image(decode_png(png), alt, budget)


def inline_face_image(face: ImageRGB, alt: str, budget: SizeBudget, comment: str = "") -> Picture | None:
    """Return the face (H, W, 3) at 160 px, with ``comment`` in its file; None where the budget is used up."""
    small = _at_most(face, _FACE_PX)
    return _inlined(_jpeg(small, _FACE_QUALITY, comment), "image/jpeg", _size(small), alt, budget)


def inline_grid(png: bytes, alt: str, budget: SizeBudget, most: int) -> Picture | None:
    """Return an inpainted picture unchanged if it has at most ``most`` bytes, else as the largest JPEG that has.

    None where no readable size fits, or where the budget is used up.
    """
    picture = decode_png(png)
    if len(png) <= most and max(_size(picture)) <= _GRID_SIDE_PX:
        return _inlined(png, "image/png", _size(picture), alt, budget)
    side = float(min(_GRID_SIDE_PX, max(_size(picture))))
    while side >= _SMALLEST_PX:
        smaller = _at_most(picture, round(side))
        jpeg = _jpeg(smaller, _GRID_QUALITY, SYNTHETIC)
        if len(jpeg) <= most:
            return _inlined(jpeg, "image/jpeg", _size(smaller), alt, budget)
        side *= _SMALLER
    return None


def inline_log_mel(log_mel_MF: LogMel, alt: str, budget: SizeBudget) -> Picture | None:
    """Return a log-mel, low frequencies at the bottom, one pixel a frame; None where the budget is used up."""
    from PIL import Image

    low, high = _LOG_MEL_LIMITS
    levels = np.clip((log_mel_MF[::-1] - low) / (high - low), 0.0, 1.0) * (_N_COLOURS - 1)
    picture = Image.fromarray(np.repeat(np.rint(levels).astype(np.uint8), _ROWS_PER_MEL, axis=0))
    picture.putpalette(_palette())
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return _inlined(file.getvalue(), "image/png", picture.size, alt, budget)


def _palette() -> bytes:
    stops = np.linspace(0, 1, len(_RAMP))
    levels = np.linspace(0, 1, _N_COLOURS)
    channels = [np.interp(levels, stops, channel) for channel in zip(*_RAMP, strict=True)]
    colours: NDArray[np.uint8] = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    return colours.tobytes()


def _at_most(picture: ImageRGB, side_px: int) -> ImageRGB:
    """Return ``picture`` with its longer side at ``side_px``; smaller pictures are not changed."""
    import cv2

    width, height = _size(picture)
    scale = side_px / max(width, height)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cast(ImageRGB, cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _size(picture: ImageRGB) -> tuple[int, int]:
    """Return width and height."""
    return picture.shape[1], picture.shape[0]


def _jpeg(picture: ImageRGB, quality: int, comment: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, comment=comment)
    return file.getvalue()


def _inlined(data: bytes, media_type: str, size: tuple[int, int], alt: str, budget: SizeBudget) -> Picture | None:
    url = budget.data_url(data, media_type)
    return None if url is None else Picture(url, *size, alt)
