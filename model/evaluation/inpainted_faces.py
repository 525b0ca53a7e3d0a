"""Paint the faces to judge by, one at a time, and keep the pictures."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from model.data.masks import Mask, draw_mask
from model.data.split import Pack
from model.evaluation.evaluation_faces import EvaluationFace, iterate_evaluation_faces
from model.inference.inpaint import PaintedFace, paint_face
from model.networks.generator import Inpainter
from model.settings import EvaluateParams, MaskParams
from pipeline.base.arrays import ImageRGB, LogMel
from pipeline.base.draws import draw_order
from pipeline.base.images import encode_png
from pipeline.records.evaluation import Painting
from pipeline.records.schema import Image, arrow_schema, to_table
from pipeline.storage.atomic import replacing

SEED_BYTES = 8
ROWS_AT_ONCE = 64
WHITE = 255


class MaskedFace(NamedTuple):
    """A face to judge by and its hole."""

    subject: EvaluationFace
    hole: Mask


def iterate_masked_faces(pack: Pack, params: EvaluateParams, mask: MaskParams) -> Iterator[MaskedFace]:
    """Yield the faces of ``pack`` that are judged by: all methods and all runs are given these, with these holes."""
    for subject in iterate_evaluation_faces(pack, most_per_person=params.max_faces_per_person, seed=params.seed):
        yield MaskedFace(subject, hole_of(subject.face_id, mask, params.seed))


def count_masked_faces(pack: Pack, params: EvaluateParams) -> int:
    """Return how many faces of ``pack`` are judged by."""
    n_faces_of = Counter(
        (person, pack.datasets[row])
        for row, person in enumerate(pack.person_of_face.tolist())
        if len(pack.segments_of(person))
    )
    return sum(min(n_faces, params.max_faces_per_person) for n_faces in n_faces_of.values())


def heard_persons(pack: Pack) -> list[str]:
    """Return the persons who have both a face and a voice."""
    items_of = ((pack.faces_of(person), pack.segments_of(person)) for person in range(len(pack.persons)))
    return [
        name for name, (faces, segments) in zip(pack.persons, items_of, strict=True) if faces.size and segments.size
    ]


def hole_of(face_id: str, mask: MaskParams, seed: int) -> Mask:
    """Return the hole (256, 256) of a face: the same whatever other faces there are."""
    return draw_mask(mask, np.random.default_rng(int.from_bytes(draw_order(seed, face_id)[:SEED_BYTES])))


def paint(network: Inpainter, masked: MaskedFace, voice: LogMel) -> PaintedFace:
    """Paint one face by a voice (M, T)."""
    own_copy = np.array(voice)  # a pack's can't be written to, of which torch warns
    return paint_face(network, masked.subject.face, masked.hole, own_copy)


@contextmanager
def writing_paintings(path: Path) -> Iterator[Callable[[MaskedFace, PaintedFace], None]]:
    """Give what takes painted faces; on a clean exit they stand in ``path``, in the order given."""
    waiting: list[Painting] = []
    with replacing(path) as temporary, pq.ParquetWriter(temporary, arrow_schema(Painting)) as writer:

        def keep(masked: MaskedFace, painted: PaintedFace) -> None:
            waiting.append(_painting(masked, painted))
            if len(waiting) == ROWS_AT_ONCE:
                writer.write_table(to_table(Painting, waiting))
                waiting.clear()

        yield keep
        if waiting:
            writer.write_table(to_table(Painting, waiting))


def as_picture(hole: Mask) -> ImageRGB:
    """Return the hole (H, W) as (H, W, 3), white on black."""
    return np.repeat(hole[..., None] * np.uint8(WHITE), 3, axis=2)


def _painting(masked: MaskedFace, painted: PaintedFace) -> Painting:
    subject = masked.subject
    name = subject.face_id.replace("/", "_")
    audio_face = painted.audio_face
    return Painting(
        face_id=subject.face_id,
        dataset=subject.dataset,
        person_id=subject.person_id,
        segment_id=subject.segment_id,
        image=Image(encode_png(painted.face), f"{name}.png"),
        hole=Image(encode_png(as_picture(masked.hole)), f"{name}-hole.png"),
        audio_face=None if audio_face is None else Image(encode_png(audio_face), f"{name}-audio.png"),
    )
