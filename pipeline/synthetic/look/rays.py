"""Rays from the camera, and where they hit a head."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.look.geometry import PIVOT, Camera, Reals
from pipeline.synthetic.look.head import HALF_DEPTH, HALF_HEIGHT, HeadShape, look_up, taper, unjawed


@dataclass(frozen=True, slots=True, kw_only=True)
class Rays:
    """Rays in head coordinates: origins, (H, W) each, and their common direction (3,) into the scene."""

    x: Reals
    y: Reals
    z: Reals
    direction: Reals


def cast_rays(columns_px: Reals, rows_px: Reals, turn: Reals, camera: Camera) -> Rays:
    """Return the rays through a grid of pixel positions, (H rows, W columns)."""
    u, v = np.meshgrid((columns_px - camera.x_px) / camera.scale_px, (rows_px - camera.y_px) / camera.scale_px)
    u, v = u.astype(np.float32), v.astype(np.float32)
    x, y, z = (turn[0, k] * u + turn[1, k] * v + PIVOT[k] for k in range(3))
    return Rays(x=x, y=y, z=z, direction=-turn[2])


def hit_head(shape: HeadShape, rays: Rays, jaw: float) -> tuple[Reals, Reals, Reals]:
    """Return (theta, rest y, distance along the ray) of the surface without the nose; rays that miss get its edge.

    Each iteration intersects the ellipsoid that fits the surface where the previous iteration hit it.
    """
    dx, dy, dz = rays.direction
    theta, y, distance = rays.x, rays.y, rays.x
    lift: Reals | float = 1.0
    for _ in range(4):
        rest = unjawed(y, jaw)
        ax = 1 / (shape.half_width * taper(shape, rest) * lift)
        ay = np.where(np.abs(y) > 1e-3, rest / np.where(np.abs(y) > 1e-3, y, 1), 1) / (HALF_HEIGHT * lift)
        az = 1 / (HALF_DEPTH * lift)
        ax2, ay2, az2 = ax * ax, ay * ay, az * az
        a = dx * dx * ax2 + dy * dy * ay2 + dz * dz * az2
        b = rays.x * dx * ax2 + rays.y * dy * ay2 + rays.z * dz * az2
        c = rays.x**2 * ax2 + rays.y**2 * ay2 + rays.z**2 * az2 - 1
        distance = (-b - np.sqrt(np.maximum(b * b - a * c, 0))) / a
        theta, y = place(shape, rays, distance, jaw)
        rest = unjawed(y, jaw)
        lift = 1 + look_up(shape.bulge, theta, rest)
    return theta, rest, distance


NOSE_STEPS = np.linspace(-1.0, 0.3, 27, dtype=np.float32)
NOSE_CLEAR = 0.015  # a hit less than this in front of the surface without the nose is that surface


def hit_nose(shape: HeadShape, rays: Rays, behind: Reals, jaw: float) -> tuple[Reals, Reals, NDArray[np.bool_]]:
    """March the rays through the space in front of the surface at ``behind``: return (theta, rest y, is nose)."""
    at = behind + NOSE_STEPS[:, None, None]
    outside = _height(shape, rays, at, jaw)
    first = np.argmax(outside < 0, axis=0)
    (after,), (before,) = (np.take_along_axis(outside, k[None], 0) for k in (first, np.maximum(first - 1, 0)))
    share = before / np.maximum(before - after, 1e-6)
    step = NOSE_STEPS[1] - NOSE_STEPS[0]
    distance = behind + NOSE_STEPS[first] - step * (1 - share)
    theta, y = place(shape, rays, distance, jaw)
    return theta, unjawed(y, jaw), (first > 0) & (distance < behind - NOSE_CLEAR)


def _height(shape: HeadShape, rays: Rays, distance: Reals, jaw: float) -> Reals:
    """Return how far the points lie outside the surface with its nose, as a share of the ellipsoid."""
    dx, dy, dz = rays.direction
    rest = unjawed(rays.y + distance * dy, jaw)
    x = (rays.x + distance * dx) / (shape.half_width * taper(shape, rest))
    z = (rays.z + distance * dz) / HALF_DEPTH
    theta = np.arctan2(x, z)
    flat = (-1, theta.shape[-1])
    ground = look_up(shape.bulge + shape.nose, theta.reshape(flat), rest.reshape(flat)).reshape(theta.shape)
    return np.asarray(np.sqrt(x * x + z * z + (rest / HALF_HEIGHT) ** 2) - 1 - ground)


def place(shape: HeadShape, rays: Rays, distance: Reals, jaw: float) -> tuple[Reals, Reals]:
    """Return theta and y of the points at ``distance`` along the rays."""
    dx, dy, dz = rays.direction
    y = rays.y + distance * dy
    x = (rays.x + distance * dx) / (shape.half_width * taper(shape, unjawed(y, jaw)))
    theta = np.arctan2(x, (rays.z + distance * dz) / HALF_DEPTH)
    return theta.astype(np.float32), y.astype(np.float32)
