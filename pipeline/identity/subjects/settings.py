"""Section ``subjects`` of params.yaml: how the tracks of a clip are linked to persons."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from pipeline.core.base.errors import BadParams
from pipeline.speaker.main_face import MainFaceParams

LIMITS: Mapping[str, float] = {
    # Of 262 shots of 31 real persons, by dlib_face_recognition, less its MEAN_FEATURE: two shots of one person are 0.74
    # alike or more (98 % of them), those of two persons on average 0.65 or less, the second most alike 0.58; by
    # mobilefacenet, on half of these shots, 0.84 and 0.33.
    "55533b28a958": 0.7,
    "b7120c095d60": 0.55,
}
"""``same_subject_above`` of each network, by the first digits of its weights' sha256."""


class SubjectsParams(MainFaceParams):
    """Section ``subjects`` of params.yaml, whose comments say what each key means."""

    people: Literal["one", "all"]
    min_seen_s: float = Field(ge=0)
    max_faces: int = Field(ge=1)
    min_apart_s: float = Field(ge=0)
    min_interocular_px: float = Field(ge=0)
    max_spherical_variance: float = Field(ge=0, le=1)
    same_subject_above: float | Literal["network"]
    voices: str | None
    voice_s: float | None = Field(gt=0)
    overlap: str | None
    music: str | None
    active_speaker: str | None
    stretch_s: float = Field(gt=0.8)
    same_voice_above: float
    same_voice_log_odds: float = Field(ge=0)
    voice_cosine: float = Field(gt=-1, lt=1)
    voice_log_odds: float = Field(ge=0)
    still_mouth_log_odds: float = Field(ge=0)
    voice_correlation: float = Field(gt=0, lt=1)
    mouth_weight: float = Field(ge=0, le=1)
    lag_std_s: float = Field(gt=0)
    speaks_log_odds: float
    same_speaker_log_odds: float = Field(ge=0)
    min_speaker_log_odds: float = Field(ge=0)
    min_end_log_odds: float = Field(ge=0)

    def limit_of(self, network: str) -> float:
        """Return the least similarity of two tracks of one subject, by embeddings of ``network``.

        Raises BadParams where params.yaml names no number, and none is known of this network.
        """
        if self.same_subject_above != "network":
            return self.same_subject_above
        limit = LIMITS.get(network.rpartition("-")[2])
        if limit is None:
            raise BadParams(
                f"params.yaml: subjects.same_subject_above: no limit is known of network '{network}', expected a number"
            )
        return limit
