"""A small dataset as the stages write it, built from records: the input of exports and trainings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import cv2
import numpy as np
import pyarrow as pa

from pipeline.core.base.arrays import ImageRGB, LogMel
from pipeline.core.base.images import encode_png
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import NO_CROP, Clip
from pipeline.core.records.dataset import DatasetFace, DatasetSegment, Identity, Pair
from pipeline.core.records.face import CANDIDATE, RANDOM, Face
from pipeline.core.records.label import Label
from pipeline.core.records.person import SubjectPerson
from pipeline.core.records.schema import Image, key_of, to_table
from pipeline.core.records.segment import Segment
from pipeline.core.records.subject import main_subject_id
from pipeline.core.storage.manifest import read_table, write_manifest
from pipeline.core.storage.shards import shard_paths, write_shards
from pipeline.dataset.build import DatasetParams, PersonRows, build_person
from pipeline.dataset.reader import BuiltDataset, open_dataset
from pipeline.face.crops.verify import VERIFIED_COLUMNS

ALL = DatasetParams(
    max_faces_per_person=999,
    max_standard_faces_per_person=999,
    max_segments_per_person=999,
    standard_faces="drawn",
    min_face_seen_share=0.0,
    min_av_zscore=None,
    full_av_covered_s=6.0,
    min_turn_log_odds=0.0,
    max_overlap_share=None,
    max_music_share=None,
    seed=1,
)


@dataclass(frozen=True)
class Dataset:
    """All rows of a dataset."""

    identities: list[Identity]
    faces: list[DatasetFace]
    segments: list[DatasetSegment]
    pairs: list[Pair]
    ends: list[tuple[str, Dropped | None]]
    """Of persons and of segments."""


def build(
    subject_persons: Sequence[SubjectPerson],
    faces: Sequence[DatasetFace],
    segments: Sequence[DatasetSegment],
    params: DatasetParams,
) -> Dataset:
    """Return the dataset of all persons together."""

    def rows_of(dataset: str, person_id: str, rows: Sequence[Any]) -> list[Any]:
        return [row for row in rows if (row.dataset, row.person_id) == (dataset, person_id)]

    persons = [
        build_person(
            PersonRows(
                dataset=dataset,
                person_id=person_id,
                n_clips=len(rows_of(dataset, person_id, subject_persons)),
                faces=rows_of(dataset, person_id, faces),
                segments=rows_of(dataset, person_id, segments),
            ),
            params,
        )
        for dataset, person_id in sorted({(one.dataset, one.person_id) for one in subject_persons})
    ]
    return Dataset(
        identities=[one.identity for one in persons if one.identity],
        faces=[face for one in persons for face in one.faces],
        segments=[segment for one in persons for segment in one.segments],
        pairs=[pair for one in persons for pair in one.pairs()],
        ends=[end for one in persons for end in one.ends],
    )


Persons = tuple[tuple[str, str, str], ...]
"""(dataset, person, split): a person of one name in two datasets is one person."""


class FaceKind(NamedTuple):
    sampled_by: str
    is_standard: bool
    is_labelled: bool = True


def noise(rng: np.random.Generator, size_px: int) -> ImageRGB:
    """Return (size_px, size_px, 3), no two pixels alike: as large as PNG gets."""
    return rng.integers(0, 256, (size_px, size_px, 3), np.uint8)


def smooth_face(rng: np.random.Generator, size_px: int) -> ImageRGB:
    """Return (size_px, size_px, 3), a smooth gradient of colours: small as PNG, like a face."""
    colours = rng.integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(cv2.resize(colours, (size_px, size_px), interpolation=cv2.INTER_CUBIC))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The contents of a made-up dataset.

    Every clip has a face of each of ``kinds``, and a segment for each of ``n_frames``, the columns that are sound;
    log-mels are padded to ``padded_to`` columns, None: not at all. Persons in ``unlabelled`` have no labels.
    ``clip_names`` is made of ``place`` (among the persons), ``person`` and ``clip`` (its number).
    """

    persons: Persons
    n_clips: int = 2
    clip_names: str = "{person}.{clip}"
    licences: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[FaceKind, ...] = (FaceKind(RANDOM, False), FaceKind(RANDOM, True), FaceKind(CANDIDATE, True))
    face_px: int
    draw_face: Callable[[np.random.Generator, int], ImageRGB] = noise
    recognition_network: str = "tiny"
    label_size: int
    unlabelled: tuple[str, ...] = ()
    n_mels: int
    n_frames: tuple[int, ...]
    padded_to: int | None = None
    seed: int = 7

    def without_labels(self) -> Self:
        return replace(self, unlabelled=tuple(person for _, person, _ in self.persons))


@dataclass(frozen=True)
class Made:
    """A dataset on the disk, and its contents by id."""

    at: Layout
    subject_persons: list[SubjectPerson]
    rows: Dataset
    pictures: dict[str, ImageRGB]
    log_mels: dict[str, LogMel]
    labels: dict[str, np.ndarray]

    def open(self, split: str | None = None) -> BuiltDataset:
        return open_dataset(self.at, split)

    def faces(self, split: str) -> list[DatasetFace]:
        return sorted((face for face in self.rows.faces if face.split == split), key=lambda face: face.face_id)

    def segments(self, split: str) -> list[DatasetSegment]:
        return sorted((one for one in self.rows.segments if one.split == split), key=lambda one: one.segment_id)

    def pairs(self, split: str) -> list[Pair]:
        return sorted((pair for pair in self.rows.pairs if pair.split == split), key=lambda pair: pair.pair_id)


def make_dataset_in(root: Path, plan: Plan) -> Made:
    """Make up clips, faces, segments and labels, and write them as the stages do."""
    return _Maker(root, plan).write()


class _Maker:
    def __init__(self, root: Path, plan: Plan) -> None:
        self.at, self.plan = Layout(root), plan
        self.draw = np.random.default_rng(plan.seed)
        self.subject_persons = [
            SubjectPerson(
                subject_id=main_subject_id(clip_id),
                clip_id=clip_id,
                dataset=dataset,
                person_id=person,
                split=split,
            )
            for place, (dataset, person, split) in enumerate(plan.persons)
            for clip in range(plan.n_clips)
            for clip_id in [f"{dataset}/{plan.clip_names.format(place=place, person=person, clip=clip)}"]
        ]
        self.pictures: dict[str, ImageRGB] = {}
        self.log_mels: dict[str, LogMel] = {}
        self.labels: dict[str, np.ndarray] = {}

    def write(self) -> Made:
        faces, segments = [], []
        for dataset in sorted({subject_person.dataset for subject_person in self.subject_persons}):
            subject_persons = {one.clip_id: one for one in self.subject_persons if one.dataset == dataset}
            write_manifest(self.at.clips(dataset), Clip, map(self._clip, subject_persons.values()))
            faces += self._faces(dataset, subject_persons)
            segments += self._segments(dataset, subject_persons)
        built = build(self.subject_persons, faces, segments, ALL)
        write_manifest(self.at.dataset("identities"), Identity, built.identities)
        write_manifest(self.at.dataset("faces"), DatasetFace, built.faces)
        write_manifest(self.at.dataset("audio"), DatasetSegment, built.segments)
        write_manifest(self.at.dataset("pairs"), Pair, built.pairs)
        return Made(self.at, self.subject_persons, built, self.pictures, self.log_mels, self.labels)

    def _faces(self, dataset: str, subject_persons: dict[str, SubjectPerson]) -> list[DatasetFace]:
        """Write the faces and labels of a dataset."""
        kinds = self.plan.kinds
        rows = {
            clip: [self._face(clip, place, kind.sampled_by) for place, kind in enumerate(kinds)]
            for clip in subject_persons
        }
        shards = self._write_shards(self.at.faces_folder(dataset), Face, rows, {})
        listed = [
            DatasetFace(
                face_id=face.face_id,
                dataset=dataset,
                person_id=subject_person.person_id,
                split=subject_person.split,
                clip_id=clip,
                sampled_by=kind.sampled_by,
                is_standard=kind.is_standard,
                is_labelled=kind.is_labelled and subject_person.person_id not in self.plan.unlabelled,
                shard=shards[face.face_id],
            )
            for clip, subject_person in subject_persons.items()
            for face, kind in zip(rows[clip], kinds, strict=True)
        ]
        labels = [self._label(face.face_id) for face in listed if face.is_labelled]
        write_manifest(self.at.labels(dataset), Label, labels)
        return listed

    def _segments(self, dataset: str, subject_persons: dict[str, SubjectPerson]) -> list[DatasetSegment]:
        """Write the segments of a dataset."""
        plan = self.plan
        rows = {
            clip: [self._segment(clip, place, n) for place, n in enumerate(plan.n_frames)] for clip in subject_persons
        }
        sizes = {} if plan.padded_to is None else {"log_mel": plan.n_mels * plan.padded_to}
        shards = self._write_shards(self.at.audio_folder(dataset), Segment, rows, sizes)
        return [
            DatasetSegment(
                segment_id=segment.segment_id,
                dataset=dataset,
                person_id=subject_person.person_id,
                split=subject_person.split,
                clip_id=clip,
                voiced_s=segment.voiced_s,
                n_valid_frames=segment.n_valid_frames,
                face_seen_share=segment.face_seen_share,
                av_covered_s=6.0,
                av_zscore=5.0,
                turn_log_odds=None,
                overlap_share=None,
                music_share=None,
                shard=shards[segment.segment_id],
            )
            for clip, subject_person in subject_persons.items()
            for segment in rows[clip]
        ]

    def _write_shards(
        self, folder: Path, record: type, rows: dict[str, list[Any]], sizes: dict[str, int]
    ) -> dict[str, str]:
        """Return the shard of each row by its id."""

        def rows_of(clip_id: str) -> pa.Table:
            return to_table(record, rows[clip_id], sizes)

        write_shards(folder, record, list(rows), rows_of, sizes)
        key = key_of(record)
        return {
            item_id: path.relative_to(self.at.root).as_posix()
            for path in shard_paths(folder)
            for item_id in read_table(path, record, [key]).column(key).to_pylist()
        }

    def _clip(self, subject_person: SubjectPerson) -> Clip:
        return Clip(
            clip_id=subject_person.clip_id,
            dataset=subject_person.dataset,
            identity=subject_person.person_id,
            address="synthetic:",
            start_s=None,
            end_s=None,
            licence=self.plan.licences.get(subject_person.dataset, ""),
            origin="made up",
            content_hash="",
            **NO_CROP,
            published_split="",
            range_fps=None,
        )

    def _face(self, clip_id: str, place: int, sampled_by: str) -> Face:
        face_id = f"{clip_id}-t00-{place:08d}"
        self.pictures[face_id] = self.plan.draw_face(self.draw, self.plan.face_px)
        measures: dict[str, Any] = dict.fromkeys(
            (
                *("time_s", "yaw_deg", "pitch_deg", "roll_deg", "asymmetry", "lip_opening", "eye_opening", "eye_share"),
                *("sharpness", "brightness", "interocular_px", "score", "inside_share", "true_interocular_px"),
            ),
            float(place),
        )
        unknown = ("standardness", "lip_opening_max", "mouth_rise", "lip_motion", "mouth_change", "eye_change")
        measures |= dict.fromkeys(VERIFIED_COLUMNS)
        measures |= dict.fromkeys(unknown)
        return Face(
            face_id=face_id,
            clip_id=clip_id,
            subject_id=main_subject_id(clip_id),
            track_id=f"{clip_id}-t00",
            sampled_by=sampled_by,
            image_sha256="",
            image=Image(encode_png(self.pictures[face_id]), f"{face_id}.png"),
            landmarks_px=np.arange(136, dtype=np.float32),
            alignment=np.arange(6, dtype=np.float32),
            **measures,
        )

    def _label(self, face_id: str) -> Label:
        self.labels[face_id] = self.draw.normal(size=self.plan.label_size).astype(np.float32)
        return Label(face_id=face_id, recognition_network=self.plan.recognition_network, embedding=self.labels[face_id])

    def _segment(self, clip_id: str, place: int, n_valid_frames: int) -> Segment:
        segment_id = f"{clip_id}-a{place:08d}"
        n_mels, n_frames = self.plan.n_mels, self.plan.padded_to or n_valid_frames
        self.log_mels[segment_id] = self.draw.normal(size=(n_mels, n_frames)).astype(np.float32)
        return Segment(
            segment_id=segment_id,
            clip_id=clip_id,
            subject_id=main_subject_id(clip_id),
            start_s=float(place),
            end_s=place + 1.0,
            voiced_s=0.5,
            n_valid_frames=n_valid_frames,
            level_dbfs=-20.0,
            clipped_share=0.0,
            face_seen_share=1.0,
            n_turns=1,
            skipped_s=0.0,
            turn_log_odds=None,
            overlap_share=None,
            music_share=None,
            sound_channel="mix",
            av_correction_s=0.0,
            profile="paper",
            n_mels=n_mels,
            n_frames=n_frames,
            log_mel=self.log_mels[segment_id].ravel(),
        )
