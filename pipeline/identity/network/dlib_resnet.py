"""dlib's face recognition network: a ResNet of 29 layers, 128 numbers of a face (King 2017, dlib_face_recognition)."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageRGB, Landmarks
from pipeline.core.base.errors import UntrustedWeights
from pipeline.core.base.hashing import sha256_of
from pipeline.face.crops.align import crop_aligned
from pipeline.identity.network.face_check import check_face
from pipeline.identity.network.five_points import five_points, similarity_on, usual_landmarks
from pipeline.weights.registry import REGISTRY

INPUT_PX = 150
N_FEATURES = 128
# Where dlib.get_face_chip, by which the network's training faces were aligned, brings eye centres, nose tip and mouth
# corners: medians over 178 faces of 45 real clips. Aligned on these, embeddings are 0.08 from those of dlib's own
# alignment (median; different people are 0.56 apart or more), and two frames of one clip as alike.
CHIP_POINTS = np.array([(47.28, 46.24), (99.69, 46.38), (73.95, 73.26), (51.81, 105.31), (94.82, 105.84)])

# The mean feature of 78 real persons, each of one to 13 clips and photos. All faces share it: without it any two have a
# cosine of 0.68 or more. Distances, by which the network was trained, stay as they are.
# fmt: off
MEAN_FEATURE = np.array((
    -0.10, 0.08, 0.06, -0.05, -0.09, -0.02, -0.03, -0.09, 0.15, -0.08, 0.20, -0.03, -0.24, -0.04, -0.02, 0.13, -0.15,
    -0.12, -0.09, -0.06, 0.04, 0.03, 0.02, 0.05, -0.13, -0.32, -0.08, -0.09, 0.03, -0.09, 0.00, 0.05, -0.17, -0.04,
    0.03, 0.08, -0.04, -0.07, 0.19, 0.02, -0.19, 0.00, 0.05, 0.26, 0.19, 0.02, 0.02, -0.08, 0.12, -0.26, 0.05, 0.15,
    0.10, 0.06, 0.08, -0.16, 0.03, 0.13, -0.19, 0.06, 0.06, -0.08, -0.03, -0.05, 0.19, 0.10, -0.11, -0.13, 0.16,
    -0.16, -0.05, 0.07, -0.11, -0.18, -0.27, 0.03, 0.39, 0.13, -0.17, 0.03, -0.07, -0.02, 0.05, 0.08, -0.07, -0.01,
    -0.09, 0.03, 0.20, -0.02, -0.01, 0.23, 0.01, 0.01, 0.04, 0.04, -0.10, -0.01, -0.12, -0.01, 0.03, -0.09, 0.00,
    0.09, -0.19, 0.16, -0.01, -0.02, -0.01, -0.01, -0.09, -0.01, 0.16, -0.25, 0.19, 0.18, 0.03, 0.13, 0.06, 0.06,
    0.00, -0.02, -0.16, -0.07, 0.05, -0.04, 0.03, 0.03,
), np.float32)
# fmt: on


class DlibResnet:
    """The network of ``weights`` (``find_weights("dlib_face_recognition")``), loaded at the first use."""

    def __init__(self, weights: Path) -> None:
        self.weights = weights

    def __reduce__(self) -> tuple[type["DlibResnet"], tuple[Path]]:
        return DlibResnet, (self.weights,)

    @cached_property
    def _network(self) -> Any:
        import dlib

        # dlib reads a file's sizes without doubting them: only the published bytes are read.
        found, expected = sha256_of(self.weights), REGISTRY["dlib_face_recognition"].sha256
        if found != expected:
            raise UntrustedWeights(f"{self.weights}: expected sha256 {expected} of dlib's network, found {found}")
        return dlib.face_recognition_model_v1(str(self.weights))

    def embed(self, faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks] | None = None) -> NDArray[np.float32]:
        """Return (N, 128) features of N faces, less MEAN_FEATURE; see ``Recogniser``.

        Of one person two are less than about 0.5 apart. Raises BadInput for what is no such face.
        """
        for face in faces:
            check_face(face)
        if landmarks is None:
            landmarks = [usual_landmarks(face) for face in faces]
        features = np.empty((len(faces), N_FEATURES), np.float32)
        for row, (face, points) in enumerate(zip(faces, landmarks, strict=True)):
            features[row] = self._network.compute_face_descriptor(chip_of(face, points))
        return features - MEAN_FEATURE


def chip_of(face: ImageRGB, points: Landmarks) -> ImageRGB:
    """Return the (150, 150, 3) input: ``face`` aligned on its five points."""
    return np.ascontiguousarray(crop_aligned(face, similarity_on(five_points(points), CHIP_POINTS), INPUT_PX))
