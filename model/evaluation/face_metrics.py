"""Metrics of inpainted faces: a row for each face, and the features that metrics of whole sets need."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.evaluation.evaluation_faces import EvaluationFace
from model.evaluation.metric_suite import CSIM_NETWORKS, RECOGNISERS, RECOGNITION, Features, MetricSuite
from model.evaluation.networks.recognisers import cosine_distances, euclidean_distances
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.records.evaluation import EvaluatedFace

OVERALL = "overall"


class PairFeatures(NamedTuple):
    """Features of N inpainted faces and of the true ones, by one network."""

    inpainted_ND: NDArray[np.float32]
    true_ND: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FaceMetrics:
    """The metrics and features of N inpainted faces."""

    rows: list[EvaluatedFace]
    features: Mapping[str, PairFeatures]
    """By network, in the order of ``rows``."""


class MetricAccumulator:
    """Computes metrics face by face; numbers are kept, pictures are not."""

    def __init__(self, metric_suite: MetricSuite) -> None:
        self._metric_suite = metric_suite
        self._rows: list[dict[str, str | float | bool | None]] = []
        self._inpainted_features: list[Features] = []
        self._true_features: list[Features] = []

    def add(self, face: EvaluationFace, inpainted: ImageRGB) -> None:
        """Compute the metrics of a face (256, 256, 3) that this network or another method inpainted."""
        landmarks = self._metric_suite.landmark_detector.detect(face.image)
        ids = {name: getattr(face, name) for name in ("face_id", "dataset", "person_id", "segment_id")}
        self._rows.append(ids | self._metric_suite.compute_metrics(inpainted, face.image, face.mask, landmarks))
        self._inpainted_features.append(self._metric_suite.embed(inpainted, landmarks))
        self._true_features.append(self._metric_suite.embed(face.image, landmarks))

    def compute(self) -> FaceMetrics:
        """Return the metrics of all faces, in the order in which they were added."""
        features = {
            network: PairFeatures(
                np.stack([face[network] for face in self._inpainted_features]),
                np.stack([face[network] for face in self._true_features]),
            )
            for network in (self._inpainted_features[0] if self._inpainted_features else ())
        }
        columns = _feature_distances(features, len(self._rows))
        rows = [
            EvaluatedFace(**row, **{name: values[number] for name, values in columns.items()})  # type: ignore[arg-type]
            for number, row in enumerate(self._rows)
        ]
        return FaceMetrics(rows, features)


def group_rows(rows: Sequence[EvaluatedFace]) -> dict[str, list[int]]:
    """Return the row numbers of all faces as 'overall', and those of each dataset under its name."""
    groups = {OVERALL: list(range(len(rows)))}
    for dataset in sorted({row.dataset for row in rows}):
        groups[unused_name(dataset, groups)] = [number for number, row in enumerate(rows) if row.dataset == dataset]
    return groups


def unused_name(dataset: str, used: Container[str]) -> str:
    """Return a dataset's key: its name, or 'dataset <name>' where that is another key already."""
    return f"dataset {dataset}" if dataset in used else dataset


def _feature_distances(features: Mapping[str, PairFeatures], n_faces: int) -> dict[str, list[float] | list[None]]:
    """Return the columns of EvaluatedFace that compare features; those of missing networks are None."""
    missing = [None] * n_faces
    columns: dict[str, list[float] | list[None]] = {
        f"{RECOGNITION}_cosine": missing,
        f"{RECOGNITION}_l1": missing,
        "csim": missing,
    }
    columns |= {f"{network}_{kind}": missing for network in RECOGNISERS for kind in ("cosine", "l2")}
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
