"""Parts of a talker drawn as flat outlines: long hair, neck, clothes, ears."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.look.geometry import Camera, Reals, project, rotation
from pipeline.synthetic.look.scene import Image, Light
from pipeline.synthetic.look.talker import Talker
from pipeline.synthetic.script.traits import Traits

SHIFT = 4  # fractional bits of OpenCV's coordinates


def draw_body(image: Image, talker: Talker, camera: Camera, light: Light, tilt_deg: float = 0.0) -> None:
    """Draw long hair, neck and clothes in place, frontal, tilted by ``tilt_deg`` in the image."""
    traits, colours = talker.traits, talker.colours
    level = light.ambient + 0.5 * (1 - light.ambient)
    turn = rotation(0, 0, tilt_deg)

    def fill(outline: list[tuple[float, float]], colour: Reals) -> None:
        points = np.array([(x, y, 0.0) for x, y in _rounded(outline)], np.float32)
        _fill(image, project(points, turn, camera), colour * level)

    if traits.hair_length > 0.5:
        fill(_mirrored(_long_hair(traits, talker.shape.half_width)), colours.hair * 0.7)
    neck = 0.58 + 0.10 * traits.head_width
    fill(_mirrored([(neck, 0.6), (neck, 1.9), (neck + 0.15, 2.5), (neck + 0.3, 3.2)]), colours.skin * 0.72)
    fill(_mirrored([(0.4, 1.2), (0.52, 1.75), (0.3, 2.2)]), colours.skin * 0.55)
    fill(_shoulders(neck), _clothes(traits))


def _mirrored(right: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return right + [(-x, y) for x, y in reversed(right)]


def _rounded(outline: list[tuple[float, float]]) -> NDArray[np.float64]:
    """Return a smooth closed curve: the outline with its corners cut three times (Chaikin)."""
    points = np.array(outline)
    for _ in range(3):
        following = np.roll(points, -1, axis=0)
        cut = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], axis=1)
        points = cut.reshape(-1, 2)
    return points


def _long_hair(traits: Traits, half_width: float) -> list[tuple[float, float]]:
    end = 1.2 + 1.8 * traits.hair_length
    wide = half_width * (1.06 + 0.12 * traits.hair_volume)
    return [(0.5, -1.5), (wide, -0.8), (wide * 1.06, 0.2), (wide * 1.10, 0.7 * end), (wide * 0.95, end)]


def _shoulders(neck: float) -> list[tuple[float, float]]:
    right = [(neck + 0.1, 2.30), (neck + 0.5, 2.55), (2.1, 2.9), (2.75, 3.4), (3.0, 4.5), (3.1, 9.0)]
    collar = [(-x, 2.75 - 0.45 * (x / (neck + 0.1)) ** 2) for x in np.linspace(-neck - 0.1, neck + 0.1, 13)]
    return right + [(-x, y) for x, y in reversed(right)] + [(-float(x), float(y)) for x, y in collar]


def _clothes(traits: Traits) -> Reals:
    hsv = np.array([[[180 * traits.clothes_hue, 130, 50 + 160 * traits.clothes_shade]]]).astype(np.uint8)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0], np.float32)


def _fill(image: Image, points_px: Reals, colour: Reals) -> None:
    fixed = np.rint(points_px * (1 << SHIFT)).astype(np.int32)
    cv2.fillPoly(image, [fixed], [float(c) for c in np.clip(colour, 0, 255)], cv2.LINE_AA, SHIFT)


def draw_ears(image: Image, talker: Talker, turn: Reals, camera: Camera, light: Light) -> None:
    """Draw both ears in place; the head, drawn later, covers their hidden parts."""
    angle = np.linspace(0, 2 * np.pi, 25)[:-1]
    long, out = 0.28 + 0.10 * talker.traits.ears, 0.14 + 0.10 * talker.traits.ears
    level = light.ambient + 0.4 * (1 - light.ambient)
    for side in (-1, 1):
        for size, tone in ((1.0, 0.85), (0.6, 0.62)):
            x = side * (talker.shape.half_width + 0.02 + out * size * np.cos(angle))
            z = -0.15 - 0.25 * size * np.cos(angle)
            ear = np.stack([x, 0.22 + long * size * np.sin(angle), z], axis=1).astype(np.float32)
            _fill(image, project(ear, turn, camera), talker.colours.skin * tone * level)
