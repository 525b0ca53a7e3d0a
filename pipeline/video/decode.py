"""Decode video by time stamps: every frame in grey for detection, chosen frames in colour for cropping."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from pipeline.base.arrays import ImageGrey, ImageRGB
from pipeline.base.errors import BadMedia
from pipeline.base.units import SAME_TIME_S
from pipeline.video.probe import FILES_ONLY, video_stream

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
# Pixel formats whose first plane is the luma of every pixel, a byte each.
_LUMA_FIRST = {"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "nv12", "nv21"}
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
# Video luma is 16 for black and 235 for white: full = gain x luma + offset.
_FULL_OF_VIDEO = np.array([[255 / 219, -16 * 255 / 219]])
_ROTATIONS = ("ROTATE_90_CLOCKWISE", "ROTATE_180", "ROTATE_90_COUNTERCLOCKWISE")


@dataclass(slots=True)
class GreyFrame:
    """One decoded frame, shrunk for detection; only the pixels that are read are converted to full range.

    For a followed face that is a tenth of the picture; converting all takes a quarter of the time of decoding.
    """

    index: int  # among the frames decoded, from 0
    time_s: float  # since the first picture of the media
    luma: ImageGrey  # as decoded; rows may have padding
    scale: float  # pixels of the full frame per pixel of ``luma``
    is_full_range: bool = True  # else luma is 16 for black and 235 for white
    _grey: ImageGrey | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.luma.shape
        return height, width

    @property
    def grey(self) -> ImageGrey:
        """The whole picture, (H, W) uint8 in full range."""
        if self._grey is None:
            self._grey = self._stretched(self.luma)
        return self._grey

    def part(self, left: int, top: int, right: int, bottom: int) -> ImageGrey:
        """Return the rows from ``top`` to before ``bottom``, and the columns likewise, in full range."""
        if self._grey is not None:
            return self._grey[top:bottom, left:right]
        return self._stretched(self.luma[top:bottom, left:right])

    def sampled(self, step: int) -> ImageGrey:
        """Return every ``step``-th pixel of every ``step``-th row, in full range."""
        return self._stretched(np.ascontiguousarray(self.luma[::step, ::step]))

    def _stretched(self, luma: ImageGrey) -> ImageGrey:
        import cv2

        # Of one channel this is a rounded, saturated product and sum, and faster than a look-up table.
        return np.ascontiguousarray(luma) if self.is_full_range else np.asarray(cv2.transform(luma, _FULL_OF_VIDEO))


def grey_frames(
    path: Path, *, rotation_deg: int, max_side_px: int, start_s: float | None = None, end_s: float | None = None
) -> Iterator[GreyFrame]:
    """Yield every frame that decodes, in time order, its longer side at most ``max_side_px``.

    ``rotation_deg`` turns the picture clockwise, by the container's metadata. Raises BadMedia when nothing decodes.
    """
    index = -1
    with _opened(path) as (container, stream):
        for frame, time_s in _decoded_from(container, stream, start_s or 0.0):
            if start_s is not None and time_s < start_s - SAME_TIME_S:
                continue
            if end_s is not None and time_s > end_s + SAME_TIME_S:
                break
            index += 1
            scale = max(1.0, max(frame.width, frame.height) / max_side_px)
            luma, is_full_range = _luma(frame, (round(frame.width / scale), round(frame.height / scale)))
            yield GreyFrame(index, time_s, _turned(luma, rotation_deg), scale, is_full_range)
    if index < 0:
        raise BadMedia("undecodable", f"no frame of {path.name} decodes")


def rgb_frames_at(path: Path, times_s: Sequence[float], *, rotation_deg: int) -> Iterator[tuple[float, ImageRGB]]:
    """Yield (time, full-size frame) for each of the given time stamps, in ascending order, by seeking.

    They equal the pictures of decoding the whole file, though many of its frames are never decoded; only where the file
    is damaged may they differ. A time at which no frame decodes is skipped.
    """
    targets_s = sorted(times_s)
    with _opened(path) as (container, stream):
        reader = _FrameReader(container, stream, targets_s)
        for target_s in targets_s:
            if (frame := reader.frame_at(target_s)) is not None:
                yield target_s, np.ascontiguousarray(_turned(frame.to_ndarray(format="rgb24"), rotation_deg))


def rgb_frames(path: Path, *, rotation_deg: int) -> Iterator[tuple[float, ImageRGB]]:
    """Yield (time, full-size frame) of every frame that decodes, in time order."""
    with _opened(path) as (container, stream):
        for frame, time_s in _decoded(container, stream):
            yield time_s, np.ascontiguousarray(_turned(frame.to_ndarray(format="rgb24"), rotation_deg))


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


class _FrameReader:
    """Finds frames by time, requested in ascending order: decodes on to a near one, seeks to a distant one.

    It skips frames on which no other depends. In damaged media it decodes them too: what a decoder puts in the place of
    missing parts depends on all that it has decoded.
    """

    def __init__(self, container: Any, stream: Any, times_s: Sequence[float]) -> None:
        """``times_s`` are all the times that will be requested, ascending."""
        self._container, self._stream = container, stream
        is_safe = container.format.name in _INDEXED and stream.codec_context.name in _MARKS_UNREFERENCED
        self._unneeded = _Unneeded(times_s, is_safe=is_safe)
        self._frames = _decoded(container, stream, self._unneeded)
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
            self._frames, self._ahead = _decoded(self._container, self._stream, self._unneeded), None
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


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    import av

    try:
        with av.open(str(path), options=FILES_ONLY) as container:
            stream = video_stream(path, container)
            stream.codec_context.thread_count = 1  # workers share the processors; one thread each
            yield container, stream
    except av.error.FFmpegError as error:
        raise BadMedia("undecodable", f"{path.name}: {error.strerror}") from None


def _decoded(container: Any, stream: Any, unneeded: _Unneeded | None = None) -> Iterator[tuple[Any, float]]:
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


def _decoded_from(container: Any, stream: Any, start_s: float) -> Iterator[tuple[Any, float]]:
    """Yield frames from one at or before ``start_s`` on, where there is one."""
    if start_s <= 0 or not _can_seek(container):
        yield from _decoded(container, stream)
        return
    for back_s in _SEEK_BACK_S:
        _seek(container, stream, start_s - back_s)
        frames = _decoded(container, stream)
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


def _luma(frame: Any, size: tuple[int, int]) -> tuple[ImageGrey, bool]:
    """Return luma at ``size`` (width, height), where possible without the general converter; and if of full range."""
    import cv2

    if frame.format.name not in _LUMA_FIRST:
        return frame.reformat(*size, format="gray").to_ndarray(), True
    plane = frame.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
    if size != (frame.width, frame.height):
        luma = cast(ImageGrey, cv2.resize(luma, size, interpolation=cv2.INTER_AREA))
    return luma, frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")


def _turned(picture: ImageRGB, rotation_deg: int) -> ImageRGB:
    """Turn clockwise."""
    import cv2

    quarters = rotation_deg // 90 % 4
    if quarters == 0:
        return picture
    return cast(ImageRGB, cv2.rotate(picture, getattr(cv2, _ROTATIONS[quarters - 1])))
