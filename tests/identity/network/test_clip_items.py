"""The items of recognise and identify come in id order, whichever shards hold the clips' faces."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import pipeline.core.storage.shards
from pipeline.core.records.face import Face, FaceMeasures
from pipeline.core.records.schema import Image, to_table
from pipeline.core.records.subject import clip_of, main_subject_id
from pipeline.core.storage.shards import shard_of, shard_paths, write_shards
from pipeline.identity.network.label import faces_of_clips
from pipeline.identity.network.subject_embedding import subject_faces
from tests.face.faces import face
from tests.identity.clips import RECOGNISE

CLIPS = [f"set/{name}" for name in ("a", "a-2", "b", "c", "d")]


def face_ids(clip_id: str) -> list[str]:
    return [f"{clip_id}-t00-{n:08}" for n in range(4)]


def _measures(face_id: str, clip_id: str, yaw_deg: float) -> FaceMeasures:
    return face(
        0.0, face_id=face_id, clip_id=clip_id, subject_id=main_subject_id(clip_id), yaw_deg=yaw_deg, pitch_deg=0.0
    )


def faces_of(clip_id: str) -> pa.Table:
    """Return four faces, the second and the last of them the most frontal."""
    return to_table(
        Face,
        [
            Face(
                **asdict(
                    face(
                        0.0,
                        face_id=face_id,
                        clip_id=clip_id,
                        subject_id=f"{clip_id}-s00",
                        yaw_deg=yaw_deg,
                        pitch_deg=0.0,
                    )
                ),
                image_sha256=f"picture of {face_id}",
                image=Image(b"", ""),
                landmarks_px=np.full(136, yaw_deg, np.float32),
                alignment=np.zeros(6, np.float32),
            )
            for face_id, yaw_deg in zip(face_ids(clip_id), (9.0, -1.0, 5.0, 2.0), strict=True)
        ],
    )


@pytest.fixture
def faces_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five clips in eight shards."""
    monkeypatch.setattr(pipeline.core.storage.shards, "CLIPS_PER_SHARD", 1)
    write_shards(tmp_path / "faces", Face, CLIPS, faces_of)
    assert len(shard_paths(tmp_path / "faces")) == 8
    assert sorted(CLIPS, key=lambda clip_id: shard_of(clip_id, 8)) != CLIPS
    return tmp_path / "faces"


def test_clips_come_in_order_with_their_most_frontal_faces(faces_folder: Path, tmp_path: Path) -> None:
    in_order = sorted(CLIPS, key=main_subject_id)
    items = list(subject_faces(faces_folder, RECOGNISE, tmp_path / "x.parquet"))
    assert [clip_of(item.subject_id) for item in items] == in_order
    shards = shard_paths(faces_folder)
    for item, clip_id in zip(items, in_order, strict=True):
        assert item.shard == shards[shard_of(clip_id, 8)]
        assert item.face_ids == tuple(face_ids(clip_id)[n] for n in (1, 3))
        assert item.content[::2] == tuple(f"picture of {face_id}" for face_id in item.face_ids)
    assert len({item.content[1::2] for item in items}) == 1  # the landmarks are the same in all clips
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


def test_clips_come_in_order_with_the_hashes_of_all_their_pictures(faces_folder: Path, tmp_path: Path) -> None:
    items = list(faces_of_clips(faces_folder, tmp_path / "x.parquet"))
    assert [item.clip_id for item in items] == CLIPS
    shards = shard_paths(faces_folder)
    for item in items:
        assert item.shard == shards[shard_of(item.clip_id, 8)]
        assert item.pictures == tuple(f"picture of {face_id}" for face_id in face_ids(item.clip_id))
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]
