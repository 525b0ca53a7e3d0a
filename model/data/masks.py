"""Masks: rectangles, strokes, or a picture. 1 where a face is to be inpainted, 0 where it is known."""

from functools import lru_cache
from math import cos, pi, sin
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from model.data.mask_files import read_mask_file
from model.settings import MaskParams
from pipeline.core.base.errors import BadInput

Mask: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8: 1 in the masked region, 0 where the face is known."""

FACE_PX = 256
"""Params and the lengths below are in pixels of a face of this size; they scale with other sizes."""

RELEASED_SHIFT_PX = 25
"""The released code's shift below the centre: its 128 px mask is columns 64..191, rows 89..216."""

STROKE_BANDS = {"strokes_small": (0.1, 0.2), "strokes_medium": (0.2, 0.4), "strokes_large": (0.4, 0.6)}
"""The masked share of the face: from (included) and to (excluded).

The paper gives no numbers for its three sizes (Fig. 6); these are the bands from 0.1 to 0.6 in which irregular masks
are usually evaluated (Liu et al. 2018, "Image inpainting for irregular masks"), the four wider ones in pairs.
"""

N_VERTICES = (5, 18)
BRUSH_PX = (10, 30)
LENGTH_PX = (20, 80)
START_MARGIN_PX = 80
"""A stroke of the released code: number of vertices, width, distance of vertices, distance of its start from the edge.

The released code draws 5 to 10 of them, which covers 24 % to 87 % of a face, 56 % in the median; here the bands decide.
It also mirrors masks at random, which changes nothing: no direction is preferred.
"""

WHITE_FROM = 128


def draw_mask(params: MaskParams, rng: np.random.Generator, size_px: int = FACE_PX) -> Mask:
    """Return the mask (size_px, size_px) of a face of ``size_px``, 16 or more; equal ``rng`` give equal masks.

    Raises BadInput when the rectangle would leave the face, and for an image that is no mask.
    """
    match params.kind:
        case "rectangle_released":
            return _fixed_rectangle(params, RELEASED_SHIFT_PX, size_px)
        case "rectangle_centred":
            return _fixed_rectangle(params, 0, size_px)
        case "rectangle_random":
            return _random_rectangle(params, rng, size_px)
        case "strokes_small" | "strokes_medium" | "strokes_large":
            return _strokes(STROKE_BANDS[params.kind], rng, size_px)
        case "image":
            return _image(Path(str(params.image)).absolute(), size_px).copy()


def _fixed_rectangle(params: MaskParams, shift_px: int, size_px: int) -> Mask:
    left = (FACE_PX - params.size_px) // 2
    top = left + shift_px
    if top + params.size_px > FACE_PX:
        raise BadInput(
            f"mask.size_px: expected at most {FACE_PX - 2 * shift_px} for {params.kind}, whose mask lies {shift_px} px"
            f" below the centre of {FACE_PX} px, found {params.size_px}"
        )
    mask = np.zeros((size_px, size_px), np.uint8)
    mask[_scaled(top, params.size_px, size_px), _scaled(left, params.size_px, size_px)] = 1
    return mask


def _random_rectangle(params: MaskParams, rng: np.random.Generator, size_px: int) -> Mask:
    """Draw a rectangle, uniform over all positions in the face."""
    side = _scaled(0, params.size_px, size_px).stop
    top, left = rng.integers(0, size_px - side + 1, 2)
    mask = np.zeros((size_px, size_px), np.uint8)
    mask[top : top + side, left : left + side] = 1
    return mask


def _scaled(start_px: int, length_px: int, size_px: int) -> slice:
    """Return a range of pixels scaled to a face of ``size_px``, rounded outwards, so that it is never empty."""
    return slice(start_px * size_px // FACE_PX, -(-(start_px + length_px) * size_px // FACE_PX))


def _strokes(band: tuple[float, float], rng: np.random.Generator, size_px: int) -> Mask:
    """Draw strokes until a random share is masked; the last one ends where it is reached.

    The share is drawn so far below the end of the band that one more piece of a stroke stays in it. The strokes of all
    bands are the same for one seed: the larger mask contains the smaller.
    """
    low, high = band
    target_px = rng.uniform(low, high - _largest_piece_px(size_px) / size_px**2) * size_px**2
    mask = np.zeros((size_px, size_px), np.uint8)
    while cv2.countNonZero(mask) < target_px:
        _draw_stroke(mask, target_px, rng)
    return mask


def _draw_stroke(mask: Mask, target_px: float, rng: np.random.Generator) -> None:
    """Add one stroke to ``mask``, clamped to the face, or as much of it as masks ``target_px`` pixels."""
    size_px = len(mask)
    scale = size_px / FACE_PX
    width_px = _brush_px(int(rng.integers(*BRUSH_PX, endpoint=True)), scale)
    n_pieces = rng.integers(*N_VERTICES, endpoint=True) - 1
    x, y = rng.uniform(START_MARGIN_PX * scale, size_px - START_MARGIN_PX * scale, 2).tolist()
    angles, lengths = rng.uniform(0, 2 * pi, n_pieces).tolist(), rng.uniform(*LENGTH_PX, n_pieces).tolist()
    for angle, length in zip(angles, lengths, strict=True):
        start = round(x), round(y)
        x = min(max(x + scale * length * cos(angle), 0), size_px - 1)
        y = min(max(y + scale * length * sin(angle), 0), size_px - 1)
        cv2.line(mask, start, (round(x), round(y)), 1, width_px)
        if cv2.countNonZero(mask) >= target_px:
            return


def _brush_px(width_px: int, scale: float) -> int:
    return max(1, round(scale * width_px))


def _largest_piece_px(size_px: int) -> float:
    """Return the area of the longest piece with the widest brush and round ends, a pixel wider as OpenCV draws it."""
    scale = size_px / FACE_PX
    width_px = _brush_px(BRUSH_PX[1], scale) + 1
    return width_px * scale * LENGTH_PX[1] + pi / 4 * width_px**2


@lru_cache(maxsize=4)
def _image(path: Path, size_px: int) -> Mask:
    """Return the mask that ``read_mask_file`` reads, by nearest neighbour; a path is read once per process.

    A face's pixel is masked or not: grey counts as white from the middle of the range on.
    """
    shares = read_mask_file(path)
    height, width = shares.shape
    if height != width:
        raise BadInput(f"{path}: expected a square mask, as faces are, found {width} x {height} pixels")
    resized = cv2.resize(shares, (size_px, size_px), interpolation=cv2.INTER_NEAREST_EXACT)
    mask: Mask = (resized >= WHITE_FROM).astype(np.uint8)
    if mask.all() or not mask.any():
        found = "all white" if mask.all() else "all black"
        raise BadInput(f"{path}: expected white in the masked region and black elsewhere, found {found}")
    return mask
