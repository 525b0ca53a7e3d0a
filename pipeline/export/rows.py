"""The rows of an exported dataset: each complete, with its payload, its person and the terms of its clip."""

from dataclasses import dataclass

from pipeline.core.records.dataset import Pair
from pipeline.core.records.face import Face
from pipeline.core.records.schema import Vector, column
from pipeline.core.records.segment import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFace(Face):
    """One row of the config ``faces``."""

    dataset: str = column("the dataset")
    person_id: str = column("the person")
    split: str = column("'train' or 'test'; the same for all rows of a person")
    is_standard: bool = column("whether it is a standard face: frontal, lips shut, eyes open")
    licence: str = column("terms under which its clip is published, as the source states them; may be empty")
    label: Vector | None = column(
        "identity embedding by the face recognition network, not normalised; null: no network was available"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedSegment(Segment):
    """One row of the config ``audio``; its log-mel is nested: n_mels rows of n_frames values."""

    dataset: str = column("the dataset")
    person_id: str = column("the person")
    split: str = column("'train' or 'test'; the same for all rows of a person")
    licence: str = column("terms under which its clip is published, as the source states them; may be empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedPair(Pair):
    """One row of the config ``pairs``."""

    face_row: int = column("row of the face in the config 'faces' of the same split, from 0")
    segment_row: int = column("row of the segment in the config 'audio' of the same split, from 0")
