"""Inpainted faces against the true ones: a row of metrics for each, and their features for metrics of sets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.data.masks import Mask
from model.evaluation.evaluation_faces import EvaluationFace
from model.evaluation.metric_suite import CSIM_NETWORKS, RECOGNISERS, RECOGNITION, Features, MetricSuite, embed, score
from model.evaluation.networks.recognisers import cosine_distances, euclidean_distances
from pipeline.base.arrays import ImageRGB
from pipeline.records.evaluation import EvaluatedFace


class InpaintedPair(NamedTuple):
    """A face and what was inpainted into its mask, by this network or another method."""

    subject: EvaluationFace
    mask: Mask
    inpainted: ImageRGB


class PairFeatures(NamedTuple):
    """Features of N inpainted faces and of the true ones, by one network."""

    inpainted_ND: NDArray[np.float32]
    true_ND: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scores:
    """What the judges say of N inpainted faces."""

    rows: list[EvaluatedFace]
    features: Mapping[str, PairFeatures]
    """By network, in the order of ``rows``."""


def compute_all_metrics(pairs: Iterable[InpaintedPair], metric_suite: MetricSuite) -> Scores:
    """Return the scores in the order of ``pairs``, which are looked at one by one and not kept."""
    found: list[dict[str, str | float | bool | None]] = []
    inpainted: list[Features] = []
    true: list[Features] = []
    for subject, mask, picture in pairs:
        points = metric_suite.finder.find(subject.face)
        ids = {name: getattr(subject, name) for name in ("face_id", "dataset", "person_id", "segment_id")}
        found.append(ids | score(metric_suite, picture, subject.face, mask, points))
        inpainted.append(embed(metric_suite, picture, points))
        true.append(embed(metric_suite, subject.face, points))
    features = {
        network: PairFeatures(*(np.stack([face[network] for face in faces]) for faces in (inpainted, true)))
        for network in (inpainted[0] if inpainted else ())
    }
    columns = _distances(features, len(found))
    return Scores(
        [EvaluatedFace(**row, **{name: values[n] for name, values in columns.items()}) for n, row in enumerate(found)],  # type: ignore[arg-type]
        features,
    )


def _distances(features: Mapping[str, PairFeatures], n_faces: int) -> dict[str, list[float] | list[None]]:
    """Return the columns of EvaluatedFace that compare features; those of networks that aren't here are None."""
    nothing = [None] * n_faces
    columns: dict[str, list[float] | list[None]] = {
        f"{RECOGNITION}_cosine": nothing,
        f"{RECOGNITION}_l1": nothing,
        "csim": nothing,
    }
    columns |= {f"{network}_{kind}": nothing for network in RECOGNISERS for kind in ("cosine", "l2")}
    for network in {RECOGNITION, *RECOGNISERS} & features.keys():
        columns[f"{network}_cosine"] = cosine_distances(*features[network]).tolist()
        if network == RECOGNITION:
            columns[f"{RECOGNITION}_l1"] = np.abs(np.subtract(*features[RECOGNITION])).mean(axis=1).tolist()
        else:
            columns[f"{network}_l2"] = euclidean_distances(*features[network]).tolist()
    csim_network = next((network for network in CSIM_NETWORKS if network in features), None)
    if csim_network:
        columns["csim"] = (1 - cosine_distances(*features[csim_network])).tolist()
    return columns
