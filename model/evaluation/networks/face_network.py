"""A published network that tells faces apart: how it is built, what it is shown, and its embeddings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model.evaluation.networks.face_templates import five_points_of
from pipeline.base.arrays import ImageRGB, Landmarks
from pipeline.base.errors import BadInput
from pipeline.base.torch_threads import single_thread
from pipeline.weights.published import filled, read_weights

Distance = Literal["cosine", "euclidean"]


class EmbeddingNetwork(nn.Module):
    """Pictures (B, C, H, W) to (B, ``feature_size``)."""

    feature_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceNetwork:
    """One family.

    ``build`` takes the channels of the first convolution, which ``first`` names; what the publishers offer has
    64. Tensors whose names start with ``classifier`` are not needed. ``prepare`` takes an aligned face and its
    five points to what the network is shown, (C, H, W) float32. ``is_mirrored``: the publishers' evaluation puts the
    embedding of the mirrored picture behind that of the picture. ``paper_distance`` is the one by which the paper's
    Table 3 is thought to compare, from the size of its numbers; it doesn't say.
    """

    build: Callable[[int], EmbeddingNetwork]
    first: str
    classifier: str | None
    prepare: Callable[[ImageRGB, Landmarks], NDArray[np.float32]]
    is_mirrored: bool
    paper_distance: Distance


class NetworkRecogniser:
    """A ``family`` with the weights of a file; pickles as these two.

    Raises BadInput naming the first tensor of the file that is missing, unknown, of another shape or not finite.
    """

    def __init__(self, family: FaceNetwork, weights: Path) -> None:
        self.family, self.weights = family, weights
        found = read_weights(weights, unused=family.classifier)
        first = found.get(family.first)
        if first is None or first.ndim != 4:
            raise BadInput(f"{weights}: '{family.first}': expected the first convolution, found none")
        self.network = filled(lambda: family.build(first.shape[0]), found, weights)

    def __reduce__(self) -> tuple[type["NetworkRecogniser"], tuple[FaceNetwork, Path]]:
        return NetworkRecogniser, (self.family, self.weights)

    def embed(self, faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks] | None = None) -> NDArray[np.float32]:
        """Return (N, D) features, not normalised, of N square aligned faces; one at a time, see ``Recogniser``."""
        points = [None] * len(faces) if landmarks is None else landmarks
        with single_thread(), torch.inference_mode():
            rows = [self._embedded(*one) for one in zip(faces, points, strict=True)]
        n_views = 2 if self.family.is_mirrored else 1
        return np.stack(rows) if rows else np.empty((0, n_views * self.network.feature_size), np.float32)

    def _embedded(self, face: ImageRGB, landmarks: Landmarks | None) -> NDArray[np.float32]:
        check_face(face)
        shown_CHW = self.family.prepare(face, five_points_of(face, landmarks))
        views = [shown_CHW, shown_CHW[:, :, ::-1]] if self.family.is_mirrored else [shown_CHW]
        features = [self.network(torch.from_numpy(np.ascontiguousarray(one))[None])[0] for one in views]
        embedding: NDArray[np.float32] = torch.cat(features).numpy()
        return embedding


def check_face(face: ImageRGB) -> None:
    """Raise BadInput for anything but a square RGB picture of bytes."""
    if face.ndim != 3 or face.shape[0] != face.shape[1] or face.shape[2] != 3 or face.dtype != np.uint8:
        raise BadInput(f"face: expected (H, H, 3) uint8 RGB, aligned, found {face.shape} {face.dtype}")


def channels_first(face: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return (C, H, W) float32 of (H, W, C)."""
    return np.ascontiguousarray(face.transpose(2, 0, 1), np.float32)
