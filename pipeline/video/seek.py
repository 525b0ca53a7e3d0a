"""Decode frames by time stamp: all from a time on, or chosen ones by seeking."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

from pipeline.core.base.errors import BadMedia
from pipeline.core.base.units import SAME_TIME_S, milliseconds
from pipeline.video.clock import Clock, clock_of
from pipeline.video.probe import MAX_DURATION_S
from pipeline.video.streams import FILES_ONLY, picture_stream

# For a target this close ahead, decoding on is cheaper than seeking back to a key frame.
_DECODE_ON_S = 1.0
# A container without an index may land behind the target, or on a key frame whose neighbours need the one before:
# then seek this much earlier.
_SEEK_BACK_S = (0.0, 2.0, 10.0, float("inf"))
# A transport stream has no index of key frames: a seek to its very start lands behind the first, one to this on it.
_BEFORE_START_S = -2.0
# In these most time stamps are derived from earlier ones, and differ after seeking: decode from the start.
_GUESSED_TIMES = {"mpeg", "mpegvideo", "m4v", "h264", "hevc"}
# In these the file has an index of key frames, and a packet is a whole picture. Elsewhere the index is built from what
# was read so far, and a packet may be one field.
_INDEXED = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi"}
# Codecs that mark the frames on which no other depends; HEVC's mark covers one temporal layer only.
_MARKS_UNREFERENCED = {"h264", "mpeg4"}


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """A media file that is open for reading its pictures."""

    container: Any
    clock: Clock

    @property
    def can_seek(self) -> bool:
        """Whether pictures are found by their times; else the file is read from its start."""
        clock = self.clock
        is_sorted = not (clock.has_jumps or clock.is_in_decoding_order or clock.n_unstamped)
        return is_sorted and self.container.format.name not in _GUESSED_TIMES


@contextmanager
def opened(path: Path, *, has_jumps: bool | None = None) -> Iterator[tuple[OpenVideo, Any]]:
    """Yield ``path``, open, and its picture stream; raises BadMedia where FFmpeg fails, also later on.

    ``has_jumps`` is as for ``clock_of``.
    """
    import av

    try:
        clock = clock_of(path, has_jumps=has_jumps)
        with av.open(str(path), options=FILES_ONLY) as container:
            stream = picture_stream(path, container)
            stream.codec_context.thread_count = 1  # workers share the processors; one thread each
            yield OpenVideo(container, clock), stream
    except av.error.FFmpegError as error:
        raise BadMedia("undecodable", f"{path.name}: {error.strerror}") from None


class _Unneeded:
    """Frames that are not requested, and whether it is safe not to decode those of them on which no other depends."""

    def __init__(self, times_s: Sequence[float], *, is_safe: bool) -> None:
        """``times_s`` are the requested times, ascending."""
        self._times_s = times_s
        self.is_safe = is_safe

    def holds(self, time_s: float) -> bool:
        """Return whether the frame of this time is not requested, now or later: frames are reordered."""
        at = bisect_left(self._times_s, time_s - SAME_TIME_S)
        return at == len(self._times_s) or self._times_s[at] > time_s + SAME_TIME_S


class FrameReader:
    """Finds frames by time, requested in ascending order: decodes on to a near one, seeks to a distant one.

    It skips frames on which no other depends. In damaged media it decodes them too: what a decoder puts in the place of
    missing parts depends on all that it has decoded.
    """

    def __init__(self, video: OpenVideo, stream: Any, times_s: Sequence[float]) -> None:
        """``times_s`` are all the times that will be requested, ascending."""
        self._video, self._stream = video, stream
        is_safe = (
            video.can_seek
            and video.container.format.name in _INDEXED
            and stream.codec_context.name in _MARKS_UNREFERENCED
        )
        self._unneeded = _Unneeded(times_s, is_safe=is_safe)
        self._frames = decoded(video, stream, self._unneeded)
        self._ahead: Any = None  # the last frame that was decoded
        self._position_s = 0.0  # its time

    def frame_at(self, time_s: float) -> Any:
        """Return the frame of this time, or None."""
        was_skipping = self._unneeded.is_safe
        frame = self._reached(time_s)
        if was_skipping and (frame is None or not self._unneeded.is_safe):
            self._unneeded.is_safe = False
            frame = self._sought(time_s)
        return frame

    def _reached(self, time_s: float) -> Any:
        if time_s - self._position_s <= _DECODE_ON_S or not self._video.can_seek:
            return self._decode_to(time_s)
        # From an earlier key frame, a seek would only decode the same frames once more.
        has_passed = _key_frame_s(self._video, self._stream, time_s) <= self._position_s
        frame = self._decode_to(time_s) if has_passed else None
        return self._sought(time_s) if frame is None else frame

    def _sought(self, time_s: float) -> Any:
        for back_s in _SEEK_BACK_S:
            _seek(self._video, self._stream, time_s - back_s)
            self._frames, self._ahead = decoded(self._video, self._stream, self._unneeded), None
            if (frame := self._decode_to(time_s)) is not None:
                return frame
        self._frames, self._ahead = _decoded_anew(self._video), None
        return self._decode_to(time_s)

    def _decode_to(self, time_s: float) -> Any:
        while self._ahead is None or self._position_s < time_s - SAME_TIME_S:
            self._ahead, position_s = next(self._frames, (None, 0.0))
            if self._ahead is None:
                return None
            self._position_s = position_s
        return self._ahead if self._position_s <= time_s + SAME_TIME_S else None


def decoded(video: OpenVideo, stream: Any, unneeded: _Unneeded | None = None) -> Iterator[tuple[Any, float]]:
    """Yield frames, in time order, with their time since the first picture that is shown; a damaged packet is skipped.

    A frame that is not a millisecond later than the one before, or before the first that is shown, is left out: in
    damaged files times go back, and ids of rows are by millisecond. Frames that are ``unneeded`` are skipped if no
    other depends on them; from the first damage on that isn't safe. Frames without stamps, all or the first ones,
    follow each other at the file's stated rate.
    """
    last_ms = -1
    for frame, time_s in _as_decoded(video, stream, unneeded or _Unneeded((), is_safe=False)):
        if milliseconds(time_s) > last_ms:
            last_ms = milliseconds(time_s)
            yield frame, time_s


def _as_decoded(video: OpenVideo, stream: Any, unneeded: _Unneeded) -> Iterator[tuple[Any, float]]:
    import av

    origin, ticks, base = _start(video, stream), stream.time_base.denominator, stream.time_base.numerator
    context, has_skipped, number = stream.codec_context, None, 0
    waiting: list[int] = []  # stamps of the pictures that are still to be shown, where they are in order of decoding
    for packet in video.clock.packets(video.container, stream):
        skips = unneeded.is_safe and packet.pts is not None and unneeded.holds((packet.pts - origin) * base / ticks)
        if skips != has_skipped:
            context.skip_frame, has_skipped = "NONREF" if skips else "DEFAULT", skips
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            unneeded.is_safe = False
            continue
        if video.clock.is_in_decoding_order and packet.pts is not None:
            heappush(waiting, packet.pts)
        for frame in frames:
            if waiting:
                frame.pts = heappop(waiting)
            if unneeded.is_safe and frame.is_corrupt:
                unneeded.is_safe = False
            if frame.pts is not None:
                yield frame, (frame.pts - origin) * base / ticks
            elif stream.start_time is None or number < video.clock.n_unstamped:
                yield frame, float(number / stream.guessed_rate)
            number += 1


def decoded_from(video: OpenVideo, stream: Any, start_s: float) -> Iterator[tuple[Any, float]]:
    """Yield frames from one at or before ``start_s`` on, where there is one.

    Raises BadMedia ``bad_range`` where the last frame comes before ``start_s``.
    """
    last_s = None
    for frame, time_s in _decoded_from(video, stream, start_s):
        yield frame, time_s
        last_s = time_s
    if last_s is not None and last_s < start_s - SAME_TIME_S:
        raise BadMedia(
            "bad_range", f"the last picture is at {last_s:.3f} s, before the range that starts at {start_s:g} s"
        )


def _decoded_from(video: OpenVideo, stream: Any, start_s: float) -> Iterator[tuple[Any, float]]:
    if start_s <= 0 or not video.can_seek:
        yield from decoded(video, stream)
        return
    for back_s in _SEEK_BACK_S:
        _seek(video, stream, start_s - back_s)
        frames = decoded(video, stream)
        first = next(frames, None)
        if first is not None and first[1] <= start_s + SAME_TIME_S:
            yield first
            yield from frames
            return
    yield from _decoded_anew(video)


def _decoded_anew(video: OpenVideo) -> Iterator[tuple[Any, float]]:
    """Yield the frames from the start of the file, opened once more: some containers can't be sought to it."""
    with opened(Path(video.container.name), has_jumps=video.clock.has_jumps) as (again, stream):
        yield from decoded(again, stream)


def _seek(video: OpenVideo, stream: Any, time_s: float) -> None:
    earliest_s = _BEFORE_START_S if video.container.format.name == "mpegts" else 0.0
    video.container.seek(_ticks(video, stream, max(earliest_s, time_s)), stream=stream, backward=True)


def _key_frame_s(video: OpenVideo, stream: Any, time_s: float) -> float:
    """Return the time of the key frame that a seek to ``time_s`` finds; infinity where the index does not cover it."""
    index, ticks = stream.index_entries, _ticks(video, stream, time_s)
    if video.container.format.name not in _INDEXED or len(index) == 0 or index[-1].timestamp < ticks:
        return float("inf")
    at = index.search_timestamp(ticks)
    return float((index[at].timestamp - _start(video, stream)) * stream.time_base) if at >= 0 else float("inf")


def _ticks(video: OpenVideo, stream: Any, time_s: float) -> int:
    return int(min(time_s, MAX_DURATION_S) / stream.time_base) + _start(video, stream)


def _start(video: OpenVideo, stream: Any) -> int:
    return stream.start_time or 0 if video.clock.picture_start is None else video.clock.picture_start
