"""A small dataset as the stages leave it, built by hand through the records, with names that make trouble as paths."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.arrays import ImageRGB, LogMel
from pipeline.dataset.build import Dataset, DatasetParams, build
from pipeline.export.built import Built, open_built
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

NETWORK = "tiny-0123456789ab"
SIDE_PX, N_MELS, N_FRAMES, LABEL_SIZE = 12, 4, 10, 6
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
    ("one", "../etc", TRAIN),
    ("one", "con", TEST),
    ("two", "ana", TRAIN),
    ("two", "李 a.b/c", TEST),
)
LICENCES = {"one": "CC BY 4.0", "two": "ask | <the> owner"}


@dataclass(frozen=True)
class Made:
    """A dataset on the disk, and all that went into it, by id."""

    at: Layout
    rows: Dataset
    pictures: dict[str, ImageRGB]
    log_mels: dict[str, LogMel]
    labels: dict[str, np.ndarray]

    def open(self, split: str | None = None) -> Built:
        return open_built(self.at, split)

    def faces(self, split: str) -> list[DatasetFace]:
        return sorted((face for face in self.rows.faces if face.split == split), key=lambda face: face.face_id)

    def segments(self, split: str) -> list[DatasetSegment]:
        return sorted((one for one in self.rows.segments if one.split == split), key=lambda one: one.segment_id)

    def pairs(self, split: str) -> list[Pair]:
        return sorted((pair for pair in self.rows.pairs if pair.split == split), key=lambda pair: pair.pair_id)


class Maker:
    """Makes up clips, faces, segments and labels, and writes them as the stages do."""

    def __init__(
        self, root: Path, people: tuple[tuple[str, str, str], ...], n_clips: int, *, padded: bool, labelled: bool
    ) -> None:
        self.at = Layout(root)
        self.draw = np.random.default_rng(7)
        self.padded, self.labelled = padded, labelled
        self.owners = [
            ClipOwner(clip_id=f"{dataset}/c{place}.{clip}", dataset=dataset, person_id=person, split=split)
            for place, (dataset, person, split) in enumerate(people)
            for clip in range(n_clips)
        ]
        self.pictures: dict[str, ImageRGB] = {}
        self.log_mels: dict[str, LogMel] = {}
        self.labels: dict[str, np.ndarray] = {}

    def write(self) -> Made:
        datasets = sorted({owner.dataset for owner in self.owners})
        faces = [face for dataset in datasets for face in self._faces(dataset)]
        segments = [segment for dataset in datasets for segment in self._segments(dataset)]
        for dataset in datasets:
            write_manifest(self.at.clips(dataset), Clip, map(_clip, self._owners(dataset)))
        built = build(self.owners, faces, segments, ALL)
        write_manifest(self.at.dataset("identities"), Identity, built.identities)
        write_manifest(self.at.dataset("faces"), DatasetFace, built.faces)
        write_manifest(self.at.dataset("audio"), DatasetSegment, built.segments)
        write_manifest(self.at.dataset("pairs"), Pair, built.pairs)
        return Made(self.at, built, self.pictures, self.log_mels, self.labels)

    def _owners(self, dataset: str) -> list[ClipOwner]:
        return [owner for owner in self.owners if owner.dataset == dataset]

    def _faces(self, dataset: str) -> list[DatasetFace]:
        """Write the faces and labels of a dataset: a drawn one, a standard one without a label, a standard one."""
        kinds = ((RANDOM, False, self.labelled), (RANDOM, True, False), (CANDIDATE, True, self.labelled))
        owners = {owner.clip_id: owner for owner in self._owners(dataset)}
        rows = {
            clip_id: [self._face(clip_id, place, kind[0]) for place, kind in enumerate(kinds)] for clip_id in owners
        }
        self._write_shards(self.at.faces_folder(dataset), Face, rows, {})
        shards = self._shards_of(self.at.faces_folder(dataset), Face)
        listed, labels = [], []
        for clip_id, owner in owners.items():
            for face, (sampled_by, is_standard, is_labelled) in zip(rows[clip_id], kinds, strict=True):
                label = self.draw.normal(size=LABEL_SIZE).astype(np.float32)
                labels += [Label(face_id=face.face_id, label_network=NETWORK, embedding=label)] if is_labelled else []
                listed.append(
                    DatasetFace(
                        face_id=face.face_id,
                        dataset=dataset,
                        person_id=owner.person_id,
                        split=owner.split,
                        clip_id=clip_id,
                        sampled_by=sampled_by,
                        is_standard=is_standard,
                        is_labelled=is_labelled,
                        shard=shards[face.face_id],
                    )
                )
        write_manifest(self.at.labels(dataset), Label, labels)
        self.labels |= {label.face_id: label.embedding for label in labels}
        return listed

    def _segments(self, dataset: str) -> list[DatasetSegment]:
        """Write two segments a clip."""
        owners = {owner.clip_id: owner for owner in self._owners(dataset)}
        rows = {clip_id: [self._segment(clip_id, place) for place in range(2)] for clip_id in owners}
        sizes = {"log_mel": N_MELS * N_FRAMES} if self.padded else {}
        self._write_shards(self.at.audio_folder(dataset), Segment, rows, sizes)
        shards = self._shards_of(self.at.audio_folder(dataset), Segment)
        return [
            DatasetSegment(
                segment_id=segment.segment_id,
                dataset=dataset,
                person_id=owners[clip_id].person_id,
                split=owners[clip_id].split,
                clip_id=clip_id,
                voiced_s=segment.voiced_s,
                n_valid_frames=segment.n_valid_frames,
                face_seen_share=segment.face_seen_share,
                heard_s=6.0,
                significance=5.0,
                shard=shards[segment.segment_id],
            )
            for clip_id in owners
            for segment in rows[clip_id]
        ]

    def _write_shards(self, folder: Path, record: type, rows: dict[str, list], sizes: dict[str, int]) -> None:
        def rows_of(clip_id: str) -> pa.Table:
            return to_table(record, rows[clip_id], sizes)

        write_shards(folder, record, list(rows), rows_of, sizes)

    def _shards_of(self, folder: Path, record: type) -> dict[str, str]:
        """Return the shard of each row by its id."""
        key = key_of(record)
        return {
            item_id: path.relative_to(self.at.root).as_posix()
            for path in shard_paths(folder)
            for item_id in read_table(path, record, [key]).column(key).to_pylist()
        }

    def _face(self, clip_id: str, place: int, sampled_by: str) -> Face:
        face_id = f"{clip_id}-t00-{place:08d}"
        self.pictures[face_id] = self.draw.integers(0, 256, (SIDE_PX, SIDE_PX, 3), np.uint8)
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
            image=Image(encode_png(self.pictures[face_id]), f"{face_id}.png"),
            landmarks_px=np.arange(136, dtype=np.float32),
            alignment=np.arange(6, dtype=np.float32),
            **measures,
            **dict.fromkeys(unknown),
        )

    def _segment(self, clip_id: str, place: int) -> Segment:
        segment_id = f"{clip_id}-a{place:08d}"
        n_frames = N_FRAMES if self.padded else 5 + place
        self.log_mels[segment_id] = self.draw.normal(size=(N_MELS, n_frames)).astype(np.float32)
        return Segment(
            segment_id=segment_id,
            clip_id=clip_id,
            start_s=float(place),
            end_s=place + 1.0,
            voiced_s=0.5,
            n_valid_frames=5 + place,
            level_dbfs=-20.0,
            clipped_share=0.0,
            face_seen_share=1.0,
            profile="paper",
            n_mels=N_MELS,
            n_frames=n_frames,
            log_mel=self.log_mels[segment_id].ravel(),
        )


def _clip(owner: ClipOwner) -> Clip:
    return Clip(
        clip_id=owner.clip_id,
        dataset=owner.dataset,
        identity=owner.person_id,
        address="synthetic:",
        start_s=None,
        end_s=None,
        licence=LICENCES.get(owner.dataset, ""),
        origin="made up",
        content_hash="",
        **NO_CROP,
    )


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    """Make datasets: ``make(people, n_clips, padded, labelled)``."""

    def make(
        people: tuple[tuple[str, str, str], ...] = PEOPLE,
        n_clips: int = 2,
        *,
        padded: bool = True,
        labelled: bool = True,
    ) -> Made:
        return Maker(tmp_path_factory.mktemp("built"), people, n_clips, padded=padded, labelled=labelled).write()

    return make


@pytest.fixture(scope="session")
def made(make: Callable[..., Made]) -> Made:
    """Two datasets, four people in five places, two clips of each."""
    return make()


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file under ``folder``, hidden ones too, by its path there."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
