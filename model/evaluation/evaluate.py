"""Evaluate a generator: inpaint the test faces, compute metrics, and write tables and pictures."""

from itertools import islice
from pathlib import Path

import numpy as np

from model.evaluation.evaluation_faces import (
    EvaluationFace,
    choose_persons,
    count_evaluation_faces,
    iterate_evaluation_faces,
    persons_with_voice,
)
from model.evaluation.example_figure import ExampleFigure
from model.evaluation.face_metrics import MetricAccumulator
from model.evaluation.inpainted_images import writing_inpainted_images
from model.evaluation.inputs import EvaluationInputs, NothingToEvaluate
from model.evaluation.metric_suite import IDENTITY_NETWORKS
from model.evaluation.retrieve import write_retrieval
from model.evaluation.summary import Metrics, summarise_metrics, summarise_swaps
from model.evaluation.swap import evaluate_swaps, no_swap_reason
from model.evaluation.tsne import map_faces
from model.inference.inpaint import inpaint_faces
from model.inference.marked_pictures import write_marked
from model.networks.generator import InpaintingGenerator
from pipeline.core.base.device import GPU_BATCH
from pipeline.core.base.progress import progress
from pipeline.core.records.evaluation import EvaluatedFace, MapPoint
from pipeline.core.storage.manifest import write_manifest


def evaluate_network(
    network: InpaintingGenerator, inputs: EvaluationInputs, folder: Path
) -> tuple[list[EvaluatedFace], Metrics]:
    """Inpaint the test faces by their persons' voices; return a row for each, and the content of metrics.json.

    ``folder`` gets ``inpainted.parquet`` and ``grid.png``, and where they are defined ``retrieval.parquet``,
    ``tsne.parquet``, ``swaps.parquet``, ``swap.png`` and ``plots/retrieval.csv``. The network is in evaluation mode,
    on any device. Raises NothingToEvaluate where no person has both a face and a voice.
    """
    data, metric_suite, params = inputs.data, inputs.metric_suite, inputs.params
    n_faces = count_evaluation_faces(data, params)
    if not n_faces:
        raise NothingToEvaluate(
            f"no test person has both a standard face and a voice ({data.summary()}): nothing is evaluated. "
            "'facevox status' shows why."
        )
    persons = persons_with_voice(data)
    swap_persons = choose_persons(persons, params.n_swap_persons, params.seed)
    swap_faces: dict[str, EvaluationFace] = {}
    example_figure = ExampleFigure(persons, params)
    accumulator = MetricAccumulator(metric_suite, params.jpeg_quality)

    images_path = folder / "inpainted.parquet"
    with progress("evaluate", n_faces) as advance, writing_inpainted_images(images_path) as write_image:
        evaluation_faces = iterate_evaluation_faces(data, params, inputs.mask_params)
        while faces := list(islice(evaluation_faces, GPU_BATCH)):
            inpainted = inpaint_faces(
                network,
                [face.image for face in faces],
                [face.mask for face in faces],
                [face.log_mel for face in faces],
                params.threads,
            )
            accumulator.add(faces, [one.face for one in inpainted])
            for face, one in zip(faces, inpainted, strict=True):
                write_image(face, one)
                example_figure.add(face, one)
                if face.person_id in swap_persons:
                    swap_faces.setdefault(face.person_id, face)
                advance()

    write_marked(example_figure.draw(), folder / "grid.png")
    face_metrics = accumulator.compute()
    metrics = summarise_metrics(face_metrics, metric_suite, params)
    metrics["n_persons_without_voice"] = len(np.unique(data.person_of_face)) - len(persons)

    if identity_network := metric_suite.first_available(IDENTITY_NETWORKS):
        write_retrieval(face_metrics, identity_network, params.seed, folder)
        write_manifest(folder / "tsne.parquet", MapPoint, map_faces(face_metrics, identity_network, params.seed))

    if reason := no_swap_reason(network, len(swap_faces)):
        metrics["unavailable"]["swap"] = reason
    else:
        swaps = evaluate_swaps(
            network, list(swap_faces.values()), metric_suite.recognition, face_metrics, folder, params.threads
        )
        metrics["swap"] = summarise_swaps(swaps, params)
    return face_metrics.rows, metrics
