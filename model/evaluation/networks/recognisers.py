"""Recognisers: face recognition networks whose features' distance measures whether two faces show one person."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.evaluation.networks.face_network import Distance, FaceNetwork, NetworkRecogniser
from model.evaluation.networks.resnet_face18 import ARCFACE
from model.evaluation.networks.sphere20 import COSFACE, SPHEREFACE
from model.evaluation.networks.vgg_face import VGGFACE
from pipeline.core.base.device import Placement
from pipeline.core.base.errors import BadInput
from pipeline.identity.network.recogniser import MobileFaceNet, Recogniser
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
"""The probable distances of the paper's Table 3, which does not define them; MobileFaceNet is not in it.

Its SphereFace and CosFace values have the size of one minus the cosine; its ArcFace and VGGFace values are above 2,
as no distance of unit vectors is. The layer and scale of VGGFace are not given: its L2 is indicative.
"""


def load_recogniser(name: str, weights: Path, placement: Placement = Placement()) -> Recogniser:
    """Return the recogniser ``name``, one of NAMES, with the weights of a file.

    Raises BadInput for another name, and, naming the tensor, for a file that is not of this network.
    """
    if name == MOBILEFACENET:
        recogniser = MobileFaceNet(weights, placement.threads)
        recogniser.embed([np.zeros((CROP_PX, CROP_PX, 3), np.uint8)])  # raises for another file now, not later
        return recogniser
    if name not in FAMILIES:
        raise BadInput(f"recogniser {name!r}: expected one of {', '.join(NAMES)}")
    return NetworkRecogniser(FAMILIES[name], weights, placement)


def cosine_distances(first_ND: NDArray[np.floating], second_ND: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (N,) 1 - cosine, 0 to 2, of row with row; 1 where one of them is zero."""
    first, second = _paired(first_ND, second_ND)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    products = np.einsum("nd,nd->n", first, second)
    cosines = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    return np.asarray(1.0 - np.clip(cosines, -1.0, 1.0))


def euclidean_distances(first_ND: NDArray[np.floating], second_ND: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (N,) L2 distances of row with row, not normalised.

    They depend on the scale of a network's features: indicative, and not comparable between networks or weights.
    """
    first, second = _paired(first_ND, second_ND)
    return np.asarray(np.linalg.norm(first - second, axis=1))


def _paired(
    first_ND: NDArray[np.floating], second_ND: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if first_ND.ndim != 2 or first_ND.shape != second_ND.shape:
        raise BadInput(f"features: expected two of one shape (N, D), found {first_ND.shape} and {second_ND.shape}")
    return np.asarray(first_ND, np.float64), np.asarray(second_ND, np.float64)
