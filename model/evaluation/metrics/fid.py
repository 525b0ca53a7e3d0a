"""FID (Heusel et al. 2017): the Frechet distance of two sets of pictures, as Gaussians of Inception features."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.evaluation.networks.inception import CLASSIFIER, FEATURE_SIZE, INPUT_PX, Inception
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.device import Placement
from pipeline.core.base.errors import BadInput
from pipeline.weights.published import load_network

HALF_RANGE = 127.5
FEWEST_IMAGES = 2


class InceptionFeatures:
    """The Inception network of ``weights``, pytorch-fid's file; pickles as its path.

    Raises BadInput for another network's file.
    """

    def __init__(self, weights: Path, placement: Placement = Placement()) -> None:
        self.weights, self.placement = weights, placement
        self.network = load_network(Inception, weights, unused=CLASSIFIER).to(placement.device)

    def __reduce__(self) -> tuple[type["InceptionFeatures"], tuple[Path, Placement]]:
        return InceptionFeatures, (self.weights, self.placement)

    def embed(self, images: Sequence[ImageRGB]) -> NDArray[np.float32]:
        """Return (N, 2048) features of N pictures; no bit depends on the others."""
        if not len(images):
            return np.empty((0, FEATURE_SIZE), np.float32)
        inputs = [prepared(image)[0] for image in images]
        features: NDArray[np.float32] = self.placement.compute(self.network, inputs).numpy()
        return features


def prepared(image: ImageRGB) -> Tensor:
    """Return (1, 3, 299, 299), RGB in [-1, 1], of a picture of any size: bilinear, not antialiased, as published."""
    rgb_1CHW = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].float()
    resized_1CHW = functional.interpolate(rgb_1CHW, (INPUT_PX, INPUT_PX), mode="bilinear", align_corners=False)
    return resized_1CHW / HALF_RANGE - 1.0


def frechet_distance(first_ND: NDArray[np.floating], second_ND: NDArray[np.floating]) -> float:
    """Return |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), m mean and C covariance (of n - 1) of each set's features.

    Dowson and Landau 1982. With centred features A and B divided by (n - 1)^(1/2), C1 C2 is A'A B'B, whose
    eigenvalues other than zero are those of (A B')(A B')': the trace of its root is the sum of the singular values
    of A B'. No root of a matrix is taken, so fewer pictures than features, whose covariances are singular, are no
    problem; ``few_images_note`` states what such a value means. Raises BadInput for features of two sizes, for fewer
    than two rows in a set, and for numbers that are not finite.
    """
    _check(first_ND, second_ND)
    (first_mean, first), (second_mean, second) = _centred(first_ND), _centred(second_ND)
    means = (first_mean - second_mean).square().sum()
    variances = first.square().sum() + second.square().sum()
    shared = torch.linalg.svdvals(_triangle(first) @ _triangle(second).T).sum()
    return max(0.0, float(means + variances - 2 * shared))


def few_images_note(n_first: int, n_second: int, n_features: int = FEATURE_SIZE) -> str | None:
    """Return a sentence where a set has no more pictures than features, None where both have more.

    The distance is too large for every finite number of pictures, by about as much as 1 / n (Chong and Forsyth
    2020): only distances of equal numbers are comparable, and those of fewer pictures than features mean little.
    """
    n_fewest = min(n_first, n_second)
    if n_fewest > n_features:
        return None
    return (
        f"of {n_fewest} pictures, no more than the {n_features} features: too large by an unknown amount; "
        f"compare it with none but those of as many pictures"
    )


def _check(first_ND: NDArray[np.floating], second_ND: NDArray[np.floating]) -> None:
    shapes = f"found {first_ND.shape} and {second_ND.shape}"
    if first_ND.ndim != 2 or second_ND.ndim != 2 or first_ND.shape[1] != second_ND.shape[1]:
        raise BadInput(f"FID: expected two sets of features (N, D) of one size D, {shapes}")
    if min(len(first_ND), len(second_ND)) < FEWEST_IMAGES:
        raise BadInput(f"FID: expected {FEWEST_IMAGES} pictures or more in each set, {shapes}")
    if not (np.isfinite(first_ND).all() and np.isfinite(second_ND).all()):
        raise BadInput("FID: expected finite features, found nan or infinity")


def _centred(features_ND: NDArray[np.floating]) -> tuple[Tensor, Tensor]:
    """Return the mean (D,), and (N, D) whose product with itself is the covariance; float64."""
    features = torch.from_numpy(np.asarray(features_ND, np.float64))
    mean = features.mean(dim=0)
    return mean, (features - mean) / (len(features) - 1) ** 0.5


def _triangle(centred_ND: Tensor) -> Tensor:
    """Return (min(N, D), D) with the same product with itself: the singular values of large sets remain cheap."""
    triangle: Tensor = torch.linalg.qr(centred_ND, mode="r").R
    return triangle
