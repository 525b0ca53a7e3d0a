"""Probe a media file: picture size, rotation, rate, duration, audio."""

import contextlib
import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.base.errors import BadMedia
from pipeline.video.streams import FILES_ONLY, picture_stream

MAX_PIXELS = 8192 * 8192
MAX_DURATION_S = 24 * 3600.0
PACKETS_TO_TRY = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What the streams of a media file hold; units and meaning as in the columns of Media."""

    duration_s: float
    width_px: int
    height_px: int
    rotation_deg: int
    fps: float
    n_frames_stated: int
    video_codec: str
    has_audio: bool
    audio_codec: str | None
    audio_rate_hz: int | None


def probe(path: Path) -> Probe:
    """Return what ``path`` holds; its first good frame is decoded as a check.

    Raises BadMedia ``not_found``, ``undecodable``, ``no_video``, ``too_large`` (more pixels than 8192 x 8192)
    or ``too_long`` (more than a day). Nothing is fetched from a network, whatever the file refers to.
    """
    import av

    if not path.is_file():
        raise BadMedia("not_found", f"{path}: expected a media file, found none")
    try:
        with av.open(str(path), options=FILES_ONLY) as container:
            return _probe_container(path, container)
    except av.error.FFmpegError as error:
        raise BadMedia("undecodable", f"{path}: {error.strerror}") from None


def _probe_container(path: Path, container: Any) -> Probe:
    stream = picture_stream(path, container)
    codec = stream.codec_context
    _check_size(path, codec.width, codec.height)
    frame = _first_frame(path, container, stream)
    _check_size(path, frame.width, frame.height)
    duration_s = _duration_s(container, stream)
    if not 0 <= duration_s <= MAX_DURATION_S:
        raise BadMedia("too_long", f"{path}: {duration_s} s, expected at most {MAX_DURATION_S:.0f} s")
    rotation_deg = round(-frame.rotation / 90) * 90 % 360
    width_px, height_px = (frame.width, frame.height)[:: -1 if rotation_deg in (90, 270) else 1]
    audio = next((one.codec_context for one in container.streams.audio if one.codec_context), None)
    return Probe(
        duration_s=duration_s,
        width_px=width_px,
        height_px=height_px,
        rotation_deg=rotation_deg,
        fps=float(stream.average_rate or stream.guessed_rate or 0),
        n_frames_stated=stream.frames,
        video_codec=codec.name,
        has_audio=audio is not None,
        audio_codec=audio.name if audio else None,
        audio_rate_hz=audio.sample_rate if audio else None,
    )


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise BadMedia("too_large", f"{path}: {width} x {height} pixels, expected at most {MAX_PIXELS}")


def _first_frame(path: Path, container: Any, stream: Any) -> Any:
    import av

    for packet in itertools.islice(container.demux(stream), PACKETS_TO_TRY):
        with contextlib.suppress(av.error.FFmpegError):
            for frame in packet.decode():
                return frame
    raise BadMedia("undecodable", f"{path}: no frame in the first {PACKETS_TO_TRY} packets of video")


def _duration_s(container: Any, stream: Any) -> float:
    """Return the stream's stated length, else the container's, else (all is read) the last packet's end."""
    import av

    if stream.duration:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return float(container.duration / av.time_base)
    return _end_of_last_packet_s(container, stream)


def _end_of_last_packet_s(container: Any, stream: Any) -> float:
    container.seek(0)
    first, last = math.inf, 0.0
    for packet in container.demux(stream):
        if packet.pts is not None:
            first = min(first, float(packet.pts * packet.time_base))
            last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return max(0.0, last - first)
