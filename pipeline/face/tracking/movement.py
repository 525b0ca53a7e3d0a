"""How much a track's face moves, which tells a living one from a picture of one: a poster, an inset photo, a slide."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.core.base.units import SAME_TIME_S
from pipeline.core.records.frame import Frame
from pipeline.face.tracking.settings import DetectParams


@dataclass(frozen=True, slots=True)
class Movement:
    """The columns of Track that say how much its face moves."""

    eye_opening_std: float
    mouth_height_std: float
    yaw_std_deg: float
    is_still_picture: bool


def movement(frames: Sequence[Frame], params: DetectParams) -> Movement:
    """Return how much the face in one track's ``frames``, in time order, moves.

    It is a still picture where that is no more than the landmarks of a photo do, for ``params.min_still_s``. None of
    these measures changes when the camera moves or zooms.
    """
    eye = float(np.std([frame.eye_opening for frame in frames]))
    mouth = float(np.std([frame.mouth_height for frame in frames]))
    yaw_deg = float(np.std([frame.yaw_deg for frame in frames]))
    return Movement(
        eye_opening_std=eye,
        mouth_height_std=mouth,
        yaw_std_deg=yaw_deg,
        is_still_picture=frames[-1].time_s - frames[0].time_s >= params.min_still_s - SAME_TIME_S
        and eye <= params.max_still_eye_std
        and mouth <= params.max_still_mouth_std
        and yaw_deg <= params.max_still_yaw_std_deg,
    )
