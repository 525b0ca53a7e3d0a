"""What is built of a clip, made up: its face videos, and the files and rows of a dataset that was released built.

A released clip is a face, its label and a segment; nine of ten persons are in the training split.
"""

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.scale.edited import shots_ms
from benchmarks.scale.names import DATASET, clip_name, clip_number, person_name, person_number
from benchmarks.scale.rows import (
    LABEL_SIZE,
    N_COLUMNS,
    N_MELS,
    Tables,
    end_ms,
    face_ids_of,
    face_rows,
    label_rows,
    picture,
    segment_rows,
)
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.dataset import DatasetFace, DatasetSegment
from pipeline.core.records.face import OF_PICTURE, Face, FaceVideo
from pipeline.core.records.label import Label
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.person import TEST, TRAIN
from pipeline.core.records.schema import to_table
from pipeline.core.records.segment import Segment
from pipeline.core.records.subject import main_subject_id
from pipeline.sources.lists.released_audioface import AUDIOS, FEATURES, IMAGES

VIDEO = b"the bytes of no video"
VIDEO_PX = 256
_VIDEO_FPS = 25
_VIDEO_MELS, _SYNC_COLUMNS_PER_S, _WAV2LIP_COLUMNS_PER_S = 80, 25, 80
_EVERY, _WITH_SHORT_VIDEO = 50, 13  # of 50 clips one has a video that is too short
_TEST_EVERY, _TEST = 10, 9  # of 10 persons
_MOST_LINKS = 1000  # to one file: a disk may allow 32,000


def face_video_rows(clip_id: str) -> Tables:
    """Return a clip's face videos, one of each shot, and sometimes a dropped one."""
    subject_id = main_subject_id(clip_id)
    videos = [
        FaceVideo(
            video_id=f"{subject_id}-f{start_ms:08d}",
            clip_id=clip_id,
            subject_id=subject_id,
            start_s=start_ms / 1000,
            end_s=stop_ms / 1000,
            n_frames=(stop_ms - start_ms) * _VIDEO_FPS // 1000,
            n_tracks=1,
            n_observed=(stop_ms - start_ms) * _VIDEO_FPS // 1000,
            box_x_px=480,
            box_y_px=180,
            box_side_px=260,
            size_px=VIDEO_PX,
            fps=_VIDEO_FPS,
            av_correction_s=0.0,
            path=f"{subject_id.replace('/', '_')}-f{start_ms:08d}.mp4",
            sha256=hashlib.sha256(VIDEO).hexdigest(),
            sync_log_mel=_log_mel(_SYNC_COLUMNS_PER_S * (stop_ms - start_ms) // 1000),
            wav2lip_log_mel=_log_mel(_WAV2LIP_COLUMNS_PER_S * (stop_ms - start_ms) // 1000 + 1),
        )
        for start_ms, stop_ms in shots_ms(clip_id, end_ms())
    ]
    tables: dict[type, pa.Table] = {FaceVideo: to_table(FaceVideo, videos)}
    if clip_number(clip_id) % _EVERY == _WITH_SHORT_VIDEO:
        drop = ledger_row("face_videos", f"{subject_id}-f00005000", Dropped.filtered("too_short", "24 pictures"))
        tables[LedgerRow] = to_table(LedgerRow, [drop])
    return tables


def released_rows(clip_id: str) -> Tables:
    """Return the rows of a clip's face, label and segment, and those of the dataset."""
    face, label, segment = (
        tables[record].slice(0, 1)
        for tables, record in (
            (face_rows(clip_id), Face),
            (label_rows(clip_id), Label),
            (segment_rows(clip_id), Segment),
        )
    )
    place = {
        "dataset": DATASET,
        "person_id": person_name(person_number(clip_id)),
        "split": TEST if _is_of_test(clip_id) else TRAIN,
        "clip_id": clip_id,
        "shard": "",
    }
    listed = DatasetFace(
        **place, face_id=face["face_id"][0].as_py(), sampled_by=OF_PICTURE, is_standard=True, is_labelled=True
    )
    heard = DatasetSegment(
        **place,
        segment_id=segment["segment_id"][0].as_py(),
        voiced_s=10.0,
        n_valid_frames=N_COLUMNS,
        face_seen_share=None,
        av_covered_s=0.0,
        av_zscore=None,
        turn_log_odds=None,
        overlap_share=None,
        music_share=None,
    )
    return {
        Face: face,
        DatasetFace: to_table(DatasetFace, [listed]),
        Label: label,
        Segment: segment,
        DatasetSegment: to_table(DatasetSegment, [heard]),
    }


def write_released_files(folder: Path, n_clips: int) -> None:
    """Write the files of a released dataset of ``n_clips`` clips: hard links, a thousand to each file that is written.

    They are as many directory entries as there should be, but few inodes and bytes.
    """
    contents = {IMAGES: picture(), AUDIOS: _npy((1, N_MELS, N_COLUMNS)), FEATURES: _npy((LABEL_SIZE,))}
    written: dict[str, Path] = {}
    for number in range(n_clips):
        for kind, path in _released_paths(folder, number):
            path.parent.mkdir(parents=True, exist_ok=True)
            if number % _MOST_LINKS:
                os.link(written[kind], path)
            else:
                path.write_bytes(contents[kind])
                written[kind] = path


def _released_paths(folder: Path, number: int) -> Iterator[tuple[str, Path]]:
    """Yield the kinds and paths of a clip's files."""
    clip_id = f"{DATASET}/{clip_name(number)}"
    face, segment = (one.rpartition("/")[2] for one in (face_ids_of(clip_id)[0], f"{clip_id}-a{0:08d}"))
    for kind, name in ((IMAGES, f"{face}.png"), (AUDIOS, f"{segment}.npy"), (FEATURES, f"{face}.npy")):
        split = "Test" if _is_of_test(clip_id) else "Train"
        yield kind, folder / kind / split / person_name(person_number(clip_id)) / name


def _is_of_test(clip_id: str) -> bool:
    return person_number(clip_id) % _TEST_EVERY == _TEST


def _log_mel(n_columns: int) -> NDArray[np.float32]:
    return np.full(_VIDEO_MELS * n_columns, 0.5, np.float32)


def _npy(shape: tuple[int, ...]) -> bytes:
    content = io.BytesIO()
    np.save(content, np.full(shape, 0.5, np.float32))
    return content.getvalue()
