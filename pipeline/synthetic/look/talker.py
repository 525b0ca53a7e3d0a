"""A person made ready for drawing, and where the landmarks of a drawn face truly lie."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipeline.synthetic.look.features import LIPS_OUT, Image, lips_at, open_rim
from pipeline.synthetic.look.geometry import Camera, Reals, project
from pipeline.synthetic.look.head import (
    HALF_HEIGHT,
    HeadShape,
    front_points,
    head_shape,
    look_up,
    surface_points,
)
from pipeline.synthetic.look.skin import Colours, colours_of, paint_head
from pipeline.synthetic.script.traits import Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class Talker:
    """Everything of a person that does not change from frame to frame."""

    traits: Traits
    shape: HeadShape
    colours: Colours
    texture: Image
    skull: Reals
    nose: Reals


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmarks:
    """Pixel coordinates (2,) of true landmarks; "left" is the image's left."""

    left_eye_px: Reals
    right_eye_px: Reals
    mouth_left_px: Reals
    mouth_right_px: Reals
    inner_lip_top_px: Reals
    inner_lip_bottom_px: Reals

    @property
    def interocular_px(self) -> float:
        """Distance between the eye centres in the image."""
        return float(np.linalg.norm(self.right_eye_px - self.left_eye_px))

    @property
    def lip_opening(self) -> float:
        """Inner lip gap over interocular distance, both as seen."""
        return float(np.linalg.norm(self.inner_lip_bottom_px - self.inner_lip_top_px)) / self.interocular_px


@lru_cache(maxsize=64)
def talker(traits: Traits) -> Talker:
    """Prepare a person for drawing: some 0.1 s, remembered for the last few persons."""
    shape = head_shape(traits)
    return Talker(
        traits=traits,
        shape=shape,
        colours=colours_of(traits),
        texture=paint_head(traits, shape),
        skull=_skull_points(shape),
        nose=_nose_points(shape),
    )


def _skull_points(shape: HeadShape) -> Reals:
    """Return points all over the noseless head, whose hull is its outline from anywhere."""
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


def _eye_centre(person: Talker, side: int) -> Reals:
    """Return where the six points of an open eye have their mean, (3,)."""
    rim = open_rim(side, person.traits)
    return np.asarray(front_points(person.shape, rim[:, 0], rim[:, 1], 0.0).mean(axis=0))


def landmarks(person: Talker, turn: Reals, camera: Camera, lip_gap: float) -> Landmarks:
    """Return where the true landmarks of a drawn face lie."""
    shape, lips = person.shape, lips_at(person.traits, lip_gap)
    eyes = np.stack([_eye_centre(person, side) for side in (-1, 1)])
    middle = len(lips.top) // 2
    mouth = np.stack([lips.top[0], lips.top[-1], lips.inner_top[middle], lips.inner_bottom[middle]])
    points = np.concatenate([eyes, front_points(shape, mouth[:, 0], mouth[:, 1], LIPS_OUT, lip_gap)])
    names = Landmarks.__dataclass_fields__
    return Landmarks(**dict(zip(names, project(points, turn, camera), strict=True)))
