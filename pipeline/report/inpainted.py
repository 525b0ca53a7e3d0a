"""Inpainted faces beside the true ones, and the true faces that they retrieve."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.images import decode_png
from pipeline.core.base.layout import Layout
from pipeline.core.records.dataset import DatasetFace
from pipeline.core.records.evaluation import InpaintedImage, RetrievedFace
from pipeline.core.records.face import Face
from pipeline.core.storage.manifest import read_manifest, read_table
from pipeline.report.chosen import choose, read_payload, read_rows
from pipeline.report.inline import Picture, SizeBudget
from pipeline.report.pictures import SYNTHETIC, inline_face, inline_face_image

_MOST_INPAINTED = 12
_MOST_QUERIES = 6
_MOST_RETRIEVED = 5
_INPAINTED_BUDGET = 600_000
_RETRIEVED_BUDGET = 500_000
_GREY = np.uint8(128)
"""The masked region in the network's input."""
_HALF_LEVEL = 127


@dataclass(frozen=True, slots=True)
class InpaintedFace:
    """One face in four pictures: masked, inpainted, audio face, and true; None: not available."""

    person: str
    masked: Picture | None
    inpainted: Picture | None
    audio_face: Picture | None
    true: Picture | None


@dataclass(frozen=True, slots=True)
class RetrievedPicture:
    """A true face that an inpainted one retrieves, its person, and whether that is the query's person."""

    picture: Picture | None
    person: str
    is_correct: bool


@dataclass(frozen=True, slots=True)
class Query:
    """An inpainted face and the true faces nearest to it, the nearest first."""

    person: str
    inpainted: Picture | None
    retrieved: list[RetrievedPicture]


@dataclass(frozen=True, slots=True)
class _FaceOfPerson:
    """A row for ``choose``."""

    face_id: str
    person_id: str


def read_inpainted_faces(at: Layout) -> list[InpaintedFace]:
    """Return some inpainted faces, of as many persons as there are; none before ``evaluate``."""
    path = at.evaluation_folder / "inpainted.parquet"
    if not path.is_file():
        return []
    ids = read_table(path, InpaintedImage, ["face_id", "person_id"]).to_pylist()
    chosen = choose([_FaceOfPerson(**row) for row in ids], _MOST_INPAINTED)
    columns = ["image", "mask", "audio_face"]
    rows = {row["face_id"]: row for row in read_rows(path, InpaintedImage, [one.face_id for one in chosen], columns)}
    true = _true_faces(at, list(rows))
    budget = SizeBudget(_INPAINTED_BUDGET)
    return [
        _inpainted(one.person_id, rows[one.face_id], true.get(one.face_id), budget)
        for one in chosen
        if one.face_id in rows
    ]


def read_queries(at: Layout) -> list[Query]:
    """Return some inpainted faces of different persons, each with the true faces nearest to it."""
    path = at.evaluation_folder / "retrieval.parquet"
    if not path.is_file():
        return []
    retrieved: dict[str, list[RetrievedFace]] = defaultdict(list)
    for row in sorted(read_manifest(path, RetrievedFace), key=lambda row: row.rank):
        retrieved[row.query_id].append(row)
    persons = [_FaceOfPerson(query_id, rows[0].person_id) for query_id, rows in retrieved.items()]
    queries = {one.face_id: retrieved[one.face_id][:_MOST_RETRIEVED] for one in choose(persons, _MOST_QUERIES)}
    true = _true_faces(at, [row.face_id for rows in queries.values() for row in rows])
    inpainted_file = at.evaluation_folder / "inpainted.parquet"
    inpainted = {
        row["face_id"]: row["image"]["bytes"]
        for row in read_rows(inpainted_file, InpaintedImage, list(queries), ["image"])
    }
    budget = SizeBudget(_RETRIEVED_BUDGET)
    return [_query(rows, inpainted.get(query_id), true, budget) for query_id, rows in queries.items()]


def _true_faces(at: Layout, face_ids: Sequence[str]) -> dict[str, bytes]:
    """Return the available true pictures, PNG by face id."""
    listed = read_rows(at.dataset("faces"), DatasetFace, face_ids, ["shard"])
    shard_of = {row["face_id"]: row["shard"] for row in listed}
    rows = read_payload(at.root, Face, shard_of, ["image"])
    return {face_id: row["image"]["bytes"] for face_id, row in rows.items()}


def _inpainted(person: str, row: Mapping[str, Any], true: bytes | None, budget: SizeBudget) -> InpaintedFace:
    face, audio_face = decode_png(row["image"]["bytes"]), row["audio_face"]
    mask = decode_png(row["mask"]["bytes"]) > _HALF_LEVEL
    return InpaintedFace(
        person=person,
        masked=_inline(np.where(mask, _GREY, face), f"{person}, masked", budget),
        inpainted=_inline(face, f"{person}, inpainted", budget),
        audio_face=_inline(decode_png(audio_face["bytes"]), f"{person}, audio face", budget) if audio_face else None,
        true=inline_face(true, f"{person}, the true face", budget) if true else None,
    )


def _query(rows: list[RetrievedFace], inpainted: bytes | None, true: Mapping[str, bytes], budget: SizeBudget) -> Query:
    person = rows[0].person_id
    return Query(
        person=person,
        inpainted=_inline(decode_png(inpainted), f"{person}, inpainted", budget) if inpainted else None,
        retrieved=[
            RetrievedPicture(
                picture=inline_face(true[row.face_id], f"Rank {row.rank}: {row.retrieved_person_id}", budget)
                if row.face_id in true
                else None,
                person=row.retrieved_person_id,
                is_correct=row.retrieved_person_id == person,
            )
            for row in rows
        ],
    )


def _inline(face: ImageRGB, alt: str, budget: SizeBudget) -> Picture | None:
    return inline_face_image(face, alt, budget, SYNTHETIC)
