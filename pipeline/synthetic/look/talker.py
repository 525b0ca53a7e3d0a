"""A talker: all of a generated person that stays the same from frame to frame."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipeline.synthetic.look.geometry import Reals
from pipeline.synthetic.look.head import (
    HALF_HEIGHT,
    HeadShape,
    head_shape,
    look_up,
    surface_points,
)
from pipeline.synthetic.look.scene import Image
from pipeline.synthetic.look.skin import Colours, colours_of, draw_texture
from pipeline.synthetic.script.traits import Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class Talker:
    """A generated person: ``texture`` is the albedo map; ``skull`` and ``nose`` are (N, 3) points for the outlines."""

    traits: Traits
    shape: HeadShape
    colours: Colours
    texture: Image
    skull: Reals
    nose: Reals


@lru_cache(maxsize=64)
def talker_of(traits: Traits) -> Talker:
    """Return the talker with these traits; takes 0.1 s, cached for the last 64."""
    shape = head_shape(traits)
    return Talker(
        traits=traits,
        shape=shape,
        colours=colours_of(traits),
        texture=draw_texture(traits, shape),
        skull=_skull_points(shape),
        nose=_nose_points(shape),
    )


def _skull_points(shape: HeadShape) -> Reals:
    """Return points all over the head without its nose, whose projected hull is the outline in every pose."""
    half_turn = np.float32(np.pi)
    theta, slope = np.meshgrid(np.linspace(-half_turn, half_turn, 49), np.linspace(-half_turn / 2, half_turn / 2, 33))
    y = HALF_HEIGHT * np.sin(slope)
    y = y * (1 + look_up(shape.bulge, theta, y))
    points = surface_points(shape, theta, y, look_up(shape.bulge, theta, y), 0.0)
    return points.reshape(-1, 3)


def _nose_points(shape: HeadShape) -> Reals:
    theta, y = np.meshgrid(*(np.linspace(a, b, 22, dtype=np.float32) for a, b in ((-0.35, 0.35), (-0.1, 0.95))))
    lift = look_up(shape.nose, theta, y)
    points = surface_points(shape, theta, y, look_up(shape.bulge, theta, y) + lift, 0.0)
    return np.asarray(points[lift > 0.01])
