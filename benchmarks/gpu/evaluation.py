"""How many test faces a second the evaluation inpaints and measures, by its parts."""

import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import torch
from torch import nn

from benchmarks.gpu.networks import RELEASED_LOSSES, Trainings
from benchmarks.gpu.report import Report
from benchmarks.timing import seconds
from model.evaluation.evaluate import evaluate_network
from model.evaluation.evaluation_faces import count_evaluation_faces, iterate_evaluation_faces
from model.evaluation.inputs import EvaluationInputs
from model.evaluation.metric_suite import INCEPTION, LPIPS, MetricSuite, picture_metrics
from model.evaluation.metrics.fid import InceptionFeatures
from model.evaluation.metrics.landmarks import NO_LANDMARKS, FoundLandmarks, LandmarkDetector
from model.evaluation.metrics.lpips import AlexNetTrunk, Heads, Lpips
from model.evaluation.networks.face_network import NetworkRecogniser
from model.evaluation.networks.inception import Inception
from model.evaluation.networks.recognisers import FAMILIES
from model.inference.inpaint import inpaint_faces
from model.settings import EvaluateParams
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.device import GPU_BATCH, Placement, usable_processors
from pipeline.core.base.params import PARAMS_FILE, load_params
from pipeline.core.base.torch_threads import single_thread
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.identity.network.weights_file import write_recognition_network
from pipeline.weights.state_dict import write_state_dict

PAPER_FACES = 1757
"""The test faces of the paper's Table 1."""
MAX_PAPER_S = 120


def measure_evaluation(trainings: Trainings, report: Report) -> None:
    """Add faces a second by parts and together, and seconds for the paper's test faces; without landmarks (dlib)."""
    process, scale, n_threads = trainings.process, trainings.scale, torch.get_num_threads()
    params = trainings.params(1, RELEASED_LOSSES)
    network = trainings.task(params).generator.eval()
    evaluate = load_params(EvaluateParams, "evaluate", PARAMS_FILE).model_copy(
        update={"max_faces_per_person": scale.evaluation_faces_of_person, "threads": n_threads}
    )
    faces = list(islice(iterate_evaluation_faces(trainings.data, evaluate, params.mask), GPU_BATCH))
    true, masks, log_mels = ([getattr(face, name) for face in faces] for name in ("image", "mask", "log_mel"))
    with tempfile.TemporaryDirectory() as folder, single_thread():  # n_threads faces at once
        suite = _metric_suite(trainings, Path(folder), Placement(str(process.device), at_once=n_threads))
        inpainted = [one.face for one in inpaint_faces(network, true, masks, log_mels, n_threads)]
        suite.embed(true, [None] * len(true))  # both load or choose kernels

        def compute_picture_metrics() -> None:
            with ThreadPoolExecutor(usable_processors()) as threads:
                list(threads.map(picture_metrics, inpainted, true, masks))

        parts: dict[str, Callable[[], object]] = {
            "inpainting": lambda: inpaint_faces(network, true, masks, log_mels, n_threads),
            "metrics of pictures": compute_picture_metrics,
            "networks": lambda: [suite.embed(one, [None] * len(one)) for one in (inpainted, true)],
        }
        for name, work in parts.items():
            rate = len(faces) / seconds(work)
            report.add(f"{name}, faces/s", round(rate, 2), f"{name:28} {rate:8.1f} faces/s")
        inputs = EvaluationInputs(data=trainings.data, metric_suite=suite, params=evaluate, mask_params=params.mask)
        n_faces = count_evaluation_faces(trainings.data, evaluate)
        took_s = seconds(lambda: evaluate_network(network, inputs, Path(folder)))
    report.add("n_faces", n_faces)
    rate, paper_s = n_faces / took_s, PAPER_FACES * took_s / n_faces
    report.add("faces_per_s", round(rate, 3))
    line = (
        f"{'all, with files and figures':28} {rate:8.1f} faces/s: {n_faces} faces in {took_s:.1f} s, {PAPER_FACES:,} "
        f"faces in {paper_s:.0f} s (target on a GPU <= {MAX_PAPER_S})"
    )
    report.add("paper_faces_s", round(paper_s, 1), line)


class _NoLandmarks(LandmarkDetector):
    """Finds no face: dlib, which would, is no part of a bare machine."""

    def __init__(self) -> None: ...

    def detect(self, face: ImageRGB) -> FoundLandmarks:
        return NO_LANDMARKS


def _metric_suite(trainings: Trainings, folder: Path, placement: Placement) -> MetricSuite:
    """Return all networks of the evaluation but MobileFaceNet, with random weights, loaded from files as published."""
    channels = trainings.scale.recogniser_channels
    networks: Mapping[str, nn.Module] = {
        LPIPS: AlexNetTrunk(),
        "heads": Heads(),
        INCEPTION: Inception(),
        **{name: family.build(channels) for name, family in FAMILIES.items()},
    }
    paths = {name: folder / f"{name}.safetensors" for name in (*networks, "recognition")}
    for name, network in networks.items():
        write_state_dict(network.state_dict(), paths[name])
    recognition = trainings.networks.recognition
    assert recognition is not None
    write_recognition_network(recognition, paths["recognition"])
    recogniser = FaceRecogniser(paths["recognition"], placement)
    assert recogniser.network  # it is read at the first use, and the file is gone then
    return MetricSuite(
        landmark_detector=_NoLandmarks(),
        lpips=Lpips(paths[LPIPS], paths["heads"], placement),
        inception=InceptionFeatures(paths[INCEPTION], placement),
        recognisers={name: NetworkRecogniser(family, paths[name], placement) for name, family in FAMILIES.items()},
        recognition=recogniser,
        unavailable={},
        weights_errors=[],
    )
