"""Pose is recovered for a head turned by known angles, with the signs of the records."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.base.arrays import Landmarks
from pipeline.face.measures.pose import _INDICES, _POINTS, head_pose_deg

angles = st.floats(-35, 35)


def seen(yaw_deg: float, pitch_deg: float, roll_deg: float, scale: float = 56.0, at: float = 200.0) -> Landmarks:
    """Project the generic head from afar: yawed about its height, then raised, then tilted clockwise."""
    yaw, pitch, roll = np.deg2rad([yaw_deg, pitch_deg, roll_deg])
    x, y, z = (_POINTS * (1, 1, -1)).T  # x to the image's right, y down, z towards the camera
    x, z = np.cos(yaw) * x + np.sin(yaw) * z, np.cos(yaw) * z - np.sin(yaw) * x
    y, z = np.cos(pitch) * y - np.sin(pitch) * z, np.cos(pitch) * z + np.sin(pitch) * y
    x, y = np.cos(roll) * x - np.sin(roll) * y, np.sin(roll) * x + np.cos(roll) * y
    points = np.full((68, 2), np.nan, np.float32)
    points[_INDICES] = np.stack([x, y], axis=1) * scale + at
    return points


@given(yaw=angles, pitch=angles, scale=st.floats(14, 700), at=st.floats(-500, 2000))
def test_a_turned_and_raised_head_has_its_angles_recovered(yaw: float, pitch: float, scale: float, at: float) -> None:
    """With yaw first and pitch second, the brow line of a turned and raised head is not level: see below for roll."""
    found_yaw, found_pitch, _ = head_pose_deg(seen(yaw, pitch, 0.0, scale, at))
    nose = np.array([np.sin(np.deg2rad(yaw)), np.cos(np.deg2rad(yaw)) * np.cos(np.deg2rad(pitch))])
    assert found_yaw == pytest.approx(np.rad2deg(np.arctan2(*nose)), abs=0.1)
    assert found_pitch == pytest.approx(
        np.rad2deg(np.arcsin(np.sin(np.deg2rad(pitch)) * np.cos(np.deg2rad(yaw)))), abs=0.1
    )


@pytest.mark.parametrize("angle", [-30.0, -10.0, 0.0, 5.0, 20.0, 35.0])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_head_turned_about_one_axis_gives_that_angle_and_no_other(axis: int, angle: float) -> None:
    turned = [0.0, 0.0, 0.0]
    turned[axis] = angle
    np.testing.assert_allclose(head_pose_deg(seen(*turned)), turned, atol=0.1)


@given(yaw=st.floats(-18, 18), pitch=st.floats(-18, 18))
def test_near_the_front_any_pose_is_recovered_within_a_degree(yaw: float, pitch: float) -> None:
    found = head_pose_deg(seen(yaw, pitch, 0.0))
    np.testing.assert_allclose(found[:2], (yaw, pitch), atol=1.0)


@given(roll=st.floats(-90, 90), yaw=st.floats(-18, 18))
def test_roll_is_that_of_the_brow_line_and_leaves_a_level_heads_pitch_at_0(roll: float, yaw: float) -> None:
    found = head_pose_deg(seen(0.0, 0.0, roll))
    np.testing.assert_allclose(found, (0.0, 0.0, roll), atol=0.1)


def test_a_nose_towards_the_images_right_is_a_positive_yaw() -> None:
    points = seen(0, 0, 0)
    points[30, 0] += 20
    assert head_pose_deg(points)[0] > 1


def test_a_nose_further_up_is_a_positive_pitch() -> None:
    points = seen(0, 0, 0)
    points[30, 1] -= 20
    assert head_pose_deg(points)[1] > 1


def test_a_lower_right_side_is_a_positive_roll() -> None:
    """Tilted clockwise as seen: what is on the image's right moves down."""
    points = seen(0, 0, 0)
    points[[45, 42, 26, 22, 54, *range(9, 17)], 1] += 10
    assert head_pose_deg(points)[2] > 1


def test_the_mirrored_picture_has_the_opposite_yaw_and_roll() -> None:
    # each point's place in a mirrored face: jaw, brows, nose, eyes, lips
    swapped = [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)]
    swapped += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, *range(54, 47, -1), *range(59, 54, -1)]
    points = seen(14, -8, 6)
    mirrored = np.full_like(points, np.nan)
    mirrored[:60] = points[swapped] * (-1, 1)
    yaw, pitch, roll = head_pose_deg(points)
    np.testing.assert_allclose(head_pose_deg(mirrored), (-yaw, pitch, -roll), atol=1e-4)
