"""Tiny networks for trainings of a few steps."""

from typing import NamedTuple

import torch

from model.networks.audio_face import AudioFaceDecoder
from model.networks.voice import VoiceNetwork
from model.settings import ModelParams, Variant
from pipeline.identity.network.resnet import FaceRecognitionNetwork

WIDTH = 8


class Networks(NamedTuple):
    recognition: FaceRecognitionNetwork
    voice: VoiceNetwork
    audio_face: AudioFaceDecoder


def make_networks() -> Networks:
    torch.manual_seed(5)
    return Networks(FaceRecognitionNetwork(0.125).eval(), VoiceNetwork(width=WIDTH).eval(), AudioFaceDecoder(WIDTH))


def model_params(variant: Variant = "full") -> ModelParams:
    return ModelParams(width=WIDTH, variant=variant, avff_gain=1.0)
