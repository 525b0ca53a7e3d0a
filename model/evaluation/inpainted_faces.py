"""Inpaint the faces to judge by, one at a time, and keep the pictures."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from model.data.masks import Mask, draw_mask
from model.data.split import DatasetSplit
from model.evaluation.evaluation_faces import EvaluationFace, iterate_evaluation_faces
from model.inference.inpaint import InpaintedFace, inpaint_face
from model.networks.generator import InpaintingGenerator
from model.settings import EvaluateParams, MaskParams
from pipeline.base.arrays import ImageRGB, LogMel
from pipeline.base.draws import draw_order
from pipeline.base.images import encode_png
from pipeline.records.evaluation import InpaintedImage
from pipeline.records.schema import Image, arrow_schema, to_table
from pipeline.storage.atomic import replacing

SEED_BYTES = 8
ROWS_AT_ONCE = 64
WHITE = 255


class MaskedFace(NamedTuple):
    """A face to judge by and its mask."""

    subject: EvaluationFace
    mask: Mask


def iterate_masked_faces(data: DatasetSplit, params: EvaluateParams, mask_params: MaskParams) -> Iterator[MaskedFace]:
    """Yield the faces of ``data`` that are judged by: all methods and all runs are given these, with these masks."""
    for subject in iterate_evaluation_faces(data, most_per_person=params.max_faces_per_person, seed=params.seed):
        yield MaskedFace(subject, mask_of(subject.face_id, mask_params, params.seed))


def count_masked_faces(data: DatasetSplit, params: EvaluateParams) -> int:
    """Return how many faces of ``data`` are judged by."""
    n_faces_of = Counter(
        (person, data.datasets[row])
        for row, person in enumerate(data.person_of_face.tolist())
        if len(data.segments_of(person))
    )
    return sum(min(n_faces, params.max_faces_per_person) for n_faces in n_faces_of.values())


def heard_persons(data: DatasetSplit) -> list[str]:
    """Return the persons who have both a face and a voice."""
    items_of = ((data.faces_of(person), data.segments_of(person)) for person in range(len(data.persons)))
    return [
        name for name, (faces, segments) in zip(data.persons, items_of, strict=True) if faces.size and segments.size
    ]


def mask_of(face_id: str, mask_params: MaskParams, seed: int) -> Mask:
    """Return the mask (256, 256) of a face: the same whatever other faces there are."""
    return draw_mask(mask_params, np.random.default_rng(int.from_bytes(draw_order(seed, face_id)[:SEED_BYTES])))


def inpaint(network: InpaintingGenerator, masked: MaskedFace, voice: LogMel) -> InpaintedFace:
    """Inpaint one face by a voice (M, T)."""
    own_copy = np.array(voice)  # a split's can't be written to, of which torch warns
    return inpaint_face(network, masked.subject.face, masked.mask, own_copy)


@contextmanager
def writing_inpainted_images(path: Path) -> Iterator[Callable[[MaskedFace, InpaintedFace], None]]:
    """Give what takes inpainted faces; on a clean exit they stand in ``path``, in the order given."""
    waiting: list[InpaintedImage] = []
    with replacing(path) as temporary, pq.ParquetWriter(temporary, arrow_schema(InpaintedImage)) as writer:

        def keep(masked: MaskedFace, inpainted: InpaintedFace) -> None:
            waiting.append(_inpainted_image(masked, inpainted))
            if len(waiting) == ROWS_AT_ONCE:
                writer.write_table(to_table(InpaintedImage, waiting))
                waiting.clear()

        yield keep
        if waiting:
            writer.write_table(to_table(InpaintedImage, waiting))


def as_picture(mask: Mask) -> ImageRGB:
    """Return the mask (H, W) as (H, W, 3), white on black."""
    return np.repeat(mask[..., None] * np.uint8(WHITE), 3, axis=2)


def _inpainted_image(masked: MaskedFace, inpainted: InpaintedFace) -> InpaintedImage:
    subject = masked.subject
    name = subject.face_id.replace("/", "_")
    audio_face = inpainted.audio_face
    return InpaintedImage(
        face_id=subject.face_id,
        dataset=subject.dataset,
        person_id=subject.person_id,
        segment_id=subject.segment_id,
        image=Image(encode_png(inpainted.face), f"{name}.png"),
        mask=Image(encode_png(as_picture(masked.mask)), f"{name}-mask.png"),
        audio_face=None if audio_face is None else Image(encode_png(audio_face), f"{name}-audio.png"),
    )
