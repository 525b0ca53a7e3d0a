"""A media file as fetched: its path, its hash, and what its streams hold: a video, a still picture, or sound alone."""

from dataclasses import dataclass

from pipeline.core.records.schema import column

VIDEO, PICTURE, SOUND = "video", "picture", "sound"
"""The kinds of media."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One row of ``manifests/sets/<dataset>/media.parquet``; null here and below: of sound alone."""

    clip_id: str = column("the clip it was fetched for: <dataset>/<clip>")
    kind: str = column(
        "what its clip is taken as: 'video', with sound or without; 'picture': one still picture, at 0 s; 'sound': "
        "sound alone, or a video that is listed as sound"
    )
    path: str = column("the link to the file, relative to the repository root")
    sha256: str = column("sha256 of the file's bytes, 64 hexadecimal digits")
    size_bytes: int = column("size of the file, bytes")
    duration_s: float = column("length of the video or the sound, seconds, as the container states it; of a picture 0")
    width_px: int | None = column(
        "width of the picture as shown, upright and of square pixels, in pixels; of the first frame"
    )
    height_px: int | None = column("height of that picture, pixels")
    rotation_deg: int | None = column(
        "clockwise rotation of the stored picture when shown, degrees: 0, 90, 180, 270; null also of a still picture"
    )
    is_mirrored: bool | None = column(
        "whether the stored picture is mirrored left to right when shown, before that rotation; null also of a picture"
    )
    pixel_aspect: float | None = column("width over height of a stored pixel, 0.25 to 4, before rotation; 1: square")
    colour_matrix: str | None = column(
        "bt601, bt709, bt2020, fcc, smpte240m or rgb; where untagged, by the picture's size"
    )
    colour_transfer: str | None = column("'sdr', or of HDR 'pq' (SMPTE ST 2084) or 'hlg' (BT.2100)")
    colour_range: str | None = column("'video': 8-bit luma is 16 to 235; 'full': 0 to 255")
    is_interlaced: bool | None = column(
        "whether the first frame is flagged as two fields, of which one is shown if combed"
    )
    fps: float | None = column(
        "average frame rate that the container states, 1/s; for times use time stamps; null also of a picture"
    )
    n_frames_stated: int | None = column("number of frames that the container states; may be wrong; 0: not stated")
    video_codec: str | None = column("name of the video codec, e.g. h264; of a picture jpeg, png or webp")
    has_audio: bool = column("whether the file has an audio stream")
    audio_codec: str | None = column("name of the audio codec, e.g. aac; null without audio")
    audio_rate_hz: int | None = column("sampling rate of the audio stream, 1/s; null without audio")
    has_jumps: bool = column(
        "whether the stamps of its packets jump (joined or restarted recordings): then it is read from its start only"
    )
    cut_start_s: float | None = column(
        "of a file that was cut from a longer one: what that one's clock reads where this one's reads 0, seconds; added"
        " to the times of this clip it gives those of its list; null: the file is whole"
    )
    range_scale: float = column(
        "by what the listed times of its clip were multiplied; not 1 where a list counts frames by a rounded rate"
    )
    tool: str = column(
        "what fetched it: 'yt-dlp <version>' (', ffmpeg <version>' where that joined or cut it), 'file', the generator"
    )
    format_id: str | None = column("the site's name of the format that was fetched, e.g. 137+140; null: not downloaded")
    uploader: str | None = column("who uploaded it, as the site states; null: not stated, or not downloaded")
    fetched_on: str | None = column("the day of the download by UTC, e.g. 2026-11-27; null: not downloaded")

    @property
    def end_s(self) -> float:
        """When the file ends, seconds on the clock of its list."""
        return (self.cut_start_s or 0.0) + self.duration_s
