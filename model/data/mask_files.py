"""Masks that people draw: a grey picture, or one with transparency, as shares of each pixel to be inpainted."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, ImageRGB
from pipeline.core.base.errors import BadInput
from pipeline.core.base.images import read_layers

MaskShares: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8: the share of a pixel that is inpainted, in 255ths; 0 keeps it, 255 replaces it."""

FULL = 255

NEAR = 8
"""Levels this near to black, white or opaque are taken for it: nobody sees the difference."""

JPEG_NEAR = 32
"""The same of a JPEG, whose compression leaves such levels beside every edge."""

MOST_CHROMA, MOST_COLOURED = 32, 0.01
"""A mask is grey: at most this share of its pixels has channels further apart than these levels."""

MIN_PHOTO_COLOURS, MIN_PHOTO_SHARE, MIN_COLOURED_SHARE = 16, 0.5, 0.05
"""The opaque pixels of a photograph: colours at least, and shares neither black nor white, or not grey."""

_COLOUR_BITS = 6
"""Colours are counted by so many upper bits a channel."""


def read_mask_file(path: Path) -> MaskShares:
    """Return what a JPEG, PNG or WebP mask says of each pixel, upright.

    Without transparency: black keeps, white is inpainted, grey is a share. With it: where all that is opaque is white,
    the white is inpainted, unless it is all around the picture; where it is a photograph, what was erased. Other
    transparency could mean either, and raises BadInput, as do colours, a mask without white, and what is no picture.
    """
    colours, opacity, is_jpeg = read_layers(path, in_srgb=False)
    if opacity is None or opacity.min() > FULL - NEAR:
        shares = _stretched(_grey(colours, path), JPEG_NEAR if is_jpeg else NEAR)
    else:
        shares = _stretched(_by_opacity(colours, opacity, path), NEAR)
    if not shares.any():
        raise BadInput(f"{path}: expected white where the face is to be inpainted, found all black")
    return shares


def _grey(colours: ImageRGB, path: Path) -> ImageGrey:
    lightest, darkest = colours.max(axis=2), colours.min(axis=2)
    if (lightest - darkest > MOST_CHROMA).mean() > MOST_COLOURED:
        raise BadInput(f"{path}: expected a mask in black and white, white where it is inpainted, found colours")
    return np.asarray(colours.mean(axis=2, dtype=np.float32).round(), np.uint8)


def _by_opacity(colours: ImageRGB, opacity: ImageGrey, path: Path) -> ImageGrey:
    """Return the shares of a mask of which a part is transparent."""
    opaque = colours[opacity > FULL - NEAR]
    if not len(opaque):
        raise BadInput(f"{path}: expected a mask with opaque pixels, found none")
    is_white = opaque.min(axis=1) >= FULL - NEAR
    if is_white.all() and not _is_opaque_around(opacity):
        return opacity
    between = opaque[~is_white & (opaque.max(axis=1) > NEAR)]
    n_coloured = np.count_nonzero(between.max(axis=1) - between.min(axis=1) > MOST_CHROMA)
    is_photo = len(between) >= MIN_PHOTO_SHARE * len(opaque) or n_coloured >= MIN_COLOURED_SHARE * len(opaque)
    if is_photo and _n_colours(between) >= MIN_PHOTO_COLOURS:
        return FULL - opacity
    raise BadInput(
        f"{path}: what its transparent pixels mean can't be told: expected white on transparent, or the photograph with"
        " the region erased, or a mask in black and white without transparency"
    )


def _is_opaque_around(opacity: ImageGrey) -> bool:
    """Return whether all pixels at the picture's edges are opaque: a hole was erased, and nothing drawn."""
    edges = (opacity[0], opacity[-1], opacity[:, 0], opacity[:, -1])
    return all((edge > FULL - NEAR).all() for edge in edges)


def _n_colours(pixels: NDArray[np.uint8]) -> int:
    """Return how many colours pixels (N, 3) have."""
    red, green, blue = (pixels >> (8 - _COLOUR_BITS)).astype(np.int32).T
    return int(np.count_nonzero(np.bincount((red << 2 * _COLOUR_BITS) + (green << _COLOUR_BITS) + blue)))


def _stretched(levels: ImageGrey, near: int) -> MaskShares:
    """Return levels whose ends are black and white, and those between in proportion."""
    return np.asarray(((levels.astype(np.float32) - near) * (FULL / (FULL - 2 * near))).round().clip(0, FULL), np.uint8)
