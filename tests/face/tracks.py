"""Made-up tracks and subjects, and clips whose media nobody looks at."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipeline.core.base.units import milliseconds
from pipeline.core.records.subject import StretchSound, Subject, SubjectTrack, TrackEmbedding, Turn
from pipeline.core.records.track import Shot, Track
from pipeline.video.clip import MediaClip


def a_track(clip_id: str, number: int) -> Track:
    return Track(
        track_id=f"{clip_id}-t{number:02}",
        clip_id=clip_id,
        start_s=number / 10,
        end_s=1.2,
        n_frames=30,
        presence_px2=432_000.0,
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
    )


def a_shot(clip_id: str, number: int, end_s: float, start_s: float | None = None) -> Shot:
    """Return the shot that begins ``number`` seconds after the clip, or at ``start_s``."""
    start_s = float(number) if start_s is None else start_s
    return Shot(shot_id=f"{clip_id}-c{number:04}", clip_id=clip_id, start_s=start_s, end_s=end_s)


def a_subject_track(clip_id: str, number: int, *, is_taken: bool, subject: int | None = None) -> SubjectTrack:
    """Return the row of a track that is a subject of its own, or of the subject with this number."""
    return SubjectTrack(
        track_id=f"{clip_id}-t{number:02}",
        clip_id=clip_id,
        subject_id=f"{clip_id}-s{number if subject is None else subject:02}",
        is_taken=is_taken,
        own_similarity=None,
        other_similarity=None,
    )


def a_subject(clip_id: str, number: int, *, is_main: bool) -> Subject:
    return Subject(
        subject_id=f"{clip_id}-s{number:02}",
        clip_id=clip_id,
        n_tracks=1,
        start_s=0.0,
        end_s=1.2,
        seen_s=1.2,
        presence_px2=432_000.0,
        av_covered_s=0.0,
        av_zscore=None,
        is_main=is_main,
        is_taken=is_main,
    )


def a_turn(clip_id: str, subject: int, start_s: float, end_s: float, log_odds: float | None = 2.5) -> Turn:
    subject_id = f"{clip_id}-s{subject:02}"
    return Turn(
        turn_id=f"{subject_id}-{milliseconds(start_s):08}",
        clip_id=clip_id,
        subject_id=subject_id,
        start_s=start_s,
        end_s=end_s,
        log_odds=log_odds,
        own_log_odds=log_odds,
        overlap_share=None,
        music_share=None,
    )


def a_stretch_sound(clip_id: str, start_s: float, end_s: float, overlap_share: float | None) -> StretchSound:
    """Return what sounds in a stretch: nothing but speech, half of it over music."""
    return StretchSound(
        stretch_id=f"{clip_id}-v{milliseconds(start_s):08}",
        clip_id=clip_id,
        start_s=start_s,
        end_s=end_s,
        voice_change=0.0,
        overlap_share=overlap_share,
        speech_share=1.0,
        singing_share=0.0,
        music_share=0.5,
    )


def a_track_embedding(clip_id: str, number: int, network: str, axis: int) -> TrackEmbedding:
    """Return the embedding of a track: one of the two axes of a plane."""
    return TrackEmbedding(
        track_id=f"{clip_id}-t{number:02}",
        clip_id=clip_id,
        network=network,
        n_faces=3,
        spherical_variance=0.0,
        embedding=np.eye(2, dtype=np.float32)[axis],
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
