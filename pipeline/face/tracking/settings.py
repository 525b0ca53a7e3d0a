"""Section ``detect`` of params.yaml: how faces are found and followed, and compared with the sound."""

from pydantic import Field

from pipeline.core.base.params import Params


class DetectParams(Params):
    """Section ``detect`` of params.yaml, whose comments say what each key means."""

    backend: str
    max_side_px: int = Field(ge=64)
    every_n_frames: int = Field(ge=1)
    search_face_px: tuple[float, ...] = Field(min_length=2)
    full_search_every_s: float = Field(ge=0)
    max_unsearched_s: float = Field(ge=0)
    min_changed_share: float = Field(gt=0, le=1)
    min_changed_grey: float = Field(gt=0, le=255)
    min_score: float
    min_iou: float = Field(gt=0, le=1)
    max_gap_s: float = Field(ge=0)
    change_s: float = Field(gt=0)
    min_track_s: float = Field(ge=0)
    min_still_s: float = Field(gt=0)
    max_still_eye_std: float = Field(ge=0)
    max_still_mouth_std: float = Field(ge=0)
    max_still_yaw_std_deg: float = Field(ge=0)
    min_cut_difference: float = Field(gt=0)
    min_cut_ratio: float = Field(ge=1)
    usual_av_lag_s: float
    max_av_lag_s: float = Field(gt=0)
    max_av_offset_s: float = Field(gt=0)
    min_av_offset_s: float = Field(ge=0)
    min_av_offset_certainty: float = Field(ge=0)
    min_av_loudness: float = Field(ge=0)
    min_av_covered_s: float = Field(gt=0)
