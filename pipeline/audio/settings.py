"""Section ``audio`` of params.yaml: how sound becomes log-mel features."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.params import Params

ProfileName = Literal["paper", "voice2face", "sf2f"]
PadMode = Literal["tile", "zero", "reflect", "none"]


class AudioParams(Params):
    """Section ``audio``; every number in it changes the features."""

    profile: ProfileName
    """Arithmetic of the voice detector and of the log-mel: pipeline/audio/profiles.py."""

    segment_s: float = Field(ge=0.1)
    """Length of a segment; the paper's is 6 s."""

    segment_step_s: float = Field(ge=0.1)
    """From one segment's start to the next one's; equal to ``segment_s`` means no overlap."""

    min_voiced_s: float = Field(ge=0)
    """Segments with less voiced sound than this are ``filtered: no_speech``."""

    pad: PadMode
    """How a feature shorter than ``n_frames`` is filled; ``none`` leaves it at its own length."""

    n_frames: int = Field(ge=1)
    """Columns of a stored feature; the paper's is 1000, reached by tiling."""

    max_duration_s: float = Field(gt=0)
    """Sound after this time is not decoded: bounds the memory of one item."""

    @model_validator(mode="after")
    def _segments_can_be_filled(self) -> Self:
        if self.min_voiced_s > self.segment_s:
            raise ValueError(
                f"min_voiced_s = {self.min_voiced_s:g} can't be reached in segments of {self.segment_s:g} s"
            )
        if self.max_duration_s < self.segment_s:
            raise ValueError(
                f"max_duration_s = {self.max_duration_s:g} is shorter than a segment of {self.segment_s:g} s"
            )
        return self
