"""Inpainted faces beside the true ones, and whom each finds among the true faces of others."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.base.arrays import ImageRGB
from pipeline.base.images import decode_png
from pipeline.base.layout import Layout
from pipeline.records.dataset import DatasetFace
from pipeline.records.evaluation import InpaintedImage, RetrievedFace
from pipeline.records.face import Face
from pipeline.report.chosen import choose, read_payload, read_rows
from pipeline.report.inline import Allowance, Picture
from pipeline.report.pictures import SYNTHETIC, inline_face, inline_face_image
from pipeline.storage.manifest import read_manifest, read_table

_MOST_PAINTED = 12
_MOST_QUERIES = 6
_MOST_FOUND = 5
_PAINTED_ALLOWANCE = 600_000
_FOUND_ALLOWANCE = 500_000
_GREY = np.uint8(128)
"""Of a mask: what the network sees there."""
_HALF = 127


@dataclass(frozen=True, slots=True)
class Inpainted:
    """One face in four pictures: masked, inpainted, what the voice alone gives, and the true one; None: not there."""

    person: str
    masked: Picture | None
    inpainted: Picture | None
    audio_face: Picture | None
    true: Picture | None


@dataclass(frozen=True, slots=True)
class Found:
    """A true face that a inpainted one found, whose it is, and whether that is the person inpainted."""

    picture: Picture | None
    person: str
    is_right: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A inpainted face and the true faces nearest to it, the nearest first."""

    person: str
    inpainted: Picture | None
    found: list[Found]


@dataclass(frozen=True, slots=True)
class _Owner:
    """A inpainted face by its id, as ``choose`` wants it."""

    face_id: str
    person_id: str


def read_inpainted_faces(at: Layout) -> list[Inpainted]:
    """Return some inpainted faces, of as many persons as there are; none before ``evaluate``."""
    path = at.evaluation_folder / "inpainted.parquet"
    if not path.is_file():
        return []
    ids = read_table(path, InpaintedImage, ["face_id", "person_id"]).to_pylist()
    chosen = choose([_Owner(**row) for row in ids], _MOST_PAINTED)
    columns = ["image", "mask", "audio_face"]
    rows = {row["face_id"]: row for row in read_rows(path, InpaintedImage, [one.face_id for one in chosen], columns)}
    true = _true_faces(at, list(rows))
    allowance = Allowance(_PAINTED_ALLOWANCE)
    return [
        _inpainted(one.person_id, rows[one.face_id], true.get(one.face_id), allowance)
        for one in chosen
        if one.face_id in rows
    ]


def read_queries(at: Layout) -> list[Query]:
    """Return some inpainted faces of different persons, each with the true faces nearest to it."""
    path = at.evaluation_folder / "retrieval.parquet"
    if not path.is_file():
        return []
    found: dict[str, list[RetrievedFace]] = defaultdict(list)
    for row in sorted(read_manifest(path, RetrievedFace), key=lambda row: row.place):
        found[row.query_id].append(row)
    persons = [_Owner(query_id, rows[0].person_id) for query_id, rows in found.items()]
    queries = {one.face_id: found[one.face_id][:_MOST_FOUND] for one in choose(persons, _MOST_QUERIES)}
    true = _true_faces(at, [row.face_id for rows in queries.values() for row in rows])
    inpainted_file = at.evaluation_folder / "inpainted.parquet"
    inpainted = {
        row["face_id"]: row["image"]["bytes"]
        for row in read_rows(inpainted_file, InpaintedImage, list(queries), ["image"])
    }
    allowance = Allowance(_FOUND_ALLOWANCE)
    return [_query(rows, inpainted.get(query_id), true, allowance) for query_id, rows in queries.items()]


def _true_faces(at: Layout, face_ids: Sequence[str]) -> dict[str, bytes]:
    """Return the true pictures that are still there, PNG by face id."""
    if not at.dataset("faces").is_file():
        return {}
    listed = read_table(at.dataset("faces"), DatasetFace, ["face_id", "shard"])
    wanted = listed.filter(pc.is_in(listed.column("face_id"), value_set=pa.array(face_ids, pa.string())))
    shard_of = dict(zip(*(column.to_pylist() for column in wanted.columns), strict=True))
    rows = read_payload(at.root, Face, shard_of, ["image"])
    return {face_id: row["image"]["bytes"] for face_id, row in rows.items()}


def _inpainted(person: str, row: Mapping[str, Any], true: bytes | None, allowance: Allowance) -> Inpainted:
    face, audio_face = decode_png(row["image"]["bytes"]), row["audio_face"]
    mask = decode_png(row["mask"]["bytes"]) > _HALF
    return Inpainted(
        person=person,
        masked=_inline(np.where(mask, _GREY, face), f"{person}, what is left of the face", allowance),
        inpainted=_inline(face, f"{person}, inpainted", allowance),
        audio_face=_inline(decode_png(audio_face["bytes"]), f"{person}, by the voice alone", allowance)
        if audio_face
        else None,
        true=inline_face(true, f"{person}, the true face", allowance) if true else None,
    )


def _query(
    rows: list[RetrievedFace], inpainted: bytes | None, true: Mapping[str, bytes], allowance: Allowance
) -> Query:
    person = rows[0].person_id
    return Query(
        person=person,
        inpainted=_inline(decode_png(inpainted), f"{person}, inpainted", allowance) if inpainted else None,
        found=[
            Found(
                picture=inline_face(true[row.face_id], f"Place {row.place}: {row.found_person_id}", allowance)
                if row.face_id in true
                else None,
                person=row.found_person_id,
                is_right=row.found_person_id == person,
            )
            for row in rows
        ],
    )


def _inline(face: ImageRGB, alt: str, allowance: Allowance) -> Picture | None:
    return inline_face_image(face, alt, allowance, SYNTHETIC)
