"""True landmarks of a talker's face in the image."""

from dataclasses import dataclass

import numpy as np

from pipeline.synthetic.look.features import EYES_IN, LIPS_OUT, lips_at, open_rim
from pipeline.synthetic.look.geometry import Camera, Reals, project
from pipeline.synthetic.look.head import front_points
from pipeline.synthetic.look.talker import Talker


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmarks:
    """Image coordinates (2,) of true landmarks, pixels; "left" is the image's left."""

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


def _eye_centre(talker: Talker, side: int) -> Reals:
    """Return the mean of the six points of an open eye, (3,) head coordinates."""
    rim = open_rim(side, talker.traits)
    return np.asarray(front_points(talker.shape, rim[:, 0], rim[:, 1], -EYES_IN).mean(axis=0))


def landmarks(talker: Talker, turn: Reals, camera: Camera, lip_gap: float) -> Landmarks:
    """Return the true landmarks of a talker's face in a pose; ``lip_gap`` in head units."""
    shape, lips = talker.shape, lips_at(talker.traits, lip_gap)
    eyes = np.stack([_eye_centre(talker, side) for side in (-1, 1)])
    middle = len(lips.top) // 2
    mouth = np.stack([lips.top[0], lips.top[-1], lips.inner_top[middle], lips.inner_bottom[middle]])
    points = np.concatenate([eyes, front_points(shape, mouth[:, 0], mouth[:, 1], LIPS_OUT, lip_gap)])
    names = Landmarks.__dataclass_fields__
    return Landmarks(**dict(zip(names, project(points, turn, camera), strict=True)))
