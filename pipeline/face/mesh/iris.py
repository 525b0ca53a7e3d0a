"""Find the pupils of a face: the mesh's irises, moved along the eye to where the picture has their left and right edge.

After Daugman's integro-differential operator (1993, "High confidence visual recognition of persons by a test of
statistical independence"), on the arcs that lids do not cover. How near it comes to the truth: docs/datasets.md.
"""

from math import hypot

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, Landmarks
from pipeline.face.mesh.mesh_measures import LEFT_IRIS, RIGHT_IRIS, MeshPoints, pupils

_ARC = np.deg2rad(np.arange(-30, 31, 5))  # of a circle, around the direction along the eye
_SHIFTS = np.linspace(-0.25, 0.25, 41)  # of an iris along the eye, over its radius ...
_MOST = 0.2  # ... and so far at most: what seems to be further off is a lid, or a shadow
_RADII = np.array([0.85, 0.92, 1.0, 1.08, 1.16])  # over the mesh's
_INSIDE, _OUTSIDE = 0.85, 1.15  # of the radius: where both sides of an edge are sampled
_NEAR_BEST = 0.1  # shifts whose contrast is less than this share below the best one are averaged


def find_pupils(grey: ImageGrey, mesh: MeshPoints) -> tuple[Landmarks, Landmarks] | None:
    """Return the centres of the image-left and image-right pupil, (2,) pixels of ``grey`` (H, W), by a mesh of it.

    None where an iris has no edges near to where the mesh sees it.
    """
    left, right = pupils(mesh)
    along = (right - left) / hypot(*(right - left))
    found_left = _moved(grey, left, _radius(mesh, LEFT_IRIS), along)
    found_right = _moved(grey, right, _radius(mesh, RIGHT_IRIS), along)
    return None if found_left is None or found_right is None else (found_left, found_right)


def _radius(mesh: MeshPoints, edges: tuple[int, int]) -> float:
    return hypot(*(mesh[edges[1], :2] - mesh[edges[0], :2])) / 2


def _moved(grey: ImageGrey, centre: Landmarks, radius: float, along: Landmarks) -> Landmarks | None:
    left, right = (_contrast(grey, centre, radius, along * side, _SHIFTS * side) for side in (-1, 1))
    contrast = np.minimum(left, right).max(axis=1)
    if abs(_SHIFTS[contrast.argmax()]) > _MOST or contrast.max() <= 0:
        return None
    weights = np.maximum(0, contrast - (1 - _NEAR_BEST) * contrast.max() + 1)  # a grey level more, of a flat picture
    return np.asarray(centre + float(weights @ _SHIFTS / weights.sum()) * radius * along, np.float32)


def _contrast(
    grey: ImageGrey, centre: Landmarks, radius: float, towards: Landmarks, shifts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return by how much brighter it is outside of the iris than inside, on one side, by shift and radius, (S, R)."""
    outside, inside = (_on_arc(grey, centre, radius, towards, shifts, share) for share in (_OUTSIDE, _INSIDE))
    return outside - inside


def _on_arc(
    grey: ImageGrey, centre: Landmarks, radius: float, towards: Landmarks, shifts: NDArray[np.float64], share: float
) -> NDArray[np.float64]:
    import cv2

    across = np.array([-towards[1], towards[0]])
    out = shifts[:, None, None] + share * _RADII[:, None] * np.cos(_ARC)  # (S, R, A), over the radius
    off = np.broadcast_to(share * _RADII[:, None] * np.sin(_ARC), out.shape)
    places = centre + radius * (out[..., None] * towards + off[..., None] * across)
    flat = places.reshape(-1, len(_ARC), 2).astype(np.float32)
    found = cv2.remap(grey, flat[..., 0], flat[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found.astype(np.float64).mean(axis=1).reshape(out.shape[:2]))
