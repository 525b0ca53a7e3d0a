"""Tiny networks for trainings of a few steps."""

from typing import NamedTuple

import torch

from model.networks.audio_face import AudioFaceDecoder
from model.networks.voice import VoiceNetwork
from model.settings import ModelParams, Variant
from model.training.tasks.inpainting import GeneratorTrainingParams, StartNetworks
from pipeline.identity.network.resnet import FaceRecognitionNetwork
from tests.model.params_of import mask_params, train_params

WIDTH = 8


class Networks(NamedTuple):
    recognition: FaceRecognitionNetwork
    voice: VoiceNetwork
    audio_face: AudioFaceDecoder

    def to_start(self, **changes: object) -> StartNetworks:
        return StartNetworks(**(self._asdict() | changes))  # type: ignore[arg-type]


def make_networks() -> Networks:
    torch.manual_seed(5)
    return Networks(FaceRecognitionNetwork(0.125).eval(), VoiceNetwork(width=WIDTH).eval(), AudioFaceDecoder(WIDTH))


def model_params(variant: Variant = "full") -> ModelParams:
    return ModelParams(width=WIDTH, variant=variant, avff_gain=1.0)


def generator_params(variant: Variant = "full", **changes: object) -> GeneratorTrainingParams:
    """Params of a variant; keywords are fields of TrainParams."""
    return GeneratorTrainingParams(model=model_params(variant), mask=mask_params(), train=train_params(**changes))
