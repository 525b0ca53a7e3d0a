"""Pupils are found where the picture has both edges of an iris, near to where the mesh sees it."""

import cv2
import numpy as np
import pytest

from pipeline.core.base.arrays import ImageGrey
from pipeline.face.mesh.iris import find_pupils
from pipeline.face.mesh.mesh_measures import MeshPoints

RADIUS, FINE = 8.0, 16
EYES = np.array([[60.3, 50.0], [140.7, 50.0]])


def eyes(tilt_deg: float) -> tuple[ImageGrey, np.ndarray]:
    """Dark irises in bright eyes, whose lids cover a third of them, turned around the middle; and their centres."""
    large = np.full((100 * FINE, 200 * FINE), 150, np.uint8)
    for x, y in EYES:
        place = (round((x + 0.5) * FINE), round((y + 0.5) * FINE))
        cv2.ellipse(large, place, (20 * FINE, 6 * FINE), 0, 0, 360, 235, -1)
        white = large == 235
        cv2.circle(large, place, round(RADIUS * FINE), 60, -1)
        large[(large == 60) & ~white] = 150
    picture = cv2.resize(large, (200, 100), interpolation=cv2.INTER_AREA)
    turn = cv2.getRotationMatrix2D((100, 50), -tilt_deg, 1)
    turned = cv2.warpAffine(picture, turn, (200, 100), borderValue=150)
    return np.asarray(turned, np.uint8), EYES @ turn[:, :2].T + turn[:, 2]


def mesh_at(centres: np.ndarray) -> MeshPoints:
    mesh = np.zeros((478, 3), np.float32)
    for first, centre in zip((468, 473), centres, strict=True):
        mesh[first : first + 5, :2] = centre + RADIUS * np.array([[0, 0], [-1, 0], [0, -1], [1, 0], [0, 1]])
    return mesh


@pytest.mark.parametrize("tilt_deg", [0, 12])
@pytest.mark.parametrize("off_px", [-1.4, 0.0, 0.9])
def test_an_iris_that_the_mesh_misses_by_little_is_found(off_px: float, tilt_deg: float) -> None:
    picture, centres = eyes(tilt_deg)
    along = (centres[1] - centres[0]) / np.linalg.norm(centres[1] - centres[0])
    found = find_pupils(picture, mesh_at(centres + off_px * along))
    assert found is not None
    assert np.linalg.norm(np.array(found) - centres, axis=1).max() < 0.35


def test_without_edges_nearby_there_are_no_pupils() -> None:
    picture, centres = eyes(0)
    assert find_pupils(picture, mesh_at(centres + np.array([0.4 * RADIUS, 0]))) is None
    assert find_pupils(np.full_like(picture, 120), mesh_at(centres)) is None
