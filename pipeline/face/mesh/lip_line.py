"""The line between the lips in the picture: how dark it is against them."""

import numpy as np

from pipeline.core.base.arrays import ImageGrey, ImageRGB, Landmarks
from pipeline.face.mesh.mesh_measures import (
    OUTER_LIP_LOWER,
    OUTER_LIP_UPPER,
    MeshPoints,
    mesh_interocular_px,
)

# The lips are straightened to this many rows, a little of the skin above and below included, and columns, without the
# corners; both are fixed: they define the measure.
_N_ROWS, _N_COLUMNS = 32, 24
_MARGIN = 0.15
_LINE_ROWS = slice(6, 26)  # where the line may be
_FLAT_GREY = 10.0  # added to the lips' grey, so that dark pictures do not divide by next to nothing
_LARGEST_INTEROCULAR_PX = 120.0


def lip_line_contrast(picture: ImageRGB, mesh: MeshPoints) -> float:
    """Return how much darker than the lips the darkest line between them is, over the lips' grey value; median.

    ``picture`` (H, W, 3) RGB, ``mesh`` in its pixels. About 0.1 to 0.5 for lips that are seen, whether shut or parted;
    near 0 where something flat covers them.
    """
    grey, points = _around_mouth(picture, mesh)
    rows = _straightened(grey, points)
    line = _LINE_ROWS.start + rows[_LINE_ROWS].argmin(axis=0)
    contrasts = []
    for column, at in enumerate(line):
        upper = rows[3 : max(4, at - 2), column].mean()
        lower = rows[min(at + 3, _N_ROWS - 4) : _N_ROWS - 3, column].mean()
        lips = min(upper, lower)
        contrasts.append((lips - rows[at, column]) / (lips + _FLAT_GREY))
    return float(np.median(contrasts))


def _around_mouth(picture: ImageRGB, mesh: MeshPoints) -> tuple[ImageGrey, Landmarks]:
    """Return the grey picture around the mouth, of a large face shrunk, and the mesh in its pixels."""
    import cv2

    apart_px = float(mesh_interocular_px(mesh))
    lips = mesh[OUTER_LIP_UPPER + OUTER_LIP_LOWER, :2]
    left, top = np.maximum(0, np.floor(lips.min(axis=0) - apart_px / 8)).astype(int)
    right, bottom = np.maximum(0, np.ceil(lips.max(axis=0) + apart_px / 8)).astype(int)
    part = picture[top:bottom, left:right]
    if part.size == 0:
        return np.zeros((1, 1), np.uint8), mesh[:, :2] * 0
    grey = np.asarray(cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY), np.uint8)
    points = mesh[:, :2] - np.array([left, top], np.float32)
    shrink = min(1.0, _LARGEST_INTEROCULAR_PX / apart_px)
    if shrink < 1.0:
        size = max(1, round(grey.shape[1] * shrink)), max(1, round(grey.shape[0] * shrink))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
        points = (points + 0.5) * np.float32(shrink) - 0.5
    return grey, points


def _straightened(grey: ImageGrey, points: Landmarks) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the lips with their outer edges as straight rows, (32, 24) float32; the picture's edge is repeated."""
    import cv2

    upper, lower = points[OUTER_LIP_UPPER, :], points[OUTER_LIP_LOWER, :]
    shares = np.linspace(_MARGIN, 1 - _MARGIN, _N_COLUMNS)
    above, below = _along(upper, shares), _along(lower, shares)
    depths = np.linspace(-_MARGIN, 1 + _MARGIN, _N_ROWS)[:, None, None]
    places = (above + depths * (below - above)).astype(np.float32)
    found = cv2.remap(grey, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def _along(edge: Landmarks, shares: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Landmarks:
    """Return the points of an edge at these shares of the way from its first to its last point, (N, 2)."""
    across = edge[-1] - edge[0]
    ways = (edge - edge[0]) @ across / max(float(across @ across), 1e-6)
    return np.stack([np.interp(shares, ways, edge[:, axis]) for axis in (0, 1)], axis=-1)
