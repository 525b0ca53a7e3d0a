"""Probe a media file: the picture's size and form, rate, duration, audio."""

import contextlib
import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.core.base.errors import BadMedia
from pipeline.video.clock import PACKETS_TO_TRY, Clock, clock_of
from pipeline.video.picture import FormReader, PictureForm
from pipeline.video.streams import FILES_ONLY, picture_stream, sound_stream

MAX_PIXELS = 8192 * 8192
MAX_DURATION_S = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What the streams of a media file hold; units and meaning as in the columns of Media."""

    duration_s: float
    width_px: int
    height_px: int
    form: PictureForm  # of the first frame
    fps: float
    n_frames_stated: int
    video_codec: str
    has_audio: bool
    audio_codec: str | None
    audio_rate_hz: int | None
    has_jumps: bool


def probe(path: Path) -> Probe:
    """Return what ``path`` holds; its first good frame is decoded as a check.

    Raises BadMedia ``not_found``, ``undecodable``, ``no_video``, ``too_large`` (more pixels than 8192 x 8192),
    ``too_long`` (more than a day) or ``discontinuous`` (picture and sound have no common clock; all packets are read).
    Nothing is fetched from a network, whatever the file refers to.
    """
    import av

    if not path.is_file():
        raise BadMedia("not_found", f"{path}: expected a media file, found none")
    try:
        with av.open(str(path), options=FILES_ONLY) as container:
            stated = _probe_container(path, container)
    except av.error.FFmpegError as error:
        raise BadMedia("undecodable", f"{path}: {error.strerror}") from None
    clock = clock_of(path)  # with the container closed: of a file of hours each open one takes 30 MB for its index
    duration_s = _duration_s(stated.duration_s, clock)
    if not 0 <= duration_s <= MAX_DURATION_S:
        raise BadMedia("too_long", f"{path}: {duration_s} s, expected at most {MAX_DURATION_S:.0f} s")
    return replace(stated, duration_s=duration_s, has_jumps=clock.has_jumps)


def _probe_container(path: Path, container: Any) -> Probe:
    """Return what the container states; its clock is not looked at, so ``has_jumps`` is False."""
    stream = picture_stream(path, container)
    codec = stream.codec_context
    _check_size(path, codec.width, codec.height)
    frame = _first_frame(path, container, stream)
    form = FormReader(stream).form(frame)
    width_px, height_px = form.shown_size(frame.width, frame.height)
    _check_size(path, width_px, height_px)
    audio = _sound_codec(path, container)
    return Probe(
        duration_s=_stated_duration_s(container, stream),
        width_px=width_px,
        height_px=height_px,
        form=form,
        fps=float(stream.average_rate or stream.guessed_rate or 0),
        n_frames_stated=stream.frames,
        video_codec=codec.name,
        has_audio=audio is not None,
        audio_codec=audio.name if audio else None,
        audio_rate_hz=audio.sample_rate if audio else None,
        has_jumps=False,
    )


def _sound_codec(path: Path, container: Any) -> Any:
    """Return the codec of the sound that is read, or None without any."""
    try:
        return sound_stream(path, container).codec_context
    except BadMedia:
        return None


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


def _stated_duration_s(container: Any, stream: Any) -> float:
    """Return the stream's stated length, else the container's, else 0."""
    import av

    if stream.duration:
        return float(stream.duration * stream.time_base)
    return float((container.duration or 0) / av.time_base)


def _duration_s(stated_s: float, clock: Clock) -> float:
    """Return the stated length, else that of the packets; where the clock jumps, what is stated covers one part."""
    return stated_s if stated_s and clock.picture is None else clock.picture_length_s or 0.0
