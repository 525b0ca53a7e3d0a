"""The params of ``make learn``: params.yaml, overridden by benchmarks/learn/learn.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from benchmarks.learn.data import TalkerParams
from model.settings import (
    MaskParams,
    ModelParams,
    PretrainAudioFaceParams,
    PretrainIdentityParams,
    PretrainVoiceParams,
    TrainParams,
)
from pipeline.audio.settings import AudioParams
from pipeline.core.base.params import Params, Section, check_section, read_params

LEARN_FILE = Path("benchmarks/learn/learn.yaml")
QUICK_FILE = Path("benchmarks/learn/learn_quick.yaml")


class EvaluationParams(Params):
    """Section ``evaluation`` of benchmarks/learn/learn.yaml.

    A case is a face inpainted by its own person's voice and by another's, and a trait in which the two persons differ
    by ``swap_min_difference`` or more. The trait regressor is evaluated on pairs of persons who differ by
    ``ordering_min_difference`` or more.
    """

    voices_per_face: int = Field(ge=1)
    swap_min_difference: float = Field(gt=0, lt=1)
    ordering_min_difference: float = Field(gt=0, lt=1)
    n_bootstrap: int = Field(ge=1)
    confidence: float = Field(gt=0, lt=1)
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnParams:
    """All sections of the experiment."""

    talkers: TalkerParams
    evaluation: EvaluationParams
    audio: AudioParams
    mask: MaskParams
    model: ModelParams
    recognition: PretrainIdentityParams
    voice: PretrainVoiceParams
    audio_face: PretrainAudioFaceParams
    train: TrainParams


def read_learn_params(*, quick: bool) -> LearnParams:
    """Return the experiment's params; the quick one runs every step in seconds, and learns nothing."""
    content: dict[str, Any] = read_params()
    overlays = [LEARN_FILE, *([QUICK_FILE] if quick else [])]
    for path in overlays:
        for name, section in read_params(path).items():
            content[name] = {**content.get(name, {}), **section}
    source = " over ".join(str(path) for path in reversed(overlays))

    def read(model: type[Section], name: str) -> Section:
        return check_section(model, content.get(name), f"{source}: section '{name}'")

    return LearnParams(
        talkers=read(TalkerParams, "talkers"),
        evaluation=read(EvaluationParams, "evaluation"),
        audio=read(AudioParams, "audio"),
        mask=read(MaskParams, "mask"),
        model=read(ModelParams, "model"),
        recognition=read(PretrainIdentityParams, "pretrain_identity"),
        voice=read(PretrainVoiceParams, "pretrain_voice"),
        audio_face=read(PretrainAudioFaceParams, "pretrain_audio_face"),
        train=read(TrainParams, "train"),
    )
