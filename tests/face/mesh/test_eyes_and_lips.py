"""How shut eyes and how parted lips look: alike on both sides, at every size and tilt, and right on drawn people."""

import numpy as np
import pytest

from pipeline.core.base.arrays import ImageRGB
from pipeline.face.mesh import mesh_measures as measures
from pipeline.face.mesh.eyes_and_lips import (
    WEIGHTS_FILE,
    eye_features,
    eyes_shut,
    lip_features,
    lips_parted,
)
from pipeline.face.mesh.mesh_measures import MeshPoints

# Points of the mesh that trade places in a mirror: the edges of the eyes, the corners of the mouth, the inner lips.
MIRRORED = [
    *zip(measures.LEFT_EYE_UPPER, measures.RIGHT_EYE_UPPER[::-1], strict=True),
    *zip(measures.LEFT_EYE_LOWER, measures.RIGHT_EYE_LOWER[::-1], strict=True),
    *((61, 291), (82, 312), (87, 317)),
]
EYES_PX = np.array([(100.0, 110.0), (160.0, 112.0)])


def noise(seed: int, size_px: tuple[int, int] = (300, 260)) -> ImageRGB:
    """Return a picture with detail everywhere, smooth enough to be enlarged."""
    import cv2

    random = np.random.default_rng(seed).uniform(0, 255, (20, 18, 3)).astype(np.float32)
    return np.clip(cv2.resize(random, size_px[::-1], interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def mesh_at(gap: float = 0.0) -> MeshPoints:
    """Return points of a frontal face; only those that are measured lie where they belong."""
    points = np.zeros((478, 3), np.float32)
    points[:, :2] = EYES_PX.mean(axis=0)
    for (outer, inner), (x, y) in zip(((33, 133), (263, 362)), EYES_PX, strict=True):
        to_middle = np.sign(130 - x)
        points[outer, :2], points[inner, :2] = (x - 14 * to_middle, y), (x + 14 * to_middle, y + 1)
    points[61, :2], points[291, :2] = (105, 190), (155, 191)
    left, right = (
        (measures.LEFT_EYE_UPPER + measures.LEFT_EYE_LOWER),
        (measures.RIGHT_EYE_UPPER + measures.RIGHT_EYE_LOWER),
    )
    for edge, (x, y) in zip((left, right), EYES_PX, strict=True):
        for point in set(edge) - {33, 133, 263, 362}:
            points[point, :2] = (x, y)
    for upper, lower, x in ((82, 87, 122), (13, 14, 130), (312, 317, 138)):
        points[upper, :2], points[lower, :2] = (x, 190), (x, 190 + gap * 60)
    return points


def mirrored(picture: ImageRGB, points: MeshPoints) -> tuple[ImageRGB, MeshPoints]:
    found = points.copy()
    for here, there in MIRRORED:
        found[here], found[there] = points[there], points[here]
    found[:, 0] = picture.shape[1] - 1 - found[:, 0]
    return np.ascontiguousarray(picture[:, ::-1]), found


def test_the_weights_are_as_many_as_the_features_and_a_constant() -> None:
    picture, points = noise(1), mesh_at()
    with np.load(WEIGHTS_FILE, allow_pickle=False) as weights:
        assert set(weights.files) == {"eyes", "lips"}
        assert len(weights["eyes"]) == len(eye_features(picture, points)) + 1 == 577
        assert len(weights["lips"]) == len(lip_features(picture, points)) + 1 == 771
        expected = eye_features(picture, points) @ weights["eyes"][:-1].astype(float) + weights["eyes"][-1]
    assert eyes_shut(picture, points) == pytest.approx(float(expected))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_face_and_its_mirror_image_look_alike(seed: int) -> None:
    picture, points = noise(seed), mesh_at(0.03)
    there, points_there = mirrored(picture, points)
    assert eyes_shut(there, points_there) == pytest.approx(eyes_shut(picture, points), abs=0.05)
    assert lips_parted(there, points_there) == pytest.approx(lips_parted(picture, points), abs=0.05)


def test_the_gap_is_weighed_as_it_is_and_up_to_where_lips_are_clearly_parted() -> None:
    picture = noise(1)
    for gap, clipped in ((-0.01, 0.0), (0.03, 0.03), (0.07, 0.05)):
        assert lip_features(picture, mesh_at(gap))[-2:] == pytest.approx((gap, clipped), abs=2e-3)


def test_points_that_all_lie_in_one_place_give_a_number() -> None:
    """A mesh of no face; its presence says so."""
    points = np.zeros((478, 3), np.float32)
    points[33, 0] = points[362, 0] = 1e-3
    points[263, 0] = 2.0
    assert np.isfinite([eyes_shut(noise(1), points), eye_features(noise(1), points).sum()]).all()
