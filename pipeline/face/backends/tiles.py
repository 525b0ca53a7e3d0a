"""Search a picture in parts, for detectors that shrink what they are given: the smallest faces are large in a part."""

from pipeline.face.backends.interface import Detection
from pipeline.face.measures.boxes import Box, iou

# Tiles overlap by half, so that a face up to half a tile is whole in one; larger ones are searched in larger tiles.
_TILE_GROWTH = 2.5
_MAX_OVERLAP = 0.3


def tiles(width: int, height: int, smallest_px: float) -> list[tuple[int, int, int, int]]:
    """Return (left, top, right, bottom) of the tiles: squares of ``smallest_px``, of larger sizes, and all.

    A detector that finds faces from a given share of its picture on finds, in one of them, every face of at least that
    share of ``smallest_px``.
    """
    side, found = smallest_px, []
    while side < max(width, height):
        size = round(side)
        found += [
            (left, top, min(left + size, width), min(top + size, height))
            for top in _starts(height, size)
            for left in _starts(width, size)
        ]
        side *= _TILE_GROWTH
    return [*found, (0, 0, width, height)]


def _starts(length: int, tile: int) -> list[int]:
    """Return where tiles that overlap by at least half start, so that the first and the last end with the picture."""
    if length <= tile:
        return [0]
    n_steps = -(-(length - tile) * 2 // tile)
    return [round(step * (length - tile) / n_steps) for step in range(n_steps + 1)]


def is_cut(box: Box, tile: tuple[int, int, int, int], width: int, height: int) -> bool:
    """Return whether the edge of a tile cuts ``box``, pixels of the picture; the picture's own edges may."""
    left, top, right, bottom = tile
    return (
        (left > 0 and box.x < left)
        or (top > 0 and box.y < top)
        or (right < width and box.x + box.w > right)
        or (bottom < height and box.y + box.h > bottom)
    )


def without_duplicates(found: list[Detection]) -> list[Detection]:
    """Return the best of each group of overlapping detections, best first."""
    kept: list[Detection] = []
    for one in sorted(found, key=lambda one: -one.score):
        if all(iou(one.box, other.box) <= _MAX_OVERLAP for other in kept):
            kept.append(one)
    return kept
