"""Who judges a painted face: which metrics there are, the networks they need, and what would provide those missing."""

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
from model.evaluation.metrics.image import l1, l1_hole, psnr, ssim, ssim_win7
from model.evaluation.metrics.landmarks import LandmarkFinder, landmark_distances
from model.evaluation.metrics.lpips import Lpips
from model.evaluation.networks.recognisers import Recogniser, load_recogniser
from pipeline.base.arrays import ImageRGB, Landmarks
from pipeline.base.errors import BadParams, WeightsUnavailable
from pipeline.identity.network.embed import Embedder
from pipeline.weights.fetch import find_weights

LPIPS = "lpips"
PSI = "psi"
INCEPTION = "inception"
RECOGNISERS = ("arcface", "cosface", "sphereface", "vggface", "mobilefacenet")
"""The networks of the paper's Table 3, and the one whose weights are small enough for every machine."""

CSIM_NETWORKS = ("arcface", "mobilefacenet")
IDENTITY_NETWORKS = (*CSIM_NETWORKS, PSI)
"""Whose features tell who somebody is, the best first: psi comes last, for the painter was trained to please it."""

METRIC_OF = {INCEPTION: "fid"}
LPIPS_HEADS = "lpips_alex_heads"
NO_PSI = "this run has no label network"

Features = Mapping[str, NDArray[np.float32]]
"""(D,) features of one face, by network."""


class Judges(NamedTuple):
    """The networks that are here."""

    finder: LandmarkFinder
    lpips: Lpips | None
    inception: InceptionFeatures | None
    recognisers: Mapping[str, Recogniser]
    """Of RECOGNISERS."""
    psi: Embedder | None
    missing: Mapping[str, str]
    """Why a metric isn't to be had, in a few words, by the name of its network; 'fid' by its own."""
    remedies: Sequence[str]
    """What would provide those that were asked for."""

    def first(self, names: Sequence[str]) -> str | None:
        """Return the first of these recognisers, or PSI, that is here."""
        here = {*self.recognisers, *([PSI] if self.psi else [])}
        return next((name for name in names if name in here), None)


def find_judges(networks: Mapping[str, str | None], label_network: Path | None) -> Judges:
    """Return the judges of section ``evaluate.networks`` and the label network; None: this run has none.

    Weights that can't be had are noted, not raised. Raises BadParams for a network that is not known, BadInput and
    UntrustedWeights for weights that are not that network's.
    """
    unknown = sorted(networks.keys() - _BUILDERS.keys())
    if unknown:
        raise BadParams(f"evaluate.networks: unknown '{unknown[0]}'; expected some of {', '.join(_BUILDERS)}")
    found = {name: _find(name, networks.get(name), build) for name, build in _BUILDERS.items()}
    missing = {name: network for name, network in found.items() if isinstance(network, _Missing)}
    here: dict[str, Any] = {name: network for name, network in found.items() if name not in missing}
    return Judges(
        finder=LandmarkFinder(),
        lpips=here.get(LPIPS),
        inception=here.get(INCEPTION),
        recognisers={name: here[name] for name in RECOGNISERS if name in here},
        psi=Embedder(label_network) if label_network else None,
        missing={METRIC_OF.get(name, name): one.why for name, one in missing.items()}
        | ({} if label_network else {PSI: NO_PSI}),
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


def embed(judges: Judges, face: ImageRGB, points: Landmarks | None) -> Features:
    """Return the features of a face (256, 256, 3) by each network that is here.

    Painted and true face are best aligned by the same ``points``, the true one's: how far the painted one's lie
    from them is another metric.
    """
    features = {
        name: network.embed([face], None if points is None else [points])[0]
        for name, network in judges.recognisers.items()
    }
    if judges.psi:
        features[PSI] = judges.psi.embed([face])[0]
    if judges.inception:
        features[INCEPTION] = judges.inception.embed([face])[0]
    return features


def score(
    judges: Judges, painted: ImageRGB, true: ImageRGB, hole: Mask, true_points: Landmarks | None
) -> dict[str, float | bool | None]:
    """Return the metrics of two pictures (256, 256, 3) by name, as EvaluatedFace has them.

    ``true_points`` are what ``judges.finder`` finds in the true one. None: can't be told of this pair.
    """
    painted_points = judges.finder.find(painted)
    points = None
    if painted_points is not None and true_points is not None:
        points = landmark_distances(painted_points, true_points)
    return {
        "hole_share": float(hole.mean()),
        "psnr": psnr(painted, true),
        "ssim": ssim(painted, true),
        "ssim_win7": ssim_win7(painted, true),
        "l1": l1(painted, true),
        "l1_hole": l1_hole(painted, true, hole),
        "lpips": judges.lpips.distance(painted, true) if judges.lpips else None,
        "landmark_px": points and points.mean_px,
        "landmark_nme": points and points.nme,
        "landmark_mse": points and points.mean_square,
        "is_found": painted_points is not None,
        "is_true_found": true_points is not None,
        "hog": hog_distance(painted, true),
        "cpbd": cpbd(painted),
        "cpbd_true": cpbd(true),
    }
