"""Metrics of inpainted faces: a row for each face, and the features that metrics of whole sets need."""

from collections.abc import Container, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.evaluation.evaluation_faces import EvaluationFace
from model.evaluation.metric_suite import (
    CSIM_NETWORKS,
    RECOGNISERS,
    RECOGNITION,
    Features,
    MetricSuite,
    MetricValues,
    picture_metrics,
)
from model.evaluation.metrics.jpeg import as_jpeg
from model.evaluation.networks.recognisers import cosine_distances, euclidean_distances
from pipeline.core.base.arrays import FaceEmbedding, ImageRGB
from pipeline.core.base.device import usable_processors
from pipeline.core.records.evaluation import EvaluatedFace

ROUNDING = 1e-5
"""Of the features of one network on two devices or threads, relative to the largest; other networks differ by 1."""

OVERALL = "overall"
IDS = ("face_id", "dataset", "person_id", "segment_id")


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
    """Computes metrics of faces, some at a time; numbers are kept, pictures are not.

    Metrics that need no network are computed in threads, meanwhile the networks compute on their device. With a
    ``jpeg_quality``, the pictures, inpainted and true, are measured as JPEG of that quality stores them.
    """

    def __init__(self, metric_suite: MetricSuite, jpeg_quality: int | None = None) -> None:
        self._metric_suite, self._jpeg_quality = metric_suite, jpeg_quality
        self._threads = ThreadPoolExecutor(usable_processors())
        self._rows: list[dict[str, str | float | bool | None]] = []
        self._waiting: list[tuple[int, Future[MetricValues]]] = []
        self._has_labels: dict[str, bool] = {}  # by dataset: whether labels are what the recognition network computes
        self._inpainted_features: list[Features] = []
        self._true_features: list[Features] = []

    def add(self, faces: Sequence[EvaluationFace], inpainted: Sequence[ImageRGB]) -> None:
        """Compute the metrics of faces (256, 256, 3), one or more, that this network or another method inpainted."""
        suite, true = self._metric_suite, [face.image for face in faces]
        if self._jpeg_quality is not None:
            inpainted, true = ([as_jpeg(one, self._jpeg_quality) for one in pictures] for pictures in (inpainted, true))
        self._finish()
        for face, picture, image in zip(faces, inpainted, true, strict=True):
            task = self._threads.submit(picture_metrics, picture, image, face.mask)
            self._waiting.append((len(self._rows), task))
            self._rows.append({name: getattr(face, name) for name in IDS})
        found = [suite.landmark_detector.detect(image) for image in true]
        landmarks = [one.steady for one in found]
        distances = suite.lpips.distances(inpainted, true) if suite.lpips else [None] * len(true)
        rows = self._rows[-len(true) :]
        for row, picture, points, distance in zip(rows, inpainted, found, distances, strict=True):
            row |= {"lpips": distance, **suite.landmark_metrics(picture, points)}
        self._inpainted_features.append(suite.embed(inpainted, landmarks))
        self._true_features.append(suite.embed(true, landmarks, self._recognise_true(faces, true)))

    def _recognise_true(self, faces: Sequence[EvaluationFace], true: Sequence[ImageRGB]) -> NDArray[np.float32] | None:
        """Return the features of true faces: their identity labels, where these are of the same network.

        The labels of a dataset are taken to be so if that of its first face is what the network computes.
        """
        recognition = self._metric_suite.recognition
        if recognition is None:
            return None
        features: list[NDArray[np.float32] | None] = [None] * len(faces)
        if self._jpeg_quality is None:
            for place, (face, picture) in enumerate(zip(faces, true, strict=True)):
                if face.label is None:
                    continue
                if face.dataset not in self._has_labels:
                    self._has_labels[face.dataset] = _is_same(face.label, recognition.embed([picture])[0])
                if self._has_labels[face.dataset]:
                    features[place] = face.label
        missing = [place for place, feature in enumerate(features) if feature is None]
        for place, feature in zip(missing, recognition.embed([true[place] for place in missing]), strict=True):
            features[place] = feature
        return np.stack([feature for feature in features if feature is not None])

    def _finish(self) -> None:
        """Wait for the threads: no more pictures are in memory than those of one call."""
        for number, task in self._waiting:
            self._rows[number] |= task.result()
        self._waiting.clear()

    def compute(self) -> FaceMetrics:
        """Return the metrics of all faces, in the order in which they were added."""
        self._finish()
        self._threads.shutdown()
        features = {
            network: PairFeatures(
                np.concatenate([faces[network] for faces in self._inpainted_features]),
                np.concatenate([faces[network] for faces in self._true_features]),
            )
            for network in (self._inpainted_features[0] if self._inpainted_features else ())
        }
        columns = _feature_distances(features, len(self._rows))
        rows = [
            EvaluatedFace(**row, **{name: values[number] for name, values in columns.items()})  # type: ignore[arg-type]
            for number, row in enumerate(self._rows)
        ]
        return FaceMetrics(rows, features)


def _is_same(label: FaceEmbedding, feature: NDArray[np.float32]) -> bool:
    """Whether two features of a picture differ by no more than the rounding of two devices."""
    return label.shape == feature.shape and float(np.abs(label - feature).max()) <= ROUNDING * float(feature.max())


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
