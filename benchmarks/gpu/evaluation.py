"""How many test faces a second the evaluation inpaints and measures, by its parts."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from benchmarks.gpu.networks import RELEASED_LOSSES, Trainings
from benchmarks.gpu.report import Report
from benchmarks.gpu.steps import wait_for_device
from benchmarks.timing import seconds
from model.evaluation.evaluation_faces import iterate_evaluation_faces
from model.evaluation.face_metrics import MetricAccumulator
from model.evaluation.metric_suite import INCEPTION, LPIPS, MetricSuite
from model.evaluation.metrics.fid import InceptionFeatures
from model.evaluation.metrics.landmarks import LandmarkDetector
from model.evaluation.metrics.lpips import AlexNetTrunk, Heads, Lpips
from model.evaluation.networks.face_network import NetworkRecogniser
from model.evaluation.networks.inception import Inception
from model.evaluation.networks.recognisers import FAMILIES
from model.inference.inpaint import inpaint_face
from model.settings import EvaluateParams
from pipeline.core.base.arrays import ImageRGB, Landmarks
from pipeline.core.base.device import Placement
from pipeline.core.base.params import PARAMS_FILE, load_params
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.identity.network.weights_file import write_recognition_network
from pipeline.weights.state_dict import write_state_dict

PAPER_FACES = 1757
"""The test faces of the paper's Table 1."""
MAX_PAPER_S = 120


def measure_evaluation(trainings: Trainings, report: Report) -> None:
    """Add faces a second and seconds for the paper's test faces; without landmarks, which dlib finds."""
    process, scale = trainings.process, trainings.scale
    params = trainings.params(1, RELEASED_LOSSES)
    network = trainings.task(params).generator.eval()
    evaluate = load_params(EvaluateParams, "evaluate", PARAMS_FILE)
    faces = [
        face
        for face, _ in zip(
            iterate_evaluation_faces(trainings.data, evaluate, params.mask), range(scale.evaluation_faces), strict=False
        )
    ]
    with tempfile.TemporaryDirectory() as folder:
        suite = _metric_suite(trainings, Path(folder), Placement(str(process.device), torch.get_num_threads()))
    accumulator = MetricAccumulator(suite)
    for face in faces[:1]:  # loads or chooses kernels
        accumulator.add(face, inpaint_face(network, face.image, face.mask, face.log_mel).face)
    inpainted: list[ImageRGB] = []

    def inpaint() -> None:
        for face in faces:
            inpainted.append(inpaint_face(network, face.image, face.mask, face.log_mel).face)
        wait_for_device(process)

    def compute_metrics() -> None:
        for face, picture in zip(faces, inpainted, strict=True):
            suite.compute_metrics(picture, face.image, face.mask, None)

    def embed() -> None:
        for face, picture in zip(faces, inpainted, strict=True):
            suite.embed(picture, None), suite.embed(face.image, None)

    total_s = 0.0
    for name, work in {"inpainting": inpaint, "metrics of pictures": compute_metrics, "networks": embed}.items():
        took_s = seconds(work)
        total_s += took_s
        report.add(f"{name}, faces/s", round(len(faces) / took_s, 2), f"{name:28} {len(faces) / took_s:8.1f} faces/s")
    rate, paper_s = len(faces) / total_s, PAPER_FACES * total_s / len(faces)
    report.add("faces_per_s", round(rate, 3))
    line = (
        f"{'all, without landmarks':28} {rate:8.1f} faces/s: {PAPER_FACES:,} faces in {paper_s:.0f} s "
        f"(target on a GPU <= {MAX_PAPER_S})"
    )
    report.add("paper_faces_s", round(paper_s, 1), line)


class _NoLandmarks(LandmarkDetector):
    """Finds no face: dlib, which would, is no part of a bare machine."""

    def __init__(self) -> None: ...

    def detect(self, face: ImageRGB) -> Landmarks | None:
        return None


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
