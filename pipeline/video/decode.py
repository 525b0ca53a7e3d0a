"""Decode video by time stamps: every frame in grey for detection, chosen frames in colour for cropping.

Pictures are as a viewer shows them (pipeline/video/picture.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.core.base.arrays import ImageGrey, ImageRGB
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.units import SAME_TIME_S
from pipeline.video.picture import FormReader, shown_luma, shown_rgb
from pipeline.video.seek import FrameReader, decoded, decoded_from, opened

# Video luma is 16 for black and 235 for white: full = gain x luma + offset.
_FULL_OF_VIDEO = np.array([[255 / 219, -16 * 255 / 219]])


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
    path: Path,
    *,
    max_side_px: int,
    start_s: float | None = None,
    end_s: float | None = None,
    has_jumps: bool | None = None,
) -> Iterator[GreyFrame]:
    """Yield every frame that decodes, in time order, its longer side at most ``max_side_px``.

    A frame at ``end_s`` is not in the range: where one range ends and another begins, it is in the second alone. Raises
    BadMedia when nothing decodes.
    """
    index = -1
    with opened(path, has_jumps=has_jumps) as (video, stream):
        forms = FormReader(stream, video.clock.first_matrix)
        for frame, time_s in decoded_from(video, stream, start_s or 0.0):
            if start_s is not None and time_s < start_s - SAME_TIME_S:
                continue
            if end_s is not None and time_s >= end_s - SAME_TIME_S:
                break
            index += 1
            yield GreyFrame(index, time_s, *shown_luma(frame, forms.form(frame), max_side_px))
    if index < 0:
        raise BadMedia("undecodable", f"no frame of {path.name} decodes")


def rgb_frames_at(
    path: Path, times_s: Sequence[float], *, has_jumps: bool | None = None
) -> Iterator[tuple[float, ImageRGB]]:
    """Yield (time, full-size frame) for each of the given time stamps, in ascending order, by seeking.

    They equal the pictures of decoding the whole file, though many of its frames are never decoded; only where the file
    is damaged may they differ. A time at which no frame decodes is skipped.
    """
    targets_s = sorted(times_s)
    with opened(path, has_jumps=has_jumps) as (video, stream):
        forms, reader = FormReader(stream, video.clock.first_matrix), FrameReader(video, stream, targets_s)
        for target_s in targets_s:
            if (frame := reader.frame_at(target_s)) is not None:
                yield target_s, shown_rgb(frame, forms.form(frame))


def rgb_frames_between(
    path: Path, start_s: float, end_s: float, *, has_jumps: bool | None = None
) -> Iterator[tuple[float, ImageRGB]]:
    """Yield (time, full-size frame) of every frame that decodes from ``start_s`` to ``end_s``, both in it, in order."""
    with opened(path, has_jumps=has_jumps) as (video, stream):
        forms = FormReader(stream, video.clock.first_matrix)
        for frame, time_s in decoded_from(video, stream, start_s):
            if time_s > end_s + SAME_TIME_S:
                break
            if time_s >= start_s - SAME_TIME_S:
                yield time_s, shown_rgb(frame, forms.form(frame))


def rgb_frames(path: Path) -> Iterator[tuple[float, ImageRGB]]:
    """Yield (time, full-size frame) of every frame that decodes, in time order."""
    with opened(path) as (video, stream):
        forms = FormReader(stream, video.clock.first_matrix)
        for frame, time_s in decoded(video, stream):
            yield time_s, shown_rgb(frame, forms.form(frame))
