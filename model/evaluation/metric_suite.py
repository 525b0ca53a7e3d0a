"""Who judges a inpainted face: which metrics there are, the networks they need, and what would provide those missing."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.data.masks import Mask
from model.evaluation.metrics.cpbd import cpbd
from model.evaluation.metrics.fid import InceptionFeatures
from model.evaluation.metrics.hog import hog_distance
from model.evaluation.metrics.image import l1, l1_masked, psnr, ssim, ssim_win7
from model.evaluation.metrics.landmarks import LandmarkFinder, landmark_distances
from model.evaluation.metrics.lpips import Lpips
from model.evaluation.networks.recognisers import Recogniser, load_recogniser
from pipeline.base.arrays import ImageRGB, Landmarks
from pipeline.base.errors import BadParams, WeightsUnavailable
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.weights.fetch import find_weights

LPIPS = "lpips"
RECOGNITION = "recognition"
INCEPTION = "inception"
RECOGNISERS = ("arcface", "cosface", "sphereface", "vggface", "mobilefacenet")
"""The networks of the paper's Table 3, and the one whose weights are small enough for every machine."""

CSIM_NETWORKS = ("arcface", "mobilefacenet")
IDENTITY_NETWORKS = (*CSIM_NETWORKS, RECOGNITION)
"""Whose features tell who somebody is, the best first: psi comes last, for the generator was trained to please it."""

METRIC_OF = {INCEPTION: "fid"}
LPIPS_HEADS = "lpips_alex_heads"
NO_RECOGNITION = "this run has no face recognition network"

Features = Mapping[str, NDArray[np.float32]]
"""(D,) features of one face, by network."""


class MetricSuite(NamedTuple):
    """The networks that are here."""

    finder: LandmarkFinder
    lpips: Lpips | None
    inception: InceptionFeatures | None
    recognisers: Mapping[str, Recogniser]
    """Of RECOGNISERS."""
    recognition: FaceRecogniser | None
    missing: Mapping[str, str]
    """Why a metric isn't to be had, in a few words, by the name of its network; 'fid' by its own."""
    remedies: Sequence[str]
    """What would provide those that were asked for."""

    def first(self, names: Sequence[str]) -> str | None:
        """Return the first of these recognisers, or RECOGNITION, that is here."""
        here = {*self.recognisers, *([RECOGNITION] if self.recognition else [])}
        return next((name for name in names if name in here), None)


def load_metric_suite(networks: Mapping[str, str | None], recognition_network: Path | None) -> MetricSuite:
    """Return the judges of section ``evaluate.networks`` and the face recognition network; None: this run has none.

    Weights that can't be had are noted, not raised. Raises BadParams for a network that is not known, BadInput and
    UntrustedWeights for weights that are not that network's.
    """
    unknown = sorted(networks.keys() - _BUILDERS.keys())
    if unknown:
        raise BadParams(f"evaluate.networks: unknown '{unknown[0]}'; expected some of {', '.join(_BUILDERS)}")
    found = {name: _find(name, networks.get(name), build) for name, build in _BUILDERS.items()}
    missing = {name: network for name, network in found.items() if isinstance(network, _Missing)}
    here: dict[str, Any] = {name: network for name, network in found.items() if name not in missing}
    return MetricSuite(
        finder=LandmarkFinder(),
        lpips=here.get(LPIPS),
        inception=here.get(INCEPTION),
        recognisers={name: here[name] for name in RECOGNISERS if name in here},
        recognition=FaceRecogniser(recognition_network) if recognition_network else None,
        missing={METRIC_OF.get(name, name): one.why for name, one in missing.items()}
        | ({} if recognition_network else {RECOGNITION: NO_RECOGNITION}),
        remedies=[one.remedy for one in missing.values() if one.remedy],
    )


class _Missing(NamedTuple):
    why: str
    remedy: str | None


def _find(name: str, weights: str | None, build: Callable[[Path], object]) -> object:
    """Return the network of ``build``, or why it is missing."""
    if weights is None:
        return _Missing(f"evaluate.networks.{name} is null", None)
    try:
        return build(find_weights(weights))
    except WeightsUnavailable as error:
        return _Missing(f"the weights '{weights}' are not here", str(error))


def _build_lpips(trunk: Path) -> Lpips:
    return Lpips(trunk, find_weights(LPIPS_HEADS))


_BUILDERS: Mapping[str, Callable[[Path], object]] = {
    LPIPS: _build_lpips,
    INCEPTION: InceptionFeatures,
    **{name: partial(load_recogniser, name) for name in RECOGNISERS},
}


def embed(metric_suite: MetricSuite, face: ImageRGB, points: Landmarks | None) -> Features:
    """Return the features of a face (256, 256, 3) by each network that is here.

    Inpainted and true face are best aligned by the same ``points``, the true one's: how far the inpainted one's lie
    from them is another metric.
    """
    features = {
        name: network.embed([face], None if points is None else [points])[0]
        for name, network in metric_suite.recognisers.items()
    }
    if metric_suite.recognition:
        features[RECOGNITION] = metric_suite.recognition.embed([face])[0]
    if metric_suite.inception:
        features[INCEPTION] = metric_suite.inception.embed([face])[0]
    return features


def score(
    metric_suite: MetricSuite, inpainted: ImageRGB, true: ImageRGB, mask: Mask, true_points: Landmarks | None
) -> dict[str, float | bool | None]:
    """Return the metrics of two pictures (256, 256, 3) by name, as EvaluatedFace has them.

    ``true_points`` are what ``metric_suite.finder`` finds in the true one. None: can't be told of this pair.
    """
    inpainted_points = metric_suite.finder.find(inpainted)
    points = None
    if inpainted_points is not None and true_points is not None:
        points = landmark_distances(inpainted_points, true_points)
    return {
        "mask_share": float(mask.mean()),
        "psnr": psnr(inpainted, true),
        "ssim": ssim(inpainted, true),
        "ssim_win7": ssim_win7(inpainted, true),
        "l1": l1(inpainted, true),
        "l1_masked": l1_masked(inpainted, true, mask),
        "lpips": metric_suite.lpips.distance(inpainted, true) if metric_suite.lpips else None,
        "landmark_px": points and points.mean_px,
        "landmark_nme": points and points.nme,
        "landmark_mse": points and points.mean_square,
        "is_found": inpainted_points is not None,
        "is_true_found": true_points is not None,
        "hog": hog_distance(inpainted, true),
        "cpbd": cpbd(inpainted),
        "cpbd_true": cpbd(true),
    }
