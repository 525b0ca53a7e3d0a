"""Read a dataset as the paper's authors released it: faces, log-mels and labels become rows as the stages write them.

What the layout does not state is not a number there: when a face was seen, its angles, where a segment lies in a video.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageRGB, LogMel
from pipeline.core.base.errors import BadInput
from pipeline.core.base.images import encode_png, read_picture
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import NO_CROP, Clip, content_of
from pipeline.core.records.dataset import DatasetFace, DatasetSegment
from pipeline.core.records.face import OF_PICTURE, Face, FaceMeasures
from pipeline.core.records.label import Label
from pipeline.core.records.ledger import ledger_row
from pipeline.core.records.schema import Image, Vector, describe
from pipeline.core.records.segment import Segment
from pipeline.core.records.subject import main_subject_id
from pipeline.dataset.npy_file import read_npy
from pipeline.sources.lists.released_audioface import AUDIOS, IMAGES
from pipeline.sources.reading.local_file import hash_file, shown

Value = TypeVar("Value")

STAGE = "released_audioface"
FACE_PX = 256
MIN_FACE_PX = 64
"""Smaller pictures are no faces to learn from."""
MAX_LABEL_VALUES = 1 << 13
MAX_MELS, MAX_FRAMES = 256, 8192
HOP_S = 0.01
"""Between the columns of a log-mel, as the paper states it."""

EXPORTED_NAME = {IMAGES: re.compile(r"(.+)-t\d{2,}-\d{8,}"), AUDIOS: re.compile(r"(.+)-a\d{8,}")}
"""Names of what facevox exported: '<clip>-t<track>-<ms>' and '<clip>-a<ms>'."""
_NAN = float("nan")
_UNKNOWN_FACE: dict[str, Any] = {
    name: None if nullable else _NAN for name, kind, nullable, _ in describe(FaceMeasures) if kind == "double"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedItem:
    """A face or a segment: its file, and what its place says of it."""

    item_id: str
    person_id: str
    split: str
    path: Path
    label_path: Path | None = None
    """Of a face that has one."""


@dataclass(slots=True, kw_only=True)
class ReleasedClip:
    """The files of one clip: by their names, where facevox exported them; else all of a person's."""

    clip_id: str
    dataset: str
    folder: Path
    faces: list[ReleasedItem] = field(default_factory=list)
    segments: list[ReleasedItem] = field(default_factory=list)

    @property
    def content(self) -> tuple[str, ...]:
        """What the clip's rows depend on: ids, places, and the hash of each file."""
        parts = [self.clip_id]
        for one in (*self.faces, *self.segments):
            parts += [one.item_id, one.person_id, one.split, _hash_of(one.path)]
            parts += [] if one.label_path is None else [_hash_of(one.label_path)]
        return tuple(parts)

    def row(self, licence: str) -> Clip:
        """Return the clip's row."""
        first = (*self.faces, *self.segments)[0]
        return Clip(
            clip_id=self.clip_id,
            dataset=self.dataset,
            identity=first.person_id,
            address=str(self.folder),
            start_s=None,
            end_s=None,
            range_fps=None,
            **NO_CROP,
            published_split=first.split,
            licence=licence,
            origin=f"released folder {self.folder}",
            content_hash=content_of(f"{self.folder}/{self.clip_id}", None, None),
        )


def read_clip(clip: ReleasedClip, folder: Path) -> Sequence[object] | Dropped:
    """Return the rows of a clip's files, and a ledger row of each file that can't be read.

    A face whose label can't be read has none. ``shard`` of the dataset's rows is empty: it follows from the number of
    clips. This is a step: ``folder`` stays empty.
    """
    del folder
    rows: list[object] = []
    drops: list[tuple[Path, Dropped]] = []
    for face in clip.faces:
        picture = _tried(_picture, face.path, drops)
        if picture is not None:
            label = None if face.label_path is None else _tried(_label, face.label_path, drops)
            rows += _face_rows(clip, face, picture, label)
    for segment in clip.segments:
        log_mel = _tried(_log_mel, segment.path, drops)
        if log_mel is not None:
            rows += _segment_rows(clip, segment, log_mel)
    if not rows:
        return drops[0][1]
    return rows + [ledger_row(STAGE, file_id(clip.dataset, path, clip.folder), drop) for path, drop in drops]


def file_id(dataset: str, path: Path, folder: Path) -> str:
    """Return the id of a file in the ledger: the dataset and the path within its folder."""
    return f"{dataset}/{shown(path.relative_to(folder))}"


def _tried(read: Callable[[Path], Value], path: Path, drops: list[tuple[Path, Dropped]]) -> Value | None:
    """Return what ``read`` returns; None where it raises BadInput, which ``drops`` gets."""
    try:
        return read(path)
    except BadInput as error:
        drops.append((path, Dropped.failed("unreadable", str(error))))
        return None


def _face_rows(clip: ReleasedClip, item: ReleasedItem, picture: ImageRGB, label: Vector | None) -> list[object]:
    png = encode_png(picture)
    face = Face(
        **_UNKNOWN_FACE,
        face_id=item.item_id,
        clip_id=clip.clip_id,
        subject_id=main_subject_id(clip.clip_id),
        track_id=f"{clip.clip_id}-t00",
        sampled_by=OF_PICTURE,
        image_sha256=hashlib.sha256(png).hexdigest(),
        image=Image(png, f"{item.item_id.replace('/', '_')}.png"),
        landmarks_px=np.empty(0, np.float32),
        alignment=np.empty(0, np.float32),
    )
    listed = DatasetFace(
        face_id=item.item_id,
        dataset=clip.dataset,
        person_id=item.person_id,
        split=item.split,
        clip_id=clip.clip_id,
        sampled_by=OF_PICTURE,
        is_standard=True,
        is_labelled=label is not None,
        shard="",
    )
    if label is None:
        return [face, listed]
    return [face, listed, Label(face_id=item.item_id, recognition_network=STAGE, embedding=label)]


def _segment_rows(clip: ReleasedClip, item: ReleasedItem, log_mel: LogMel) -> list[object]:
    n_mels, n_frames = log_mel.shape
    n_valid_frames = n_frames_before_repeat(log_mel)
    common = {
        "segment_id": item.item_id,
        "clip_id": clip.clip_id,
        "voiced_s": n_valid_frames * HOP_S,
        "n_valid_frames": n_valid_frames,
        "face_seen_share": None,
        "turn_log_odds": None,
        "overlap_share": None,
        "music_share": None,
    }
    segment = Segment(
        **common,  # type: ignore[arg-type]
        subject_id=main_subject_id(clip.clip_id),
        start_s=_NAN,
        end_s=_NAN,
        level_dbfs=_NAN,
        clipped_share=_NAN,
        n_turns=1,
        skipped_s=_NAN,
        sound_channel="",
        av_correction_s=_NAN,
        profile="",
        n_mels=n_mels,
        n_frames=n_frames,
        log_mel=log_mel.ravel(),
    )
    listed = DatasetSegment(
        **common,  # type: ignore[arg-type]
        dataset=clip.dataset,
        person_id=item.person_id,
        split=item.split,
        av_covered_s=0.0,
        av_zscore=None,
        shard="",
    )
    return [segment, listed]


def n_frames_before_repeat(log_mel: LogMel) -> int:
    """Return after how many of its columns (M, T) a log-mel repeats itself to its end, as padding by 'tile' does.

    T where it does not, and where padding of another kind can't be told from sound.
    """
    n_frames = log_mel.shape[1]
    like_first = np.flatnonzero((log_mel == log_mel[:, :1]).all(axis=0))
    periods = (int(one) for one in like_first[1:])
    return next((one for one in periods if np.array_equal(log_mel[:, one:], log_mel[:, : n_frames - one])), n_frames)


def _picture(path: Path) -> ImageRGB:
    """Return the picture (256, 256, 3); squares of other sizes are resized, as the released code does."""
    import cv2

    picture = read_picture(path)
    height, width = picture.shape[:2]
    if height != width or height < MIN_FACE_PX:
        raise BadInput(f"{shown(path)}: expected a square of {MIN_FACE_PX} px or more, found {width}x{height}")
    if height == FACE_PX:
        return picture
    interpolation = cv2.INTER_AREA if height > FACE_PX else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (FACE_PX, FACE_PX), interpolation=interpolation), np.uint8)


def _log_mel(path: Path) -> LogMel:
    """Return (n_mels, n_frames)."""
    log_mel = _squeezed(read_npy(path), 2)
    if log_mel.ndim != 2 or log_mel.shape[0] > MAX_MELS or log_mel.shape[1] > MAX_FRAMES:
        raise BadInput(f"{shown(path)}: expected a log-mel (1, n_mels, n_frames), found {log_mel.shape}")
    return log_mel


def _label(path: Path) -> Vector:
    """Return (D,)."""
    label = _squeezed(read_npy(path), 1)
    if label.ndim != 1 or len(label) > MAX_LABEL_VALUES:
        raise BadInput(f"{shown(path)}: expected a label (n_values,), found {label.shape}")
    return label


def _squeezed(values: NDArray[np.float32], n_axes: int) -> NDArray[np.float32]:
    """Return ``values`` without leading axes of length 1, down to ``n_axes``."""
    while values.ndim > n_axes and values.shape[0] == 1:
        values = values[0]
    return values


def _hash_of(path: Path) -> str:
    found = hash_file(path)
    return found.detail if isinstance(found, Dropped) else found
