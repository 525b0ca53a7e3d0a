"""The shape of a head: a tapered ellipsoid with hair, brows, chin and nose on it, as surface maps."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeline.synthetic.look.geometry import Reals
from pipeline.synthetic.script.traits import Traits

# The surface is described over (theta, y): theta is the angle about the vertical axis (0 = front, positive to
# the image's right), y the height at rest. Maps of the surface have MAP_PX columns and rows.
THETA_SPAN = (-np.pi, np.pi)
Y_SPAN = (-2.3, 2.1)
MAP_PX = (512, 320)

HALF_HEIGHT = 1.86
HALF_DEPTH = 1.55
SKULL_FULLNESS = 0.20
JAW_HINGE_Y = 0.95  # below this the face moves with the jaw
CHIN_DROP = 0.5  # chin's way per unit of lip gap
EYE_X = 0.5
NOSE_ROOT_Y = -0.12
NOSE_BASE = 0.17  # from the tip down to the lip


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadShape:
    """Sizes in head units, and maps over (theta, y) of the relief, as a share of the ellipsoid."""

    half_width: float
    jaw_fullness: float
    nose_tip_y: float
    nose_half_width: float
    hair: Reals
    bulge: Reals
    nose: Reals
    normals: Reals


def head_shape(traits: Traits) -> HeadShape:
    """Return the head shape of a person with these traits."""
    theta, y = grid()
    half_width = 1.06 + 0.20 * traits.head_width
    tip_y, nose_half = 0.55 + 0.14 * traits.size, 0.17 + 0.13 * traits.size
    hair = hair_mask(theta, y, traits)
    bulge = (0.02 + 0.11 * traits.hair_volume) * hair + _face_relief(theta, y)
    nose = _nose(theta * half_width, y, tip_y, nose_half)
    bare = HeadShape(
        half_width=half_width,
        jaw_fullness=-0.06 + 0.26 * traits.jaw,
        nose_tip_y=tip_y,
        nose_half_width=nose_half,
        hair=hair,
        bulge=bulge,
        nose=nose,
        normals=np.empty(0, np.float32),
    )
    return replace(bare, normals=_normals(bare, theta, y))


def grid(size_px: tuple[int, int] = MAP_PX) -> tuple[Reals, Reals]:
    """Return theta and y of the centres of a map's pixels."""
    columns, rows = size_px
    theta = np.linspace(*THETA_SPAN, columns, dtype=np.float32)
    y = np.linspace(*Y_SPAN, rows, dtype=np.float32)
    return tuple(np.meshgrid(theta, y))  # type: ignore[return-value]


def map_place(theta: Reals, y: Reals, size_px: tuple[int, int] = MAP_PX) -> tuple[Reals, Reals]:
    """Return the map column and row of surface places: the inverse of :func:`grid`."""
    column = (theta - THETA_SPAN[0]) * np.float32((size_px[0] - 1) / (THETA_SPAN[1] - THETA_SPAN[0]))
    row = (y - Y_SPAN[0]) * np.float32((size_px[1] - 1) / (Y_SPAN[1] - Y_SPAN[0]))
    return column, row


def hair_mask(theta: Reals, y: Reals, traits: Traits) -> Reals:
    """Return 1 where hair is and 0 on the face, with an edge about 0.1 units wide."""
    turn = np.abs(theta)
    forehead_y = -1.52 + 0.54 * traits.hairline
    wave = 0.05 * np.sin(5 * theta + 40 * traits.hairline) + 0.03 * np.sin(11 * theta + 90 * traits.hairline)
    line = wave + np.interp(
        turn, [0.0, 0.75, 1.0, 1.25, 1.9, 2.4], [forehead_y, forehead_y + 0.12, -0.55, 0.12, 0.35, 1.1]
    )
    return np.asarray(np.clip((line - y) / 0.10 + 0.5, 0, 1), np.float32)


def _face_relief(theta: Reals, y: Reals) -> Reals:
    """Return brow ridge, eye sockets, cheekbones and chin."""

    def dome(at_theta: float, at_y: float, wide: float, high: float) -> Reals:
        return np.asarray(np.exp(-(((np.abs(theta) - at_theta) / wide) ** 2) - ((y - at_y) / high) ** 2))

    relief = 0.030 * dome(0.25, -0.34, 0.35, 0.16) - 0.050 * dome(0.43, 0.0, 0.16, 0.17)
    relief += 0.025 * dome(0.55, 0.42, 0.25, 0.25) + 0.08 * dome(0.0, 1.58, 0.36, 0.22)
    return np.asarray(relief - 0.025 * dome(0.0, 1.36, 0.30, 0.09), np.float32)


def _nose(x: Reals, y: Reals, tip_y: float, half_width: float) -> Reals:
    """Return the nose: a ridge that rises to the tip, falls off below it, and spreads into two wings."""
    along = np.clip((y - NOSE_ROOT_Y) / (tip_y - NOSE_ROOT_Y), 0, 1)
    below = np.clip((tip_y + NOSE_BASE - y) / NOSE_BASE, 0, 1)
    ridge = (0.06 * np.sqrt(along) + 0.26 * along**1.6) * np.sqrt(below)
    width = 0.13 + (half_width - 0.13) * along**2.5
    across = np.clip(1 - (x / (width * 1.15)) ** 2, 0, 1)
    wings = np.exp(-(((np.abs(x) - 0.72 * half_width) / 0.085) ** 2) - ((y - tip_y - 0.03) / 0.10) ** 2)
    return np.asarray(np.maximum(ridge * across**1.3, 0.085 * wings), np.float32)


def surface_points(shape: HeadShape, theta: Reals, y: Reals, lift: Reals | float, jaw: float) -> Reals:
    """Return points at rest places (theta, y), ``lift`` above the ellipsoid, with a dropped jaw."""
    reach = np.sqrt(np.maximum((1 + lift) ** 2 - (y / HALF_HEIGHT) ** 2, 0))
    x = shape.half_width * taper(shape, y) * reach * np.sin(theta)
    return np.stack([x, jawed(y, jaw), HALF_DEPTH * reach * np.cos(theta)], axis=-1).astype(np.float32)


def front_points(shape: HeadShape, x: Reals, y: Reals, lift: float, jaw: float = 0.0) -> Reals:
    """Return (N, 3) points of the bare ellipsoid's front at (x, y), ``lift`` units in front of it.

    ``y`` is the height with the jaw dropped, not at rest.
    """
    rest = unjawed(y, jaw)
    across = x / (shape.half_width * taper(shape, rest))
    z = HALF_DEPTH * np.sqrt(np.maximum(1 - across**2 - (rest / HALF_HEIGHT) ** 2, 0)) + lift
    return np.stack([x, y, z], axis=-1).astype(np.float32)


def taper(shape: HeadShape, y: Reals) -> Reals:
    """Return the head's width at height y as a share of the ellipsoid's: wider above, by the jaw's shape below."""
    share = np.clip(y / HALF_HEIGHT, -1, 1)
    return np.asarray(1 + np.where(share < 0, SKULL_FULLNESS, shape.jaw_fullness) * share * share, np.float32)


def jawed(y: Reals, jaw: float) -> Reals:
    """Return the height of a point of rest height y when the lips are ``jaw`` apart."""
    stretch = CHIN_DROP * jaw / (HALF_HEIGHT - JAW_HINGE_Y)
    return np.asarray(y + stretch * np.maximum(y - JAW_HINGE_Y, 0), np.float32)


def unjawed(y: Reals, jaw: float) -> Reals:
    """Return the rest height of a point at y: the inverse of :func:`jawed`."""
    stretch = CHIN_DROP * jaw / (HALF_HEIGHT - JAW_HINGE_Y)
    return np.asarray(y - stretch / (1 + stretch) * np.maximum(y - JAW_HINGE_Y, 0), np.float32)


def _normals(shape: HeadShape, theta: Reals, y: Reals) -> Reals:
    points = surface_points(shape, theta, y, shape.bulge + shape.nose, 0.0)
    down, along = np.gradient(points, axis=0), np.gradient(points, axis=1)
    normals = np.cross(along, down)
    normals *= np.sign((normals * points).sum(axis=-1, keepdims=True) + 1e-9)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    smooth = cv2.GaussianBlur(np.asarray(normals / np.maximum(length, 1e-6), np.float32), (0, 0), 1.2)
    return np.asarray(smooth, np.float32)


def look_up(table: Reals, theta: Reals, y: Reals) -> Reals:
    """Return a map's values at surface places, bilinear."""
    column, row = map_place(theta, y)
    return np.asarray(cv2.remap(table, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
