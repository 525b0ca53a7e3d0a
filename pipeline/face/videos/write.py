"""Write a clip's face videos: each the picture in one fixed box, at one size and rate, in step with its sound."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np

from pipeline.audio.clip import sound_of_range
from pipeline.audio.logmel import log_mel
from pipeline.audio.pcm import from_int16
from pipeline.audio.profiles import PROFILES, SAMPLE_RATE_HZ
from pipeline.core.base.arrays import ImageRGB, WaveformInt16
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.units import milliseconds
from pipeline.core.records.face import FaceVideo
from pipeline.core.records.frame import Frame
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.schema import from_table
from pipeline.face.crops.crop import ObservedClip
from pipeline.face.videos.fixed_box import BoxedFace, Square, boxed_faces, square_around
from pipeline.face.videos.settings import FaceVideoParams
from pipeline.video.clip import MediaClip
from pipeline.video.decode import rgb_frames_between
from pipeline.video.encode import Encoding, write_mp4


@dataclass(frozen=True, slots=True)
class FaceVideoItem:
    """The item of the step: a clip with its observed subjects, its cuts, and by how much its sound is late."""

    observed: ObservedClip
    cuts_s: tuple[float, ...]
    out_of_step_s: float

    @property
    def content(self) -> tuple[str, ...]:
        """What determines the result, beside params."""
        return (*self.observed.content, str(self.cuts_s), str(self.out_of_step_s))


def write_face_videos(
    item: FaceVideoItem, folder: Path, *, params: FaceVideoParams
) -> list[FaceVideo | LedgerRow] | Dropped:
    """Write the videos of one clip into ``folder``; return their rows, and a ledger row for each that was dropped."""
    clip = item.observed.clip
    if not clip.has_audio:
        return Dropped.filtered("no_audio", "the media has no sound")
    rows: list[FaceVideo | LedgerRow] = []
    try:
        for subject_id, frames in _frames_of_subjects(item.observed).items():
            for face in boxed_faces(frames, item.cuts_s, params):
                video_id = f"{subject_id}-f{milliseconds(face.start_s):08d}"
                end = _too_short_or_small(face, params) or _write(item, face, video_id, folder, params)
                rows.append(end if isinstance(end, FaceVideo) else ledger_row("face_videos", video_id, end))
    except BadMedia as error:
        return Dropped.failed(error.reason, error.detail)
    if not any(isinstance(row, FaceVideo) for row in rows):
        reasons = sorted({row.reason for row in rows if isinstance(row, LedgerRow)})
        return Dropped.filtered("no_face_video", f"{len(rows)} were dropped: {', '.join(reasons)}")
    return rows


def _frames_of_subjects(observed: ObservedClip) -> dict[str, list[Frame]]:
    """Return each subject's frames in time order; where one track ends as another begins, the earlier one's."""
    by_subject: dict[str, dict[float, Frame]] = {}
    for frame in from_table(Frame, observed.frames):
        by_subject.setdefault(observed.subject_of[frame.track_id], {}).setdefault(frame.time_s, frame)
    return {subject: [of[time_s] for time_s in sorted(of)] for subject, of in sorted(by_subject.items())}


def _too_short_or_small(face: BoxedFace, params: FaceVideoParams) -> Dropped | None:
    n_pictures, side_px = face.n_pictures(params.fps), max(face.union.w, face.union.h)
    if n_pictures < params.min_frames:
        return Dropped.filtered("too_short", f"{n_pictures} pictures, below {params.min_frames}")
    if side_px < params.min_box_px:
        return Dropped.filtered("too_small", f"the face's boxes span {side_px:.1f} px, below {params.min_box_px}")
    return None


def _write(
    item: FaceVideoItem, face: BoxedFace, video_id: str, folder: Path, params: FaceVideoParams
) -> FaceVideo | Dropped:
    clip, square, size_px = item.observed.clip, square_around(face.union, params.margin), params.size_px
    assert size_px is not None
    frames = rgb_frames_between(clip.path, face.start_s, face.end_s, has_jumps=clip.has_jumps)
    first = next(frames, None)
    if first is None:
        return Dropped.failed("undecodable", f"no frame decodes from {face.start_s:.3f} to {face.end_s:.3f} s")
    height_px, width_px, _ = first[1].shape
    if not square.is_inside(width_px, height_px):
        detail = f"{square.side_px} px at {square.x_px}, {square.y_px} in a picture of {width_px}x{height_px}"
        return Dropped.filtered("box_leaves_frame", detail)
    n_pictures = face.n_pictures(params.fps)
    sound = _sound(clip, face, n_pictures, item.out_of_step_s, params)
    boxed = ((time_s, cut(picture, square)) for time_s, picture in _joined(first, frames))
    shown = at_rate(boxed, face.start_s, n_pictures, params.fps)
    path = folder / f"{video_id.replace('/', '_')}.mp4"
    write_mp4(
        path,
        (resized(picture, size_px) for picture in shown),
        Encoding(fps=Fraction(params.fps), size_px=(size_px, size_px), crf=params.crf),
        sound=from_int16(sound),
        sample_rate_hz=SAMPLE_RATE_HZ,
    )
    return FaceVideo(
        video_id=video_id,
        clip_id=clip.clip_id,
        subject_id=video_id.rpartition("-f")[0],
        start_s=face.start_s,
        end_s=face.start_s + n_pictures / params.fps,
        n_frames=n_pictures,
        n_tracks=len(face.track_ids),
        n_observed=face.n_observed,
        box_x_px=square.x_px,
        box_y_px=square.y_px,
        box_side_px=square.side_px,
        size_px=size_px,
        fps=params.fps,
        av_correction_s=item.out_of_step_s,
        path=path.name,
        sha256=sha256_of(path),
        sync_log_mel=log_mel(sound, PROFILES["sync"]).reshape(-1),
        wav2lip_log_mel=log_mel(sound, PROFILES["wav2lip"]).reshape(-1),
    )


def at_rate(frames: Iterable[tuple[float, ImageRGB]], start_s: float, n_pictures: int, fps: int) -> Iterator[ImageRGB]:
    """Yield ``n_pictures``: for the time ``start_s + k / fps`` of each the nearest of ``frames``, in time order.

    Of two as near the earlier one is taken; the last one is repeated where ``frames`` end too early.
    """
    k, before = 0, None
    for time_s, picture in frames:
        if before is not None:
            middle_s = (before[0] + time_s) / 2
            while k < n_pictures and start_s + k / fps <= middle_s:
                yield before[1]
                k += 1
        before = (time_s, picture)
    while before is not None and k < n_pictures:
        yield before[1]
        k += 1


def cut(picture: ImageRGB, square: Square) -> ImageRGB:
    """Return a copy of the part of ``picture`` (H, W, 3) in ``square``; of a smaller picture, black where it has none.

    Joined files may change the picture's size on the way.
    """
    part = picture[square.y_px : square.y_px + square.side_px, square.x_px : square.x_px + square.side_px]
    whole = np.zeros((square.side_px, square.side_px, 3), np.uint8)
    whole[: part.shape[0], : part.shape[1]] = part
    return whole


def resized(picture: ImageRGB, size_px: int) -> ImageRGB:
    """Return a square ``picture`` (S, S, 3) at (size_px, size_px, 3): averaged where it shrinks, else bicubic."""
    import cv2

    how = cv2.INTER_AREA if size_px < len(picture) else cv2.INTER_CUBIC
    return cast(ImageRGB, cv2.resize(picture, (size_px, size_px), interpolation=how))


def _joined(
    first: tuple[float, ImageRGB], others: Iterator[tuple[float, ImageRGB]]
) -> Iterator[tuple[float, ImageRGB]]:
    yield first
    yield from others


def _sound(clip: MediaClip, face: BoxedFace, n_pictures: int, late_s: float, params: FaceVideoParams) -> WaveformInt16:
    """Return the sound of the video, (N,) int16 at 16 kHz, exactly as long as its pictures; silent past the file's."""
    length_s = n_pictures / params.fps
    n_samples = round(length_s * SAMPLE_RATE_HZ)
    found, _ = sound_of_range(clip, face.start_s, face.start_s + length_s, late_s=late_s, max_duration_s=length_s + 1)
    sound = np.zeros(n_samples, np.int16)
    sound[: len(found)] = found[:n_samples]
    return sound
