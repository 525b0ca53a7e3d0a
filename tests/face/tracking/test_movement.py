"""A face that moves no more than the landmarks of a photo is a still picture; each limit counts."""

import numpy as np
import pytest

from pipeline.core.base.params import load_params
from pipeline.core.records.frame import Frame
from pipeline.face.tracking.movement import movement
from pipeline.face.tracking.settings import DetectParams
from tests.face.faces import frame

DETECT = load_params(DetectParams, "detect").model_copy(
    update={"min_still_s": 3.0, "max_still_eye_std": 0.01, "max_still_mouth_std": 0.03, "max_still_yaw_std_deg": 1.0}
)


def alternating(n: int = 76, eye: float = 0.0, mouth: float = 0.0, yaw_deg: float = 0.0) -> list[Frame]:
    """Return frames of a track at 25 a second, whose columns have these standard deviations."""
    signs = np.resize([-1.0, 1.0], n)
    return [
        frame(
            index,
            index / 25,
            eye_opening=0.3 + eye * sign,
            mouth_height=0.3 + mouth * sign,
            yaw_deg=yaw_deg * sign,
            box_x_px=100.0 + index,  # a camera that moves
        )
        for index, sign in enumerate(signs.tolist())
    ]


def test_movement_is_the_standard_deviation_of_eyes_mouth_and_yaw() -> None:
    found = movement(alternating(eye=0.02, mouth=0.04, yaw_deg=5.0), DETECT)
    assert (found.eye_opening_std, found.mouth_height_std) == (pytest.approx(0.02), pytest.approx(0.04))
    assert found.yaw_std_deg == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("moved", "is_still"),
    [
        ({}, True),
        ({"eye": 0.0099, "mouth": 0.0299, "yaw_deg": 0.99}, True),
        ({"eye": 0.0101}, False),
        ({"mouth": 0.0301}, False),
        ({"yaw_deg": 1.01}, False),
    ],
)
def test_a_still_picture_is_within_every_limit(moved: dict[str, float], is_still: bool) -> None:
    assert movement(alternating(**moved), DETECT).is_still_picture == is_still


@pytest.mark.parametrize(("n", "is_still"), [(75, False), (76, True)])
def test_a_face_seen_for_a_shorter_time_is_none(n: int, is_still: bool) -> None:
    assert movement(alternating(n), DETECT).is_still_picture == is_still
