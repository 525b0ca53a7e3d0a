"""Section ``audio`` of params.yaml: how sound becomes log-mel features."""

from fractions import Fraction
from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.core.base.params import Params

ProfileName = Literal["paper", "voice2face", "sf2f", "sync", "wav2lip"]
DetectorName = Literal["webrtc", "silero"]
PadMode = Literal["tile", "zero", "reflect", "none"]
SoundOf = Literal["turns", "clip"]
OutOfStep = Literal["correct", "filter", "keep"]

PICTURES_PER_S = 25
"""Columns a second of the profile ``sync``."""


class AudioParams(Params):
    """Section ``audio``; every number in it changes the features."""

    profile: ProfileName
    """Arithmetic of the log-mel, and of the WebRTC voice detector: pipeline/audio/profiles.py."""

    vad: DetectorName
    """Voice detector: ``webrtc`` with the profile's settings, or ``silero``, a small network, with its own defaults."""

    sound_of: SoundOf
    """``turns``: the turns of the clip's main subject; ``clip``: all sound of a clip is its face's, as in the paper."""

    join_turns: bool
    """Whether shorter turns of a clip are joined to segments; else each turn is cut by itself."""

    segment_s: float = Field(ge=0.1)
    """Length of a segment; the paper's is 6 s."""

    segment_step_s: float = Field(ge=0.1)
    """From one segment's start to the next one's; equal to ``segment_s`` means no overlap."""

    min_voiced_share: float = Field(ge=0, le=1)
    """Segments of which a smaller share is voiced are ``filtered: no_speech``; with 0 too, those without any voice."""

    pad: PadMode
    """How a feature shorter than ``n_frames`` is padded; ``none``: not at all."""

    n_frames: int = Field(ge=1)
    """Columns of a stored feature; the paper's is 1000, reached by tiling."""

    out_of_step: OutOfStep
    """Of a clip whose sound is out of step (``out_of_step_s`` of its tracks): ``correct`` takes the sound that much
    later, ``filter`` ends the clip ``filtered: out_of_step``, ``keep`` takes the sound as it is."""

    max_duration_s: float = Field(gt=0)
    """A clip's later sound is not decoded: bounds the memory of one item."""

    @model_validator(mode="after")
    def _segments_can_be_filled(self) -> Self:
        if self.max_duration_s < self.segment_s:
            raise ValueError(
                f"max_duration_s = {self.max_duration_s:g} is shorter than a segment of {self.segment_s:g} s"
            )
        return self

    @model_validator(mode="after")
    def _columns_keep_step(self) -> Self:
        """Refuse segments that begin or end within a picture, where columns are pictures."""
        if self.profile == "sync":
            for name, length_s in (("segment_s", self.segment_s), ("segment_step_s", self.segment_step_s)):
                if (Fraction(str(length_s)) * PICTURES_PER_S).denominator != 1:
                    raise ValueError(
                        f"{name} = {length_s:g} is no whole number of pictures: profile 'sync' has {PICTURES_PER_S} "
                        f"columns a second, so give a multiple of {1 / PICTURES_PER_S:g} s"
                    )
        return self
