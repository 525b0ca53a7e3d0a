"""Decode frames by time stamp: all from a time on, or chosen ones by seeking."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.base.errors import BadMedia
from pipeline.base.units import SAME_TIME_S
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


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Yield the container of ``path`` and its picture stream; raises BadMedia where FFmpeg fails, also later on."""
    import av

    try:
        with av.open(str(path), options=FILES_ONLY) as container:
            stream = picture_stream(path, container)
            stream.codec_context.thread_count = 1  # workers share the processors; one thread each
            yield container, stream
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

    def __init__(self, container: Any, stream: Any, times_s: Sequence[float]) -> None:
        """``times_s`` are all the times that will be requested, ascending."""
        self._container, self._stream = container, stream
        is_safe = container.format.name in _INDEXED and stream.codec_context.name in _MARKS_UNREFERENCED
        self._unneeded = _Unneeded(times_s, is_safe=is_safe)
        self._frames = decoded(container, stream, self._unneeded)
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
        if time_s - self._position_s <= _DECODE_ON_S or not _can_seek(self._container):
            return self._decode_to(time_s)
        # From an earlier key frame, a seek would only decode the same frames once more.
        has_passed = _key_frame_s(self._container, self._stream, time_s) <= self._position_s
        frame = self._decode_to(time_s) if has_passed else None
        return self._sought(time_s) if frame is None else frame

    def _sought(self, time_s: float) -> Any:
        for back_s in _SEEK_BACK_S:
            _seek(self._container, self._stream, time_s - back_s)
            self._frames, self._ahead = decoded(self._container, self._stream, self._unneeded), None
            if (frame := self._decode_to(time_s)) is not None:
                return frame
        return None

    def _decode_to(self, time_s: float) -> Any:
        while self._ahead is None or self._position_s < time_s - SAME_TIME_S:
            self._ahead, position_s = next(self._frames, (None, 0.0))
            if self._ahead is None:
                return None
            self._position_s = position_s
        return self._ahead if self._position_s <= time_s + SAME_TIME_S else None


def decoded(container: Any, stream: Any, unneeded: _Unneeded | None = None) -> Iterator[tuple[Any, float]]:
    """Yield frames with their time since the stream's start; a damaged packet is skipped.

    Frames that are ``unneeded`` are skipped if no other depends on them; from the first damage on that isn't safe.
    """
    import av

    origin, ticks, base = stream.start_time or 0, stream.time_base.denominator, stream.time_base.numerator
    unneeded = unneeded or _Unneeded((), is_safe=False)
    context, has_skipped = stream.codec_context, None
    for packet in container.demux(stream):
        skips = unneeded.is_safe and packet.pts is not None and unneeded.holds((packet.pts - origin) * base / ticks)
        if skips != has_skipped:
            context.skip_frame, has_skipped = "NONREF" if skips else "DEFAULT", skips
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            unneeded.is_safe = False
            continue
        for frame in frames:
            if unneeded.is_safe and frame.is_corrupt:
                unneeded.is_safe = False
            if frame.pts is not None:
                yield frame, (frame.pts - origin) * base / ticks


def decoded_from(container: Any, stream: Any, start_s: float) -> Iterator[tuple[Any, float]]:
    """Yield frames from one at or before ``start_s`` on, where there is one."""
    if start_s <= 0 or not _can_seek(container):
        yield from decoded(container, stream)
        return
    for back_s in _SEEK_BACK_S:
        _seek(container, stream, start_s - back_s)
        frames = decoded(container, stream)
        first = next(frames, None)
        if first is not None and first[1] <= start_s + SAME_TIME_S:
            yield first
            yield from frames
            return


def _can_seek(container: Any) -> bool:
    return container.format.name not in _GUESSED_TIMES


def _seek(container: Any, stream: Any, time_s: float) -> None:
    earliest_s = _BEFORE_START_S if container.format.name == "mpegts" else 0.0
    container.seek(_ticks(stream, max(earliest_s, time_s)), stream=stream, backward=True)


def _key_frame_s(container: Any, stream: Any, time_s: float) -> float:
    """Return the time of the key frame that a seek to ``time_s`` finds; infinity where the index does not cover it."""
    index, ticks = stream.index_entries, _ticks(stream, time_s)
    if container.format.name not in _INDEXED or len(index) == 0 or index[-1].timestamp < ticks:
        return float("inf")
    at = index.search_timestamp(ticks)
    return float((index[at].timestamp - (stream.start_time or 0)) * stream.time_base) if at >= 0 else float("inf")


def _ticks(stream: Any, time_s: float) -> int:
    return int(time_s / stream.time_base) + (stream.start_time or 0)
