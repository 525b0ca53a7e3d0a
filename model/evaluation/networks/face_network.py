"""A published face recognition network: how it is built, its input, and its embeddings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.core.base.arrays import ImageRGB, Landmarks
from pipeline.core.base.device import Placement
from pipeline.core.base.errors import BadInput
from pipeline.identity.network.face_check import check_face
from pipeline.identity.network.five_points import five_points_of
from pipeline.weights.published import filled, read_weights

Distance = Literal["cosine", "euclidean"]


class EmbeddingNetwork(nn.Module):
    """Pictures (B, C, H, W) to (B, ``feature_size``)."""

    feature_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceNetwork:
    """One architecture.

    ``build`` takes the number of channels of the first convolution, named ``first``; published weights have 64. Tensors
    whose names start with ``classifier`` are not used. ``prepare`` makes the network's input, (C, H, W) float32, of an
    aligned face and its five points. ``is_mirrored``: the publishers' evaluation appends the embedding of the mirrored
    picture to that of the picture. ``paper_distance`` is the probable distance of the paper's Table 3, by the size of
    its values; the paper does not define it.
    """

    build: Callable[[int], EmbeddingNetwork]
    first: str
    classifier: str | None
    prepare: Callable[[ImageRGB, Landmarks], NDArray[np.float32]]
    is_mirrored: bool
    paper_distance: Distance


class NetworkRecogniser:
    """An architecture with the weights of a file; pickles as these two.

    Raises BadInput naming the first tensor of the file that is missing, unknown, of another shape or not finite.
    """

    def __init__(self, family: FaceNetwork, weights: Path, placement: Placement = Placement()) -> None:
        self.family, self.weights, self.placement = family, weights, placement
        found = read_weights(weights, unused=family.classifier)
        first = found.get(family.first)
        if first is None or first.ndim != 4:
            raise BadInput(f"{weights}: '{family.first}': expected the first convolution, found none")
        self.network = filled(lambda: family.build(first.shape[0]), found, weights).to(placement.device)

    def __reduce__(self) -> tuple[type["NetworkRecogniser"], tuple[FaceNetwork, Path, Placement]]:
        return NetworkRecogniser, (self.family, self.weights, self.placement)

    def embed(
        self, faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks | None] | None = None
    ) -> NDArray[np.float32]:
        """Return (N, D) features, not normalised, of N square aligned faces; no bit depends on the others."""
        points = [None] * len(faces) if landmarks is None else landmarks
        inputs = [self._prepare(*pair) for pair in zip(faces, points, strict=True)]
        if not inputs:
            n_views = 2 if self.family.is_mirrored else 1
            return np.empty((0, n_views * self.network.feature_size), np.float32)
        embeddings: NDArray[np.float32] = self.placement.compute(self._embed, inputs).numpy()
        return embeddings

    def _prepare(self, face: ImageRGB, landmarks: Landmarks | None) -> torch.Tensor:
        check_face(face)
        return torch.from_numpy(self.family.prepare(face, five_points_of(face, landmarks)))

    def _embed(self, faces_BCHW: torch.Tensor) -> torch.Tensor:
        embeddings_BD: torch.Tensor = self.network(faces_BCHW)
        if not self.family.is_mirrored:
            return embeddings_BD
        return torch.cat([embeddings_BD, self.network(faces_BCHW.flip(3))], dim=1)


def channels_first(face: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return (C, H, W) float32 of (H, W, C)."""
    return np.ascontiguousarray(face.transpose(2, 0, 1), np.float32)
