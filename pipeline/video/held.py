"""What a media file holds, in the columns of Media: a video, a still picture, or sound alone."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.base.errors import BadMedia
from pipeline.core.records.media import PICTURE, SOUND, VIDEO
from pipeline.video.clock import clock_of
from pipeline.video.hdr import SDR
from pipeline.video.picture import FULL_RANGE
from pipeline.video.probe import MAX_DURATION_S, Probe, probe
from pipeline.video.stamps.packets import NO_STAMP, read_stamps
from pipeline.video.still import begins_as_picture, codec_of, is_still, read_still
from pipeline.video.streams import FILES_ONLY, sound_stream

# Containers in which sound may be alone. Others are lists of files, or formats that any bytes can be taken for.
_SOUND_FORMATS = {
    *("wav", "w64", "aiff", "caf", "au", "flac", "ogg", "mp3", "aac", "amr", "ac3", "eac3", "asf", "wv", "ape", "tta"),
    *("mov", "matroska", "mpegts", "mpeg", "avi", "flv"),
}
_PACKETS_TO_TRY = 300
_LONGEST_PACKET_S = 60.0  # of the last packet of Ogg FFmpeg may state 2^32 samples
# Of sound alone all columns of the picture are null; a picture has no rate, and EXIF, not the file's form, turns it.
_NO_PICTURE = dict.fromkeys(
    (
        *("width_px", "height_px", "rotation_deg", "is_mirrored", "pixel_aspect", "colour_matrix", "colour_transfer"),
        *("colour_range", "is_interlaced", "fps", "n_frames_stated", "video_codec"),
    )
)
_NO_SOUND = {"has_audio": False, "audio_codec": None, "audio_rate_hz": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMedia:
    """What a file holds: its kind, as that column of Media says, and the columns that its streams decide."""

    kind: str
    columns: Mapping[str, Any]
    video: Probe | None = None
    """Of a video, also of one that is taken as sound."""

    @property
    def duration_s(self) -> float:
        """Length, seconds; 0 of a picture."""
        return float(self.columns["duration_s"])

    @property
    def fps(self) -> float | None:
        """Rate of the frames, 1/s; None without one."""
        return None if self.video is None else self.video.fps

    @property
    def size_px(self) -> tuple[int, int] | None:
        """Width and height of the picture that is taken; None of sound."""
        return None if self.kind == SOUND else (self.columns["width_px"], self.columns["height_px"])


def hold(path: Path, promised: str | None) -> HeldMedia:
    """Return what ``path`` holds, by its content; ``promised``: the kind that its list says, or None.

    Of a video that is promised as sound, the sound alone is taken. Raises BadMedia as ``probe`` and ``read_still`` do;
    ``no_video``, ``no_picture`` or ``no_audio`` for another kind than was promised; ``no_media`` for a file that has
    neither a video, nor a picture, nor sound. A video whose picture is damaged is no sound: it is ``undecodable``.
    """
    held = _held_picture(path) if promised == PICTURE else _held(path, promised)
    if promised not in (None, held.kind):
        reason = {VIDEO: "no_video", PICTURE: "no_picture", SOUND: "no_audio"}[promised]
        article = {VIDEO: "a video", PICTURE: "a still picture", SOUND: "sound"}
        raise BadMedia(reason, f"{path}: its list promises {article[promised]}, found {article[held.kind]}")
    return held


def _held(path: Path, promised: str | None) -> HeldMedia:
    if path.is_file() and is_still(path):
        return _held_picture(path)
    try:
        return held_video(probe(path), promised)
    except BadMedia as error:
        if error.reason != "no_video":
            raise
        no_video = error
    if begins_as_picture(path):
        return _held_picture(path)
    return _held_sound(path, no_video)


def held_video(held: Probe, promised: str | None = None) -> HeldMedia:
    """Return what a video holds, by its probe; one with sound that is promised as sound is taken as that."""
    form = held.form
    kind = SOUND if promised == SOUND and held.has_audio else VIDEO
    columns = {
        "duration_s": held.duration_s,
        "width_px": held.width_px,
        "height_px": held.height_px,
        "rotation_deg": form.rotation_deg,
        "is_mirrored": form.is_mirrored,
        "pixel_aspect": form.pixel_aspect,
        "colour_matrix": form.colour_matrix,
        "colour_transfer": form.colour_transfer,
        "colour_range": form.colour_range,
        "is_interlaced": form.is_interlaced,
        "fps": held.fps,
        "n_frames_stated": held.n_frames_stated,
        "video_codec": held.video_codec,
        "has_audio": held.has_audio,
        "audio_codec": held.audio_codec,
        "audio_rate_hz": held.audio_rate_hz,
        "has_jumps": held.has_jumps,
    }
    return HeldMedia(kind=kind, columns=columns, video=held)


def _held_picture(path: Path) -> HeldMedia:
    height, width, _ = read_still(path).shape
    columns = {
        **_NO_PICTURE,
        **_NO_SOUND,
        "duration_s": 0.0,
        "width_px": width,
        "height_px": height,
        "pixel_aspect": 1.0,
        "colour_matrix": "rgb",
        "colour_transfer": SDR,
        "colour_range": FULL_RANGE,
        "is_interlaced": False,
        "n_frames_stated": 1,
        "video_codec": codec_of(path),
        "has_jumps": False,
    }
    return HeldMedia(kind=PICTURE, columns=columns)


def _held_sound(path: Path, no_video: BadMedia) -> HeldMedia:
    """Return what a file without a video holds of sound; its first good frame is decoded as a check."""
    import av

    try:
        with av.open(str(path), options=FILES_ONLY) as container:
            is_known = not _SOUND_FORMATS.isdisjoint(container.format.name.split(","))
            if not is_known or not container.streams.audio:
                raise BadMedia("no_media", f"{no_video.detail}, nor a picture or sound") from None
            stream = sound_stream(path, container)
            codec = stream.codec_context
            columns = {"has_audio": True, "audio_codec": codec.name, "audio_rate_hz": codec.sample_rate}
            if not _decodes(container, stream):
                raise BadMedia("undecodable", f"{path}: no sound decodes in the first {_PACKETS_TO_TRY} packets")
        duration_s = _sound_length_s(path)
    except av.error.FFmpegError as error:
        raise BadMedia("undecodable", f"{path}: {error.strerror}") from None
    if not 0 <= duration_s <= MAX_DURATION_S:
        raise BadMedia("too_long", f"{path}: {duration_s} s, expected at most {MAX_DURATION_S:.0f} s")
    has_jumps = clock_of(path).has_jumps
    return HeldMedia(kind=SOUND, columns={**_NO_PICTURE, **columns, "duration_s": duration_s, "has_jumps": has_jumps})


def _decodes(container: Any, stream: Any) -> bool:
    import av

    for _, packet in zip(range(_PACKETS_TO_TRY), container.demux(stream), strict=False):
        with suppress(av.error.FFmpegError):
            if any(frame.samples for frame in packet.decode()):
                return True
    return False


def _sound_length_s(path: Path) -> float:
    """Return the length by the packets, seconds: what is stated of raw streams is a guess by their rate."""
    import av

    with av.open(str(path), options=FILES_ONLY) as container:
        stream = sound_stream(path, container)
        clock = clock_of(path)
        stamps = clock.sound or read_stamps(container, [stream])[0]
        known = stamps.pts != NO_STAMP
        if not known.any():
            return float(stream.duration * stream.time_base) if stream.duration else 0.0
        pts, duration = stamps.pts[known], stamps.duration[known]
        duration = np.where(duration * stamps.tick_s <= _LONGEST_PACKET_S, duration, 0)
        return max(0.0, float((int((pts + duration).max()) - int(pts.min())) * stream.time_base))
