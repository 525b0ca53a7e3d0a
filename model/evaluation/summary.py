"""The contents of metrics.json: means of metrics with their intervals, reasons for missing ones, and notes."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.evaluation.face_metrics import OVERALL, FaceMetrics, group_rows, unused_name
from model.evaluation.metric_suite import CSIM_NETWORKS, IDENTITY_NETWORKS, INCEPTION, MetricSuite
from model.evaluation.metrics.fid import FEWEST_IMAGES, few_images_note, frechet_distance
from model.evaluation.metrics.intervals import estimate_mean
from model.evaluation.metrics.retrieval import DEPTHS
from model.evaluation.retrieve import Retrieval, retrieve
from model.settings import EvaluateParams
from pipeline.core.records.evaluation import EvaluatedFace, SwappedFace
from pipeline.core.records.schema import describe

METRICS = tuple(name for name, _, is_nullable, _ in describe(EvaluatedFace) if is_nullable)
SHARES = ("is_found", "is_true_found")
SWAP_METRICS = ("similarity_to_face_person", "similarity_to_voice_person", "similarity_gain", "l1_change")
HEADLINES = ("psnr", "ssim", "l1", "l1_masked", "lpips", "recognition_cosine", "recognition_l1", "fid")
"""Metrics whose mean is also at the top level, where 'dvc exp show' makes a short column of it."""

PRINTED = ("psnr", "ssim", "l1", "l1_masked", "recognition_cosine")
"""Metrics that a command prints."""

PERCENT = 100.0

Summary = dict[str, float | int | str | None]
"""A metric's mean: ``value``, ``low``, ``high`` (its interval), ``n`` (of how many faces)."""

Metrics = dict[str, Any]
"""The content of metrics.json: headlines, groups of summaries, notes."""


def summarise_metrics(face_metrics: FaceMetrics, metric_suite: MetricSuite, params: EvaluateParams) -> Metrics:
    """Return the content of metrics.json, for this network's or another method's faces.

    'overall', and each dataset's name, have the summaries of all metrics; 'unavailable' has the reason for each
    missing one.
    """
    rows = face_metrics.rows
    groups = {
        name: _summarise_group(face_metrics, numbers, metric_suite, params)
        for name, numbers in group_rows(rows).items()
    }
    overall = groups[OVERALL]
    metrics: Metrics = {
        **{name: overall[name]["value"] for name in HEADLINES if name in overall},
        "n_faces": len(rows),
        "n_persons": len({row.person_id for row in rows}),
        "retrieval": {name: summary for name, summary in overall.items() if "acc@" in name},
        "swap": {},
        "unavailable": {**metric_suite.unavailable, **_undefined(overall, metric_suite)},
        "notes": _notes(face_metrics, metric_suite),
    }
    return metrics | {unused_name(name, metrics): group for name, group in groups.items()}


def empty_metrics(reason: str) -> Metrics:
    """Return the content of metrics.json where nothing is evaluated."""
    groups: Metrics = {name: {} for name in (OVERALL, "retrieval", "swap", "notes")}
    return {"n_faces": 0, "n_persons": 0, **groups, "unavailable": {"evaluation": reason}}


def as_json(metrics: Metrics) -> str:
    """Return the text of metrics.json."""
    return json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def headlines_of(metrics: Metrics) -> Metrics:
    """Return the means without intervals and groups: the metrics that ``dvc exp show`` has as columns."""
    return {name: value for name, value in metrics.items() if not isinstance(value, dict)}


def as_text(title: str, metrics: Metrics) -> str:
    """Return a line with the most important metrics, and a line for each metric that is unavailable."""
    overall = metrics[OVERALL]
    values = ", ".join(f"{name} {overall[name]['value']:.4g}" for name in PRINTED if name in overall)
    first = f"{title}: {metrics['n_faces']} faces of {metrics['n_persons']} persons: {values or 'no metrics'}"
    return "\n".join([first, *(f"{title}: no {name}: {reason}" for name, reason in metrics["unavailable"].items())])


def summarise_swaps(rows: Sequence[SwappedFace], params: EvaluateParams) -> dict[str, Summary]:
    """Return the means over faces inpainted by another person's voice, with intervals over the faces' persons."""
    swapped = [row for row in rows if row.face_person != row.voice_person]
    return _summarise(
        {name: [getattr(row, name) for row in swapped] for name in SWAP_METRICS},
        [row.face_person for row in swapped],
        params,
    )


def _summarise_group(
    face_metrics: FaceMetrics, numbers: Sequence[int], metric_suite: MetricSuite, params: EvaluateParams
) -> dict[str, Summary]:
    rows = [face_metrics.rows[number] for number in numbers]
    persons = [row.person_id for row in rows]
    columns = {name: [getattr(row, name) for row in rows] for name in (*METRICS, *SHARES)}
    summaries = _summarise(columns, persons, params)
    if INCEPTION in face_metrics.features and len(rows) >= FEWEST_IMAGES:
        distance = frechet_distance(*(features[list(numbers)] for features in face_metrics.features[INCEPTION]))
        summaries["fid"] = {"value": distance, "low": None, "high": None, "n": len(rows)}
    network = metric_suite.first_available(IDENTITY_NETWORKS)
    retrieval = retrieve(face_metrics, numbers, network, params.seed) if network else None
    return summaries | (_accuracies(retrieval, params) if retrieval else {})


def _accuracies(retrieval: Retrieval, params: EvaluateParams) -> dict[str, Summary]:
    """Return accuracies in percent: 'acc@1' where inpainted faces are queries, 'true_acc@1' where true ones are."""
    ranks = {"": retrieval.ranks_Q, "true_": retrieval.true_ranks_Q}
    hits = {f"{prefix}acc@{k}": PERCENT * (ranks_Q <= k) for prefix, ranks_Q in ranks.items() for k in DEPTHS}
    return _summarise(hits, retrieval.persons, params)


def _summarise(
    columns: Mapping[str, Sequence[float | None] | NDArray[np.floating]],
    persons: Sequence[str],
    params: EvaluateParams,
) -> dict[str, Summary]:
    """Return the mean of each column without its Nones; ``persons`` are those of its rows. Empty columns have none."""
    summaries: dict[str, Summary] = {}
    for name, column in columns.items():
        defined = [(float(value), person) for value, person in zip(column, persons, strict=True) if value is not None]
        estimate = estimate_mean(
            [value for value, _ in defined],
            [person for _, person in defined],
            n_draws=params.n_bootstrap,
            confidence=params.confidence,
            seed=params.seed,
        )
        if estimate:
            # JSON has no infinity, the PSNR of equal pictures.
            value = estimate.value if math.isfinite(estimate.value) else str(estimate.value)
            summaries[name] = {"value": value, "low": estimate.low, "high": estimate.high, "n": estimate.n}
    return summaries


def _undefined(overall: Mapping[str, Summary], metric_suite: MetricSuite) -> dict[str, str]:
    """Return the reasons for metrics that are not defined for these faces."""
    reasons = {}
    if "landmark_mse" not in overall:
        reasons["landmark"] = "the detector finds no face in any inpainted picture, or in no true one"
    if not any("acc@" in name for name in overall):
        has_network = metric_suite.first_available(IDENTITY_NETWORKS)
        reasons["retrieval"] = "no test person has two faces" if has_network else "no face recogniser is available"
    return reasons


def _notes(face_metrics: FaceMetrics, metric_suite: MetricSuite) -> dict[str, str]:
    """Return which networks were used, and the limits of the FID."""
    n_faces = len(face_metrics.rows)
    notes = {
        "identity_network": metric_suite.first_available(IDENTITY_NETWORKS),
        "csim_network": metric_suite.first_available(CSIM_NETWORKS),
        "fid": few_images_note(n_faces, n_faces) if INCEPTION in face_metrics.features else None,
    }
    return {name: note for name, note in notes.items() if note}
