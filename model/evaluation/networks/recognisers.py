"""Recognisers: networks that judge, by the distance of two faces' features, whether a inpainted face shows the person."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model.evaluation.networks.face_network import Distance, FaceNetwork, NetworkRecogniser, check_face
from model.evaluation.networks.face_templates import five_points_of
from model.evaluation.networks.resnet_face18 import ARCFACE
from model.evaluation.networks.sphere20 import COSFACE, SPHEREFACE
from model.evaluation.networks.vgg_face import VGGFACE
from pipeline.base.arrays import ImageRGB, Landmarks
from pipeline.base.errors import BadInput
from pipeline.face.measures.points import LEFT_EYE, MOUTH_LEFT, MOUTH_RIGHT, N_POINTS, NOSE_TIP, RIGHT_EYE
from pipeline.identity.network.recogniser import MobileFaceNet
from pipeline.identity.network.resnet import CROP_PX

FAMILIES: Mapping[str, FaceNetwork] = {
    "sphereface": SPHEREFACE,
    "cosface": COSFACE,
    "arcface": ARCFACE,
    "vggface": VGGFACE,
}
MOBILEFACENET = "mobilefacenet"
NAMES = (*FAMILIES, MOBILEFACENET)

PAPER_DISTANCES: Mapping[str, Distance] = {name: family.paper_distance for name, family in FAMILIES.items()}
"""By which distance the paper's Table 3 is thought to compare; MobileFaceNet is not in it.

Its SphereFace and CosFace figures have the size of one minus the cosine; its ArcFace and VGGFace figures are above
2, as no distance of unit vectors is. Which layer of VGGFace, and how scaled, is not known: its L2 is indicative.
"""


class Recogniser(Protocol):
    """A network that embeds faces; pickles as the path of its weights."""

    def embed(self, faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks] | None = None) -> NDArray[np.float32]:
        """Return (N, D) features, not normalised, of N square faces aligned to the project's template (256 px).

        ``landmarks`` are the 68 points of each, pixels of the face, by which each network aligns it as its
        publishers do; None: by the eyes, which the template places. The network sees one face at a time, so that
        company changes no bit. Raises BadInput for what is no such face.
        """
        ...


class MobileFaceNetRecogniser:
    """MobileFaceNet, 128 numbers, that needs no landmarks either; pickles as the path of its weights."""

    def __init__(self, weights: Path) -> None:
        self._network = MobileFaceNet(weights)

    def embed(self, faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks] | None = None) -> NDArray[np.float32]:
        """Return (N, 128) features of N faces; see ``Recogniser``."""
        for face in faces:
            check_face(face)
        return self._network.embed(
            faces, [_usual_landmarks(face) for face in faces] if landmarks is None else landmarks
        )


def load_recogniser(name: str, weights: Path) -> Recogniser:
    """Return the recogniser ``name``, one of NAMES, with the weights of a file.

    Raises BadInput for another name, and, naming the tensor, for a file that is not of this network.
    """
    if name == MOBILEFACENET:
        recogniser = MobileFaceNetRecogniser(weights)
        recogniser.embed([np.zeros((CROP_PX, CROP_PX, 3), np.uint8)])  # refuses another file now, not in the middle
        return recogniser
    if name not in FAMILIES:
        raise BadInput(f"recogniser {name!r}: expected one of {', '.join(NAMES)}")
    return NetworkRecogniser(FAMILIES[name], weights)


def cosine_distances(first_ND: NDArray[np.floating], second_ND: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (N,) 1 - cosine, 0 to 2, of row with row; 1 where one of them is zero."""
    first, second = _paired(first_ND, second_ND)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    products = np.einsum("nd,nd->n", first, second)
    cosines = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    return np.asarray(1.0 - np.clip(cosines, -1.0, 1.0))


def euclidean_distances(first_ND: NDArray[np.floating], second_ND: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (N,) L2 distances of row with row, not normalised.

    They scale with what a network's training made of its features: indicative, and no figure of one network's
    weights compares with that of another's.
    """
    first, second = _paired(first_ND, second_ND)
    return np.asarray(np.linalg.norm(first - second, axis=1))


def _paired(
    first_ND: NDArray[np.floating], second_ND: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if first_ND.ndim != 2 or first_ND.shape != second_ND.shape:
        raise BadInput(f"features: expected two of one shape (N, D), found {first_ND.shape} and {second_ND.shape}")
    return np.asarray(first_ND, np.float64), np.asarray(second_ND, np.float64)


def _usual_landmarks(face: ImageRGB) -> Landmarks:
    """Return 68 points of which only those are set that ``five_points`` looks at."""
    points = np.zeros((N_POINTS, 2), np.float32)
    left, right, nose, mouth_left, mouth_right = five_points_of(face, None)
    points[LEFT_EYE], points[RIGHT_EYE] = left, right
    points[NOSE_TIP], points[MOUTH_LEFT], points[MOUTH_RIGHT] = nose, mouth_left, mouth_right
    return points
