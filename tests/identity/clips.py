"""Clips of which only dataset, identity, name and address matter, and their media."""

from pipeline.core.records.clip import NO_CROP, Clip
from pipeline.core.records.media import Media
from pipeline.identity.network.subject_embedding import RecogniseParams

RECOGNISE = RecogniseParams(network=None, generated=False, max_faces=2, min_true_interocular_px=16, threads=1)


def clip(dataset: str, identity: str, name: str = "c", address: str = "") -> Clip:
    return Clip(
        clip_id=f"{dataset}/{name}",
        dataset=dataset,
        identity=identity,
        address=address or f"{dataset}/{name}.mp4",
        start_s=None,
        end_s=None,
        **NO_CROP,
        published_split="",
        range_fps=None,
        licence="",
        origin="",
        content_hash="0",
    )


def media(one: Clip, sha256: str) -> Media:
    return Media(
        kind="video",
        clip_id=one.clip_id,
        path=f"{one.clip_id}.mp4",
        sha256=sha256,
        size_bytes=1,
        duration_s=1.0,
        width_px=1,
        height_px=1,
        rotation_deg=0,
        is_mirrored=False,
        pixel_aspect=1.0,
        colour_matrix="bt709",
        colour_transfer="sdr",
        colour_range="video",
        is_interlaced=False,
        fps=25.0,
        n_frames_stated=25,
        video_codec="h264",
        has_audio=False,
        audio_codec=None,
        audio_rate_hz=None,
        has_jumps=False,
        cut_start_s=None,
        range_scale=1.0,
        tool="file",
        format_id=None,
        uploader=None,
        fetched_on=None,
    )
