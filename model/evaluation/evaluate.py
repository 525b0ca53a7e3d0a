"""Evaluate a generator: inpaint the faces of the test persons, judge them, and leave figures, tables and pictures."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from model.data.split import DatasetSplit
from model.evaluation.example_figure import ExampleFigure
from model.evaluation.figures import OVERALL, Metrics, all_figures, groups_of, swap_figures
from model.evaluation.inpainted_faces import (
    MaskedFace,
    count_masked_faces,
    heard_persons,
    inpaint,
    iterate_masked_faces,
    writing_inpainted_images,
)
from model.evaluation.metric_suite import IDENTITY_NETWORKS, RECOGNITION, MetricSuite
from model.evaluation.retrieve import LISTED, retrieve
from model.evaluation.scores import InpaintedPair, Scores, compute_all_metrics
from model.evaluation.swap import draw_swaps, measure_swaps, swap_voices
from model.evaluation.tsne import map_faces
from model.inference.marked_pictures import write_marked
from model.networks.generator import InpaintingGenerator
from model.settings import EvaluateParams, MaskParams
from pipeline.base.arrays import FaceEmbedding
from pipeline.base.errors import FacevoxError
from pipeline.base.progress import progress
from pipeline.records.evaluation import EvaluatedFace, MapPoint, RetrievedFace, SwappedFace
from pipeline.storage.atomic import write_text
from pipeline.storage.manifest import write_manifest


class NothingToEvaluate(FacevoxError):
    """No test person has a standard face and a voice, or there is no network; the text says which."""


def evaluate_network(
    network: InpaintingGenerator,
    data: DatasetSplit,
    metric_suite: MetricSuite,
    params: EvaluateParams,
    mask_params: MaskParams,
    folder: Path,
) -> tuple[list[EvaluatedFace], Metrics]:
    """Inpaint the faces of ``data`` by their persons' voices; return a row each, and what metrics.json says of them.

    ``folder`` gets ``inpainted.parquet`` and ``grid.png``, and where they can be made ``retrieval.parquet``,
    ``tsne.parquet``, ``swaps.parquet``, ``swap.png`` and ``plots/retrieval.csv``. The network is in evaluation mode,
    on the CPU. Raises NothingToEvaluate where no person has both a face and a voice.
    """
    n_faces = count_masked_faces(data, params)
    if not n_faces:
        raise NothingToEvaluate(
            f"no test person has both a standard face and a voice ({data.summary()}): nothing is evaluated. "
            "'facevox status' shows where faces and sound ended."
        )
    heard = heard_persons(data)
    example_figure = ExampleFigure(heard, params)
    with progress("evaluate", n_faces) as advance, writing_inpainted_images(folder / "inpainted.parquet") as keep:

        def inpainted_pairs() -> Iterator[InpaintedPair]:
            for face in iterate_masked_faces(data, params, mask_params):
                inpainted = inpaint(network, face, face.subject.log_mel)
                keep(face, inpainted)
                example_figure.look(face, inpainted)
                yield InpaintedPair(face.subject, face.mask, inpainted.face)
                advance()

        scores = compute_all_metrics(inpainted_pairs(), metric_suite)
    metrics = all_figures(scores, metric_suite, params)
    metrics["n_persons_without_voice"] = len(np.unique(data.person_of_face)) - len(heard)
    write_marked(example_figure.draw_grid(), folder / "grid.png")
    if identity_network := metric_suite.first(IDENTITY_NETWORKS):
        _write_retrieval(scores, identity_network, params, folder)
        write_manifest(folder / "tsne.parquet", MapPoint, map_faces(scores, identity_network, params.seed))
    if why_not := _why_no_swap(network, example_figure):
        metrics["unavailable"]["swap"] = why_not
    else:
        swapped = _swap(network, example_figure.swap_faces, scores, metric_suite, folder)
        metrics["swap"] = swap_figures(swapped, params)
    return scores.rows, metrics


def _write_retrieval(scores: Scores, network: str, params: EvaluateParams, folder: Path) -> None:
    """Write the faces that are nearest within each dataset, and the curve of accuracies over all datasets."""
    by_group = {name: retrieve(scores, chosen, network, params.seed) for name, chosen in groups_of(scores.rows).items()}
    overall = by_group.pop(OVERALL)
    nearest = [face for found in by_group.values() if found for face in found.nearest]
    write_manifest(folder / "retrieval.parquet", RetrievedFace, nearest)
    if overall:
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["k", "inpainted", "true"])
        for k in range(1, LISTED + 1):
            writer.writerow([k, np.mean(overall.places_Q <= k), np.mean(overall.true_places_Q <= k)])
        write_text(folder / "plots" / "retrieval.csv", table.getvalue())


def _why_no_swap(network: InpaintingGenerator, example_figure: ExampleFigure) -> str | None:
    if not network.params.hears:
        return f"variant '{network.params.variant}' hears no voice"
    if len(example_figure.swap_faces) < 2:
        return "there is one test person with a voice: nobody to swap with"
    return None


def _swap(
    network: InpaintingGenerator, faces: list[MaskedFace], scores: Scores, metric_suite: MetricSuite, folder: Path
) -> list[SwappedFace]:
    """Inpaint faces by each other's voices, and write what comes of it."""
    swaps = swap_voices(network, faces)
    write_marked(draw_swaps(swaps), folder / "swap.png")
    rows = measure_swaps(swaps, metric_suite.recognition, _mean_features(scores))
    write_manifest(folder / "swaps.parquet", SwappedFace, rows)
    return rows


def _mean_features(scores: Scores) -> dict[str, FaceEmbedding]:
    """Return the mean feature of each person's true faces by psi; nothing where psi is not here."""
    if RECOGNITION not in scores.features:
        return {}
    rows_of: dict[str, list[int]] = {}
    for place, row in enumerate(scores.rows):
        rows_of.setdefault(row.person_id, []).append(place)
    return {person: scores.features[RECOGNITION].true_ND[rows].mean(axis=0) for person, rows in rows_of.items()}
