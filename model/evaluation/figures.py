"""The evaluation as figures: what metrics.json says, in numbers and short words, as DVC shows them."""

import json
import math
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.evaluation.metric_suite import CSIM_NETWORKS, IDENTITY_NETWORKS, INCEPTION, MetricSuite
from model.evaluation.metrics.fid import FEWEST_IMAGES, few_images_note, frechet_distance
from model.evaluation.metrics.intervals import estimate_mean
from model.evaluation.metrics.retrieval import DEPTHS
from model.evaluation.retrieve import Retrieval, retrieve
from model.evaluation.scores import Scores
from model.settings import EvaluateParams
from pipeline.records.evaluation import EvaluatedFace, SwappedFace
from pipeline.records.schema import describe

OVERALL = "overall"
METRICS = tuple(name for name, _, is_nullable, _ in describe(EvaluatedFace) if is_nullable)
SHARES = ("is_found", "is_true_found")
SWAP_MEASURES = ("to_face_person", "to_voice_person", "moved", "change")
HEADLINES = ("psnr", "ssim", "l1", "l1_masked", "lpips", "recognition_cosine", "recognition_l1", "fid")
"""Those whose mean also stands by itself at the top, where 'dvc exp show' makes a short column of it."""

PRINTED = ("psnr", "ssim", "l1", "l1_masked", "recognition_cosine")
"""Those that a command prints."""

PERCENT = 100.0

Figure = dict[str, float | int | str | None]
"""``value``, ``low``, ``high``, ``n``."""

Metrics = dict[str, Any]
"""All of metrics.json: headlines, groups of figures, notes."""


def all_figures(scores: Scores, metric_suite: MetricSuite, params: EvaluateParams) -> Metrics:
    """Return what metrics.json says of scored faces, this network's or another method's.

    'overall', and each dataset's name, hold the figures of all metrics; 'unavailable' says of those that are missing
    why they are.
    """
    groups = {name: _group(scores, chosen, metric_suite, params) for name, chosen in groups_of(scores.rows).items()}
    overall = groups[OVERALL]
    metrics: Metrics = {
        **{name: overall[name]["value"] for name in HEADLINES if name in overall},
        "n_faces": len(scores.rows),
        "n_persons": len({row.person_id for row in scores.rows}),
        "retrieval": {name: figure for name, figure in overall.items() if "acc@" in name},
        "swap": {},
        "unavailable": {**metric_suite.missing, **_not_told(overall, metric_suite)},
        "notes": _notes(scores, metric_suite),
    }
    return metrics | {_free(name, metrics): group for name, group in groups.items()}


def no_figures(sentence: str) -> Metrics:
    """Return what metrics.json says where nothing is evaluated, and why."""
    groups: Metrics = {name: {} for name in (OVERALL, "retrieval", "swap", "notes")}
    return {"n_faces": 0, "n_persons": 0, **groups, "unavailable": {"evaluation": sentence}}


def render(metrics: Metrics) -> str:
    """Return metrics.json."""
    return json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def groups_of(rows: Sequence[EvaluatedFace]) -> dict[str, list[int]]:
    """Return the places of all rows under 'overall', and of each dataset's under its name."""
    groups = {OVERALL: list(range(len(rows)))}
    for dataset in sorted({row.dataset for row in rows}):
        groups[_free(dataset, groups)] = [place for place, row in enumerate(rows) if row.dataset == dataset]
    return groups


def swap_figures(rows: Sequence[SwappedFace], params: EvaluateParams) -> dict[str, Figure]:
    """Return the means over faces inpainted by another person's voice, with intervals over the faces' persons."""
    swapped = [row for row in rows if row.face_person != row.voice_person]
    return _means(
        {name: [getattr(row, name) for row in swapped] for name in SWAP_MEASURES},
        [row.face_person for row in swapped],
        params,
    )


def _free(name: str, taken: Container[str]) -> str:
    """A dataset may have any name, also one that is taken."""
    return f"dataset {name}" if name in taken else name


def _group(
    scores: Scores, chosen: Sequence[int], metric_suite: MetricSuite, params: EvaluateParams
) -> dict[str, Figure]:
    rows = [scores.rows[place] for place in chosen]
    persons = [row.person_id for row in rows]
    figures = _means({name: [getattr(row, name) for row in rows] for name in (*METRICS, *SHARES)}, persons, params)
    if INCEPTION in scores.features and len(rows) >= FEWEST_IMAGES:
        distance = frechet_distance(*(features[list(chosen)] for features in scores.features[INCEPTION]))
        figures["fid"] = {"value": distance, "low": None, "high": None, "n": len(rows)}
    network = metric_suite.first(IDENTITY_NETWORKS)
    found = retrieve(scores, chosen, network, params.seed) if network else None
    return figures | (_accuracies(found, params) if found else {})


def _accuracies(found: Retrieval, params: EvaluateParams) -> dict[str, Figure]:
    """Return accuracies in percent: 'acc@1' of inpainted faces, 'true_acc@1' where true ones ask."""
    places = {"": found.places_Q, "true_": found.true_places_Q}
    hits = {f"{of}acc@{k}": PERCENT * (places_Q <= k) for of, places_Q in places.items() for k in DEPTHS}
    return _means(hits, found.persons, params)


def _means(
    values_of: Mapping[str, Sequence[float | None] | NDArray[np.floating]],
    persons: Sequence[str],
    params: EvaluateParams,
) -> dict[str, Figure]:
    """Return the mean of each name's values that are there, one a person named, and nothing for a name without any."""
    figures: dict[str, Figure] = {}
    for name, values in values_of.items():
        scored = [(float(value), person) for value, person in zip(values, persons, strict=True) if value is not None]
        estimate = estimate_mean(
            [value for value, _ in scored],
            [person for _, person in scored],
            n_draws=params.n_bootstrap,
            confidence=params.confidence,
            seed=params.seed,
        )
        if estimate:
            # JSON has no infinity, the PSNR of equal pictures.
            value = estimate.value if math.isfinite(estimate.value) else str(estimate.value)
            figures[name] = {"value": value, "low": estimate.low, "high": estimate.high, "n": estimate.n}
    return figures


def _not_told(overall: Mapping[str, Figure], metric_suite: MetricSuite) -> dict[str, str]:
    """Return why the faces themselves leave a metric without a figure."""
    reasons = {}
    if "landmark_mse" not in overall:
        reasons["landmark"] = "the detector finds no face in any inpainted picture, or in no true one"
    if not any("acc@" in name for name in overall):
        can_tell = metric_suite.first(IDENTITY_NETWORKS)
        reasons["retrieval"] = "no test person has two faces" if can_tell else "no network here tells persons apart"
    return reasons


def _notes(scores: Scores, metric_suite: MetricSuite) -> dict[str, str]:
    """Return which network told identities, and what to know of FID."""
    told = {
        "identity_network": metric_suite.first(IDENTITY_NETWORKS),
        "csim_network": metric_suite.first(CSIM_NETWORKS),
        "fid": few_images_note(len(scores.rows), len(scores.rows)) if INCEPTION in scores.features else None,
    }
    return {name: note for name, note in told.items() if note}


def told_figures(title: str, metrics: Metrics) -> str:
    """Return the figures that matter most, and a line for each metric that could not be computed."""
    overall = metrics["overall"]
    told = [f"{name} {overall[name]['value']:.4g}" for name in PRINTED if name in overall]
    lines = [
        f"{title}: {metrics['n_faces']} faces of {metrics['n_persons']} persons: {', '.join(told) or 'no figures'}"
    ]
    return "\n".join([*lines, *(f"{title}: no {name}: {why}" for name, why in metrics["unavailable"].items())])
