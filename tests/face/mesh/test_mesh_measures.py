"""Measures of a mesh, on meshes whose gap, eyes and pose are known."""

import numpy as np
import pytest

from pipeline.face.measures.points import INNER_LIP_LOWER as NAMED_LOWER
from pipeline.face.measures.points import INNER_LIP_UPPER as NAMED_UPPER
from pipeline.face.mesh import mesh_measures as measures

EYES_APART = 60.0


def mesh(gap: float = 0.0, left_lid: float = 10.0, right_lid: float = 10.0) -> np.ndarray:
    """Return a frontal face: eyes of 30 px at x -30 and 30, lips from x -20 to 20, parted by ``gap`` px."""
    points = np.zeros((478, 3), np.float32)
    points[[10, 152, 234, 454]] = [(0, -80, 0), (0, 80, 0), (-70, 0, 0), (70, 0, 0)]
    for middle, upper, lower, lid in (
        (-30, measures.LEFT_EYE_UPPER, measures.LEFT_EYE_LOWER, left_lid),
        (30, measures.RIGHT_EYE_UPPER, measures.RIGHT_EYE_LOWER, right_lid),
    ):
        for edge, sign in ((upper, -1), (lower, 1)):
            for at, x in zip(edge, np.linspace(-15, 15, 9), strict=True):
                points[at, :2] = middle + x, -20 + (sign * lid / 2 if abs(x) < 14 else 0)
    for edge, sign in ((measures.INNER_LIP_UPPER, -1), (measures.INNER_LIP_LOWER, 1)):
        for at, x in zip(edge, np.linspace(-20, 20, 11), strict=True):
            points[at, :2] = x, 40 + (sign * gap / 2 if abs(x) < 19 else 0)
    return points


def turned(points: np.ndarray, axis: int, deg: float) -> np.ndarray:
    """Return the mesh turned about an axis of the picture: 0 across, 1 down, 2 away."""
    cosine, sine = np.cos(np.deg2rad(deg)), np.sin(np.deg2rad(deg))
    rotation = np.eye(3)
    one, other = [index for index in range(3) if index != axis]
    rotation[one, one] = rotation[other, other] = cosine
    rotation[one, other], rotation[other, one] = -sine, sine
    return (points @ rotation.T).astype(np.float32)


def test_every_named_point_has_a_mesh_point_of_its_own() -> None:
    assert len(measures.MESH_POINTS) == len(set(measures.MESH_POINTS)) == 68
    assert all(0 <= index < 468 for index in measures.MESH_POINTS)
    assert measures.named_points(mesh()).shape == (68, 2)
    assert measures.named_points(np.stack([mesh()] * 3)).shape == (3, 68, 2)


def test_the_gap_is_that_of_the_three_middle_pairs_which_the_named_points_have_too() -> None:
    upper, lower = (
        [edge[index] for index in (4, 5, 6)] for edge in (measures.INNER_LIP_UPPER, measures.INNER_LIP_LOWER)
    )
    assert list(zip(upper, lower, strict=True)) == [(82, 87), (13, 14), (312, 317)]
    assert upper == [measures.MESH_POINTS[index] for index in NAMED_UPPER]
    assert lower == [measures.MESH_POINTS[index] for index in NAMED_LOWER]


@pytest.mark.parametrize("gap", [0.0, 2.1, 30.0, -1.2])
def test_the_gap_of_the_lips_is_over_the_distance_of_the_eyes(gap: float) -> None:
    assert measures.inner_lip_gap(mesh(gap)) == pytest.approx(gap / EYES_APART, abs=1e-6)
    assert measures.inner_lip_gap(3 * turned(mesh(gap), 2, 25.0)) == pytest.approx(gap / EYES_APART, abs=1e-6)


def test_each_eyes_opening_is_over_its_own_width() -> None:
    left, right = measures.eye_openings(mesh(left_lid=9.0, right_lid=3.0))
    assert (left, right) == (pytest.approx(0.3), pytest.approx(0.1))


@pytest.mark.parametrize(
    ("axis", "deg", "expected"),
    [(2, 20, (0, 0, 20)), (1, 30, (30, 0, 0)), (1, -30, (-30, 0, 0)), (0, -15, (0, 15, 0)), (0, 15, (0, -15, 0))],
)
def test_a_turned_head_has_the_angle_by_which_it_was_turned(
    axis: int, deg: float, expected: tuple[float, float, float]
) -> None:
    yaw, pitch, roll = measures.mesh_pose_deg(turned(mesh(), axis, deg))
    assert (yaw, pitch - measures._PITCH_OFFSET_DEG, roll) == pytest.approx(expected, abs=1e-4)


def test_yaw_and_pitch_are_positive_where_the_nose_points_right_and_up() -> None:
    face = mesh()
    face[4] = (0, 0, -30)  # the nose's tip, nearer
    right, up = turned(face, 1, 30.0), turned(face, 0, -30.0)
    assert right[4, 0] == pytest.approx(15)
    assert measures.mesh_pose_deg(right)[0] > 0
    assert up[4, 1] == pytest.approx(-15)
    assert measures.mesh_pose_deg(up)[1] > 0


def test_of_many_meshes_each_has_its_own_measures() -> None:
    many = np.stack([mesh(3.0), mesh(6.0, 9.0)])
    assert measures.inner_lip_gap(many) == pytest.approx([0.05, 0.1])
    assert measures.eye_openings(many)[0] == pytest.approx([1 / 3, 0.3])
    assert [angle.shape for angle in measures.mesh_pose_deg(many)] == [(2,)] * 3


def test_the_iris_seen_is_the_distance_of_the_lids_over_its_width_whatever_the_size() -> None:
    points = np.zeros((478, 3), np.float32)
    for upper, lower in (
        (measures.LEFT_EYE_UPPER, measures.LEFT_EYE_LOWER),
        (measures.RIGHT_EYE_UPPER, measures.RIGHT_EYE_LOWER),
    ):
        points[list(upper[3:6]), 1], points[list(lower[3:6]), 1] = 100, 106
    points[[469, 474], 0], points[[471, 476], 0] = 50, 60
    points[474, 0] = 48  # the right iris is a little wider
    for size in (1.0, 3.0):
        left, right = measures.iris_seen(points * np.float32(size))
        assert (float(left), float(right)) == (pytest.approx(0.6), pytest.approx(0.5))
