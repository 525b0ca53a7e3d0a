"""A media file as fetched: its path, its hash, and what its streams hold."""

from dataclasses import dataclass

from pipeline.records.schema import column


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One row of ``data/sets/<dataset>/media.parquet``."""

    clip_id: str = column("the clip it was fetched for: <dataset>/<clip>")
    path: str = column("the link to the file, relative to the repository root")
    sha256: str = column("sha256 of the file's bytes, 64 hexadecimal digits")
    size_bytes: int = column("size of the file, bytes")
    duration_s: float = column("length of the video, seconds, as the container states it")
    width_px: int = column("width of the picture after rotation metadata, pixels")
    height_px: int = column("height of the picture after rotation metadata, pixels")
    rotation_deg: int = column("clockwise rotation that puts the picture upright, degrees: 0, 90, 180, 270")
    fps: float = column("average frame rate that the container states, 1/s; for times use time stamps")
    n_frames_stated: int = column("number of frames that the container states; may be wrong; 0: not stated")
    video_codec: str = column("name of the video codec, e.g. h264")
    has_audio: bool = column("whether the file has an audio stream")
    audio_codec: str | None = column("name of the audio codec, e.g. aac; null without audio")
    audio_rate_hz: int | None = column("sampling rate of the audio stream, 1/s; null without audio")
    tool: str = column("what fetched it: 'yt-dlp <version>', 'file', or the generator")
