"""Made-up tracks, and clips whose media nobody looks at."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.core.records.track import Track
from pipeline.video.clip import MediaClip


def a_track(clip_id: str, number: int, *, is_main: bool) -> Track:
    return Track(
        track_id=f"{clip_id}-t{number:02}",
        clip_id=clip_id,
        start_s=number / 10,
        end_s=1.2,
        n_frames=30,
        mean_box_h_px=120.0,
        eye_opening_std=0.05,
        mouth_height_std=0.05,
        yaw_std_deg=3.0,
        is_still_picture=False,
        av_covered_s=0.0,
        av_correlation=None,
        av_lag_s=None,
        av_zscore=None,
        av_offset_s=None,
        av_offset_certainty=None,
        out_of_step_s=0.0,
        is_main=is_main,
    )


def media_clips(clip_ids: Iterable[str]) -> list[MediaClip]:
    return [
        MediaClip(
            clip_id=clip_id,
            path=Path(f"{clip_id}.mp4"),
            sha256=clip_id,
            has_audio=True,
            start_s=None,
            end_s=None,
        )
        for clip_id in clip_ids
    ]
