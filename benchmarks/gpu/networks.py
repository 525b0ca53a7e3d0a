"""The networks and params of the measured trainings: the paper's numbers, and the released code's losses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.gpu.data import N_MELS
from benchmarks.gpu.scale import Scale
from model.data.split import DatasetSplit
from model.networks.voice import VoiceNetwork
from model.settings import MaskParams, ModelParams, TrainParams
from model.training.distributed import TrainingProcess
from model.training.placement import reproducible
from model.training.tasks.inpainting import GeneratorTrainingParams, InpaintingTask, StartNetworks, generator_task
from pipeline.core.base.params import PARAMS_FILE, read_section
from pipeline.identity.network.resnet import FaceRecognitionNetwork

PAPER_LOSSES: dict[str, Any] = {"lr": 2e-4, "weight_match": 1.0}
RELEASED_LOSSES: dict[str, Any] = {
    **PAPER_LOSSES,
    "gan": "ralsgan",
    "recognition_input": "released",
    "match_gradient": False,
    "detach_inpainted": False,
    "average_decay": None,
}
EAGER: dict[str, Any] = {"precision": "float32", "channels_last": False, "compile": False, "fused": False}
LIGHT: dict[str, Any] = {"precision": "bfloat16", "channels_last": True, "compile": False, "fused": True}
# A compiled step chooses the memory layout itself: with channels_last, torch 2.11 fails on an H200.
TUNED: dict[str, Any] = {**LIGHT, "channels_last": False, "compile": True}
QUIET = 10**9
TINY_LOSS = 1e-6


def relative_difference(losses: Mapping[str, float], expected: Mapping[str, float]) -> float:
    """Return the largest difference of a loss, relative to the expected one."""
    return max(abs(losses[name] - value) / max(abs(value), TINY_LOSS) for name, value in expected.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainings:
    """Makes trainings of the same start: data, networks, and the process that trains."""

    data: DatasetSplit
    networks: StartNetworks
    process: TrainingProcess
    scale: Scale

    def params(self, batch: int, changes: dict[str, Any]) -> GeneratorTrainingParams:
        """Return section ``train`` of params.yaml with the changes, for the released model and mask."""
        quiet = {"batch": batch, "report_every": QUIET, "sample_every": QUIET, "threads": torch.get_num_threads()}
        return GeneratorTrainingParams(
            model=ModelParams(width=self.scale.width, variant="full", avff_gain=2.0),
            mask=MaskParams(kind="rectangle_released", size_px=128, image=None),
            train=TrainParams(**{**read_section("train", PARAMS_FILE), **quiet, **changes}),
        )

    def task(self, params: GeneratorTrainingParams, process: TrainingProcess | None = None) -> InpaintingTask:
        """Return a training before its first step; equal params give equal weights, on any device."""
        process = process or self.process
        with reproducible(params.train, process):
            return generator_task(self.data, self.networks, params, process)


def start_networks(scale: Scale) -> StartNetworks:
    """Return a face recognition network and a voice network as their initialisation leaves them.

    The last batch norm of each block of the former starts at zero, which makes the block do nothing; here it is 0.2.
    """
    torch.manual_seed(0)
    recognition = FaceRecognitionNetwork(scale.recognition_width).eval()
    for name, parameter in recognition.named_parameters():
        if name.endswith("bn3.weight"):
            torch.nn.init.constant_(parameter, 0.2)
    return StartNetworks(recognition=recognition, voice=VoiceNetwork(N_MELS, scale.width).eval())
