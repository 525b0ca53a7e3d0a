"""The metric suite: which metrics an evaluation has, the networks that they need, and which of those are missing."""

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
from model.evaluation.metrics.landmarks import FoundLandmarks, LandmarkDetector, landmark_distances
from model.evaluation.metrics.lpips import Lpips
from model.evaluation.networks.recognisers import load_recogniser
from pipeline.core.base.arrays import ImageRGB, Landmarks
from pipeline.core.base.device import Placement
from pipeline.core.base.errors import BadParams, WeightsUnavailable
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.identity.network.recogniser import Recogniser
from pipeline.weights.fetch import find_weights

LPIPS = "lpips"
RECOGNITION = "recognition"
INCEPTION = "inception"
RECOGNISERS = ("arcface", "cosface", "sphereface", "vggface", "mobilefacenet")
"""The networks of the paper's Table 3, and the one whose weights are small enough for every machine."""

CSIM_NETWORKS = ("arcface", "mobilefacenet")
IDENTITY_NETWORKS = (*CSIM_NETWORKS, RECOGNITION)
"""Networks for retrieval and the map, the best first; this run's own comes last: the generator's loss contains it."""

METRIC_OF = {INCEPTION: "fid"}
LPIPS_HEADS = "lpips_alex_heads"
NO_RECOGNITION = "this run has no face recognition network"

Features = Mapping[str, NDArray[np.float32]]
"""(N, D) features of N faces, by network."""

MetricValues = dict[str, float | bool | None]
"""Metrics of a face by their columns of EvaluatedFace."""


class MetricSuite(NamedTuple):
    """Computes metrics of a face; has the networks for it, None or not in ``recognisers`` where weights are missing."""

    landmark_detector: LandmarkDetector
    lpips: Lpips | None
    inception: InceptionFeatures | None
    recognisers: Mapping[str, Recogniser]
    """By name, of RECOGNISERS."""
    recognition: FaceRecogniser | None
    unavailable: Mapping[str, str]
    """The reason, in a few words, by the name of the missing network; 'fid' for Inception."""
    weights_errors: Sequence[str]
    """For each network of params.yaml whose weights were not found: how to provide them."""

    def first_available(self, names: Sequence[str]) -> str | None:
        """Return the first of these recognisers, or RECOGNITION, that is loaded."""
        available = {*self.recognisers, *([RECOGNITION] if self.recognition else [])}
        return next((name for name in names if name in available), None)

    def landmark_metrics(self, inpainted: ImageRGB, true: FoundLandmarks) -> MetricValues:
        """Return the metrics of the landmarks of a picture (256, 256, 3); None: not defined.

        ``true`` are those that ``landmark_detector`` finds in the true picture.
        """
        found = self.landmark_detector.detect(inpainted)
        steady, plain, doubled = (
            None if one is None or other is None else landmark_distances(one, other)
            for one, other in zip(found, true, strict=True)
        )
        return {
            "landmark_px": steady and steady.mean_px,
            "landmark_nme": steady and steady.nme,
            "landmark_mse": steady and steady.mean_square,
            "landmark_plain_px": plain and plain.mean_px,
            "landmark_plain_mse": plain and plain.mean_square,
            "landmark_doubled_px": doubled and doubled.mean_px,
            "landmark_doubled_mse": doubled and doubled.mean_square,
            "is_found": found.steady is not None,
            "is_true_found": true.steady is not None,
        }

    def embed(
        self,
        faces: Sequence[ImageRGB],
        landmarks: Sequence[Landmarks | None],
        recognised_ND: NDArray[np.float32] | None = None,
    ) -> Features:
        """Return the features of N faces (256, 256, 3), one or more, by each network.

        Inpainted and true face are best aligned by the same ``landmarks``, the true face's: how far the inpainted
        face's are from them is another metric. ``recognised_ND`` are the features of ``recognition`` where they are
        known already.
        """
        features = {name: network.embed(faces, landmarks) for name, network in self.recognisers.items()}
        if self.recognition:
            features[RECOGNITION] = self.recognition.embed(faces) if recognised_ND is None else recognised_ND
        if self.inception:
            features[INCEPTION] = self.inception.embed(faces)
        return features


def picture_metrics(inpainted: ImageRGB, true: ImageRGB, mask: Mask) -> MetricValues:
    """Return the metrics of two pictures (256, 256, 3) that need neither landmarks nor a network."""
    return {
        "mask_share": float(mask.mean()),
        "psnr": psnr(inpainted, true),
        "ssim": ssim(inpainted, true),
        "ssim_win7": ssim_win7(inpainted, true),
        "l1": l1(inpainted, true),
        "l1_masked": l1_masked(inpainted, true, mask),
        "hog": hog_distance(inpainted, true),
        "cpbd": cpbd(inpainted),
        "cpbd_true": cpbd(true),
    }


def load_metric_suite(
    networks: Mapping[str, str | None],
    recognition_network: Path | None,
    placement: Placement = Placement(),
    *,
    doubles_landmarks: bool = False,
) -> MetricSuite:
    """Return the networks of section ``evaluate.networks`` and the face recognition network; None: this run has none.

    ``doubles_landmarks`` is the ``LandmarkDetector``'s. Weights that are not found are noted, not raised. Raises
    BadParams for an unknown network, BadInput and UntrustedWeights for weights of another network.
    """
    unknown = sorted(networks.keys() - _LOADERS.keys())
    if unknown:
        raise BadParams(f"evaluate.networks: unknown '{unknown[0]}'; expected some of {', '.join(_LOADERS)}")
    results = {name: _load(name, networks.get(name), load, placement) for name, load in _LOADERS.items()}
    missing = {name: result for name, result in results.items() if isinstance(result, _Missing)}
    loaded: dict[str, Any] = {name: network for name, network in results.items() if name not in missing}
    return MetricSuite(
        landmark_detector=LandmarkDetector(doubles=doubles_landmarks),
        lpips=loaded.get(LPIPS),
        inception=loaded.get(INCEPTION),
        recognisers={name: loaded[name] for name in RECOGNISERS if name in loaded},
        recognition=FaceRecogniser(recognition_network, placement) if recognition_network else None,
        unavailable={METRIC_OF.get(name, name): network.reason for name, network in missing.items()}
        | ({} if recognition_network else {RECOGNITION: NO_RECOGNITION}),
        weights_errors=[network.error for network in missing.values() if network.error],
    )


_Loader = Callable[[Path, Placement], object]


class _Missing(NamedTuple):
    reason: str
    error: str | None


def _load(name: str, weights: str | None, load: _Loader, placement: Placement) -> object:
    """Return the network, or _Missing."""
    if weights is None:
        return _Missing(f"evaluate.networks.{name} is null", None)
    try:
        return load(find_weights(weights), placement)
    except WeightsUnavailable as error:
        return _Missing(f"the weights '{weights}' are not available", str(error))


def _load_lpips(trunk: Path, placement: Placement) -> Lpips:
    return Lpips(trunk, find_weights(LPIPS_HEADS), placement)


_LOADERS: Mapping[str, _Loader] = {
    LPIPS: _load_lpips,
    INCEPTION: InceptionFeatures,
    **{name: partial(load_recogniser, name) for name in RECOGNISERS},
}
