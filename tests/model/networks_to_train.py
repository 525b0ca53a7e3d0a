"""Tiny networks and params for trainings of a few steps."""

from typing import NamedTuple

import torch

from model.audio_face import AudioFaceDecoder
from model.settings import MaskParams, ModelParams, PretrainAudioFaceParams, PretrainVoiceParams, TrainParams, Variant
from model.voice import VoiceNetwork
from pipeline.identity.resnet import LabelNetwork

WIDTH = 8

OPTIMISER = {
    "steps": 1,
    "batch": 2,
    "lr": 2e-4,
    "beta1": 0.5,
    "beta2": 0.999,
    "precision": "float32",
    "channels_last": False,
    "compile": False,
    "fused": False,
    "seed": 1,
    "checkpoint_every": 2,
    "report_every": 2,
}
VOICE = {**OPTIMISER, "weights": None, "min_frames": 30, "max_frames": 40, "holdout_share": 0.25}
AUDIO_FACE = {**OPTIMISER, "weights": None, "datasets": None, "noise": 0.05}
TRAIN = {
    **OPTIMISER,
    "weight_label": 0.001,
    "weight_match": 1.0,
    "weight_face": 1.0,
    "weight_audio_face": 0.01,
    "weight_gan": 0.002,
    "gan": "paper",
    "label_of": "same_person",
    "psi_input": "published",
    "match_gradient": True,
    "detach_painted": True,
    "flip_share": 0.5,
    "grey_share": 0.1,
    "shuffle_voices": False,
    "sample_every": 2,
}
MASK = {"kind": "rectangle_released", "size_px": 128, "image": None}
RELEASED = {"gan": "ralsgan", "psi_input": "released", "match_gradient": False, "detach_painted": False}
"""What the released code does otherwise than the paper."""


class Networks(NamedTuple):
    psi: LabelNetwork
    voice: VoiceNetwork
    audio_face: AudioFaceDecoder


def make_networks() -> Networks:
    torch.manual_seed(5)
    return Networks(LabelNetwork(0.125).eval(), VoiceNetwork(width=WIDTH).eval(), AudioFaceDecoder(WIDTH))


def model_params(variant: Variant = "full") -> ModelParams:
    return ModelParams(width=WIDTH, variant=variant, avff_gain=1.0)


def mask_params() -> MaskParams:
    return MaskParams.model_validate(MASK)


def train_params(**changes: object) -> TrainParams:
    return TrainParams.model_validate(TRAIN | changes)


def voice_params(**changes: object) -> PretrainVoiceParams:
    return PretrainVoiceParams.model_validate(VOICE | changes)


def audio_face_params(**changes: object) -> PretrainAudioFaceParams:
    return PretrainAudioFaceParams.model_validate(AUDIO_FACE | changes)
