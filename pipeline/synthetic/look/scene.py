"""Background, light and sensor noise of a clip, independent of the voice."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.look.geometry import Reals

Image = NDArray[np.uint8]
N_NOISES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """Direction towards the light in camera axes, the ambient share, and the colour (RGB gains)."""

    direction: tuple[float, float, float]
    ambient: float
    tint: tuple[float, float, float]


def draw_light(rng: np.random.Generator) -> Light:
    """Draw at random a light above and in front of the person, more or less from one side."""
    towards = np.array([rng.uniform(-0.7, 0.7), rng.uniform(-0.8, -0.25), 1.0])
    towards /= np.linalg.norm(towards)
    warm = float(rng.uniform(-0.05, 0.05))
    return Light(
        direction=(float(towards[0]), float(towards[1]), float(towards[2])),
        ambient=float(rng.uniform(0.38, 0.52)),
        tint=(1 + warm, 1.0, 1 - warm),
    )


def draw_room(rng: np.random.Generator, width_px: int, height_px: int) -> Image:
    """Return a blurred wall with a few objects and a gradient of light, (H, W, 3) uint8 RGB."""
    wall = rng.uniform(60, 190, 3) * 0.3 + rng.uniform(60, 200) * 0.7
    image = np.empty((height_px, width_px, 3), np.float32)
    image[:] = wall
    for _ in range(int(rng.integers(3, 8))):
        left, top = int(rng.uniform(-0.1, 0.95) * width_px), int(rng.uniform(-0.1, 0.8) * height_px)
        right, bottom = (
            left + int(rng.uniform(0.06, 0.3) * width_px),
            top + int(rng.uniform(0.1, 0.6) * height_px),
        )
        cv2.rectangle(image, (left, top), (right, bottom), tuple(wall + rng.normal(0, 26) + rng.normal(0, 12, 3)), -1)
    cv2.GaussianBlur(image, (0, 0), 0.012 * height_px, dst=image)
    image += cv2.resize(
        rng.normal(0, 4, (9, 16, 3)).astype(np.float32), (width_px, height_px), interpolation=cv2.INTER_CUBIC
    )
    down, across = np.meshgrid(np.linspace(-1, 1, height_px), np.linspace(-1, 1, width_px), indexing="ij")
    image *= (1 + rng.uniform(-0.2, 0.2) * across + rng.uniform(-0.2, 0.1) * down)[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def draw_noises(rng: np.random.Generator, width_px: int, height_px: int, std: float = 1.6) -> tuple[Image, ...]:
    """Return N_NOISES frames of sensor noise, (H, W, 3) uint8, of mean 128 and ``std`` grey levels."""
    size = (height_px, width_px, 3)
    base = np.clip(rng.normal(128, std, size), 0, 255).round().astype(np.uint8)
    shifts = [(int(a), int(b)) for a, b in rng.integers(0, (height_px, width_px), (N_NOISES, 2))]
    return tuple(np.ascontiguousarray(np.roll(base, shift, axis=(0, 1))) for shift in shifts)


def add_noise(image: Image, noise: Image) -> Image:
    """Return the image with sensor noise of mean 128 added."""
    return np.asarray(cv2.addWeighted(image, 1.0, noise, 1.0, -128.0), np.uint8)


def light_in(light: Light, turn: Reals) -> Reals:
    """Return the light's direction in head coordinates."""
    return np.asarray(turn.T @ np.array(light.direction, np.float32), np.float32)
