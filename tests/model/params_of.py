"""Params for trainings of a few steps: as params.yaml has them, and as the classes of model/settings.py."""

from model.settings import (
    MaskParams,
    OptimizerParams,
    PretrainAudioFaceParams,
    PretrainIdentityParams,
    PretrainVoiceParams,
    TrainParams,
)

OPTIMIZER = {
    "steps": 1,
    "batch": 2,
    "lr": 2e-4,
    "lr_halved_every": None,
    "beta1": 0.5,
    "beta2": 0.999,
    "precision": "float32",
    "channels_last": False,
    "compile": False,
    "fused": False,
    "threads": 1,
    "seed": 1,
    "report_every": 2,
}
IDENTITY = {
    "weights": None,
    "faces": None,
    "width": 0.125,
    "epochs": 1,
    "batch": 8,
    "lr": 0.05,
    "holdout_share": 0.25,
    "precision": "float32",
    "channels_last": True,
    "compile": False,
    "threads": 1,
    "seed": 1,
    "report_every": 2,
}
VOICE = {**OPTIMIZER, "weights": None, "min_frames": 30, "max_frames": 40, "holdout_share": 0.25}
AUDIO_FACE = {
    **OPTIMIZER,
    "weights": None,
    "initialisation": "own",
    "datasets": None,
    "segment_of": "same_dataset",
    "noise": 0.05,
}
TRAIN = {
    **OPTIMIZER,
    "weights": None,
    "discriminator_weights": None,
    "initialisation": "own",
    "weight_label": 0.001,
    "weight_match": 1.0,
    "weight_face": 1.0,
    "weight_audio_face": 0.01,
    "weight_gan": 0.002,
    "gan": "paper",
    "label_of": "other_face",
    "segment_of": "same_dataset",
    "recognition_input": "published",
    "match_gradient": True,
    "detach_inpainted": True,
    "flip_share": 0.5,
    "grey_share": 0.1,
    "average_decay": None,
    "shuffle_voices": False,
    "sample_every": 2,
}
MASK = {"kind": "rectangle_released", "size_px": 128, "image": None}
RELEASED = {"gan": "ralsgan", "recognition_input": "released", "match_gradient": False, "detach_inpainted": False}
"""Where the released code differs from the paper."""


def optimizer_params(**changes: object) -> OptimizerParams:
    return OptimizerParams.model_validate(OPTIMIZER | changes)


def mask_params() -> MaskParams:
    return MaskParams.model_validate(MASK)


def train_params(**changes: object) -> TrainParams:
    return TrainParams.model_validate(TRAIN | changes)


def identity_params(**changes: object) -> PretrainIdentityParams:
    return PretrainIdentityParams.model_validate(IDENTITY | changes)


def voice_params(**changes: object) -> PretrainVoiceParams:
    return PretrainVoiceParams.model_validate(VOICE | changes)


def audio_face_params(**changes: object) -> PretrainAudioFaceParams:
    return PretrainAudioFaceParams.model_validate(AUDIO_FACE | changes)
