"""Small data to train on: a built dataset as the stages leave it, of four persons, and packs of arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from model.pack import ArrayPack
from pipeline.arrays import ImageRGB, LogMel
from pipeline.dataset.build import Dataset, DatasetParams, build
from pipeline.imaging import encode_png
from pipeline.layout import Layout
from pipeline.records.clip import NO_CROP, Clip
from pipeline.records.dataset import DatasetFace, DatasetSegment, Identity, Pair
from pipeline.records.face import CANDIDATE, RANDOM, Face
from pipeline.records.label import Label
from pipeline.records.person import TEST, TRAIN, ClipOwner
from pipeline.records.schema import Image, key_of, to_table
from pipeline.records.segment import Segment
from pipeline.storage.manifest import read_table, write_manifest
from pipeline.storage.shards import shard_paths, write_shards

N_MELS, N_FRAMES, LABEL_SIZE = 64, 96, 16
ALL = DatasetParams(
    max_faces_per_person=999,
    max_standard_faces_per_person=999,
    max_segments_per_person=999,
    min_face_seen_share=0.0,
    min_significance=None,
    full_heard_s=6.0,
    seed=1,
)

# (dataset, person, split): two clips each. In both datasets 'ana' is the same person.
PEOPLE = (
    ("one", "ana", TRAIN),
    ("one", "ben", TRAIN),
    ("one", "cem", TEST),
    ("two", "ana", TRAIN),
    ("two", "dora", TEST),
)
N_CLIPS = 2
KINDS = ((RANDOM, False), (RANDOM, True), (CANDIDATE, True))
"""A clip's faces: how sampled, and whether a standard face. Besides, each clip has two segments."""


@dataclass(frozen=True)
class Made:
    """A dataset on the disk, and all that went into it, by id."""

    at: Layout
    rows: Dataset
    pictures: dict[str, ImageRGB]
    log_mels: dict[str, LogMel]
    labels: dict[str, np.ndarray]


class Maker:
    """Makes up clips, faces, segments and labels, and writes them as the stages do."""

    def __init__(
        self, root: Path, *, seed: int, face_px: int, n_frames: tuple[int, ...], unlabelled: tuple[str, ...]
    ) -> None:
        self.at = Layout(root)
        self.draw = np.random.default_rng(seed)
        self.face_px, self.n_frames, self.unlabelled = face_px, n_frames, unlabelled
        self.owners = [
            ClipOwner(clip_id=f"{dataset}/{person}.{clip}", dataset=dataset, person_id=person, split=split)
            for dataset, person, split in PEOPLE
            for clip in range(N_CLIPS)
        ]
        self.made = Made(self.at, Dataset([], [], [], [], [], []), {}, {}, {})

    def write(self) -> Made:
        faces, segments = [], []
        for dataset in sorted({owner.dataset for owner in self.owners}):
            owners = {owner.clip_id: owner for owner in self.owners if owner.dataset == dataset}
            write_manifest(self.at.clips(dataset), Clip, map(_clip, owners.values()))
            faces += self._faces(dataset, owners)
            segments += self._segments(dataset, owners)
        built = build(self.owners, faces, segments, ALL)
        write_manifest(self.at.dataset("identities"), Identity, built.identities)
        write_manifest(self.at.dataset("faces"), DatasetFace, built.faces)
        write_manifest(self.at.dataset("audio"), DatasetSegment, built.segments)
        write_manifest(self.at.dataset("pairs"), Pair, built.pairs)
        return Made(self.at, built, self.made.pictures, self.made.log_mels, self.made.labels)

    def _faces(self, dataset: str, owners: dict[str, ClipOwner]) -> list[DatasetFace]:
        rows = {
            clip: [self._face(clip, place, sampled_by) for place, (sampled_by, _) in enumerate(KINDS)]
            for clip in owners
        }
        shards = self._write_shards(self.at.faces_folder(dataset), Face, rows)
        labelled = [face for clip in owners if owners[clip].person_id not in self.unlabelled for face in rows[clip]]
        labels = {face.face_id: self.draw.normal(size=LABEL_SIZE).astype(np.float32) for face in labelled}
        self.made.labels.update(labels)
        write_manifest(
            self.at.labels(dataset),
            Label,
            [Label(face_id=face_id, label_network="tiny", embedding=label) for face_id, label in labels.items()],
        )
        return [
            DatasetFace(
                face_id=face.face_id,
                dataset=dataset,
                person_id=owner.person_id,
                split=owner.split,
                clip_id=clip,
                sampled_by=sampled_by,
                is_standard=is_standard,
                is_labelled=face.face_id in labels,
                shard=shards[face.face_id],
            )
            for clip, owner in owners.items()
            for face, (sampled_by, is_standard) in zip(rows[clip], KINDS, strict=True)
        ]

    def _segments(self, dataset: str, owners: dict[str, ClipOwner]) -> list[DatasetSegment]:
        rows = {clip: [self._segment(clip, place, n) for place, n in enumerate(self.n_frames)] for clip in owners}
        shards = self._write_shards(self.at.audio_folder(dataset), Segment, rows)
        return [
            DatasetSegment(
                segment_id=segment.segment_id,
                dataset=dataset,
                person_id=owner.person_id,
                split=owner.split,
                clip_id=clip,
                voiced_s=segment.voiced_s,
                n_valid_frames=segment.n_valid_frames,
                face_seen_share=segment.face_seen_share,
                heard_s=6.0,
                significance=5.0,
                shard=shards[segment.segment_id],
            )
            for clip, owner in owners.items()
            for segment in rows[clip]
        ]

    def _write_shards(self, folder: Path, record: type, rows: dict[str, list]) -> dict[str, str]:
        """Return the shard of each row by its id."""

        def rows_of(clip_id: str) -> pa.Table:
            return to_table(record, rows[clip_id])

        write_shards(folder, record, list(rows), rows_of)
        key = key_of(record)
        return {
            item_id: path.relative_to(self.at.root).as_posix()
            for path in shard_paths(folder)
            for item_id in read_table(path, record, [key]).column(key).to_pylist()
        }

    def _face(self, clip_id: str, place: int, sampled_by: str) -> Face:
        face_id = f"{clip_id}-t00-{place:08d}"
        picture = smooth_face(self.draw, self.face_px)
        self.made.pictures[face_id] = picture
        measures = dict.fromkeys(
            (
                *("time_s", "yaw_deg", "pitch_deg", "roll_deg", "asymmetry", "lip_opening", "eye_opening", "eye_share"),
                *("sharpness", "brightness", "interocular_px", "score", "inside_share"),
            ),
            float(place),
        )
        unknown = ("standardness", "lip_opening_max", "mouth_rise", "lip_motion", "mouth_change", "eye_change")
        return Face(
            face_id=face_id,
            clip_id=clip_id,
            track_id=f"{clip_id}-t00",
            sampled_by=sampled_by,
            image_sha256="",
            image=Image(encode_png(picture), f"{face_id}.png"),
            landmarks_px=np.arange(136, dtype=np.float32),
            alignment=np.arange(6, dtype=np.float32),
            **measures,
            **dict.fromkeys(unknown),
        )

    def _segment(self, clip_id: str, place: int, n_frames: int) -> Segment:
        segment_id = f"{clip_id}-a{place:08d}"
        self.made.log_mels[segment_id] = self.draw.normal(size=(N_MELS, n_frames)).astype(np.float32)
        return Segment(
            segment_id=segment_id,
            clip_id=clip_id,
            start_s=float(place),
            end_s=place + 1.0,
            voiced_s=0.5,
            n_valid_frames=n_frames,
            level_dbfs=-20.0,
            clipped_share=0.0,
            face_seen_share=1.0,
            profile="paper",
            n_mels=N_MELS,
            n_frames=n_frames,
            log_mel=self.made.log_mels[segment_id].ravel(),
        )


def smooth_face(rng: np.random.Generator, size_px: int) -> ImageRGB:
    """Return (size_px, size_px, 3), colours that flow into each other: small as PNG, as a face is."""
    colours = rng.integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(cv2.resize(colours, (size_px, size_px), interpolation=cv2.INTER_CUBIC))


def _clip(owner: ClipOwner) -> Clip:
    return Clip(
        clip_id=owner.clip_id,
        dataset=owner.dataset,
        identity=owner.person_id,
        address="synthetic:",
        start_s=None,
        end_s=None,
        licence="CC BY 4.0",
        origin="made up",
        content_hash="",
        **NO_CROP,
    )


@pytest.fixture(scope="session")
def make_dataset(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    """Make built datasets of PEOPLE; ``n_frames`` are the columns of a clip's log-mels, one number a segment."""

    def make(
        *,
        seed: int = 7,
        face_px: int = 256,
        n_frames: tuple[int, ...] = (N_FRAMES, N_FRAMES),
        unlabelled: tuple[str, ...] = (),
    ) -> Made:
        root = tmp_path_factory.mktemp("built")
        return Maker(root, seed=seed, face_px=face_px, n_frames=n_frames, unlabelled=unlabelled).write()

    return make


@pytest.fixture(scope="session")
def made(make_dataset: Callable[..., Made]) -> Made:
    """Two datasets, four persons in five places, two clips of each; to be read only."""
    return make_dataset()


@pytest.fixture(scope="session")
def make_array_pack() -> Callable[..., ArrayPack]:
    """Make packs of arrays; all columns of a log-mel say which row it is, and all values of a label."""

    def make(
        n_persons: int = 6, n_faces: int = 3, n_segments: int = 4, *, face_px: int = 32, labelled: bool = True
    ) -> ArrayPack:
        """``n_faces`` and ``n_segments`` are those of each person."""
        rng = np.random.default_rng(3)
        persons = [f"person_{number}" for number in range(n_persons)]
        total = n_persons * n_faces
        rows = np.arange(n_persons * n_segments, dtype=np.float32)[:, None, None]
        return ArrayPack(
            np.stack([smooth_face(rng, face_px) for _ in range(total)]),
            rows + np.arange(N_FRAMES, dtype=np.float32) / 1000 + np.zeros((1, N_MELS, 1), np.float32),
            np.arange(total, dtype=np.float32)[:, None] + np.zeros((1, LABEL_SIZE), np.float32) if labelled else None,
            [person for person in persons for _ in range(n_faces)],
            [person for person in persons for _ in range(n_segments)],
        )

    return make


@pytest.fixture(scope="session")
def array_pack(make_array_pack: Callable[..., ArrayPack]) -> ArrayPack:
    """Six persons with three faces of 256 px and four segments each."""
    return make_array_pack(face_px=256)
