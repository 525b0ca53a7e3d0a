"""The test faces that are inpainted, their masks and voices: the same for every run and every method."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from model.data.masks import Mask, draw_mask
from model.data.split import DatasetSplit
from model.settings import EvaluateParams, MaskParams
from pipeline.core.base.arrays import FaceEmbedding, ImageRGB, LogMel
from pipeline.core.base.draws import draw_order

SEED_BYTES = 8


class EvaluationFace(NamedTuple):
    """Input of the evaluation: a true face (ground truth), the mask to inpaint, a voice segment of the person."""

    face_id: str
    person_id: str
    dataset: str
    image: ImageRGB
    """(256, 256, 3)."""
    mask: Mask
    """(256, 256)."""
    segment_id: str
    log_mel: LogMel
    """(M, T), not to be written to."""
    label: FaceEmbedding | None = None
    """(D,) the identity label of the dataset; None where it has none."""


def iterate_evaluation_faces(
    data: DatasetSplit, params: EvaluateParams, mask_params: MaskParams
) -> Iterator[EvaluationFace]:
    """Yield the faces whose person has a segment in their dataset, by person and then in id order; read in their turn.

    Of a person's faces in one dataset, ``max_faces_per_person`` are drawn by the seed; other persons' faces don't
    change which. All faces of a person in one dataset have one segment of it, that with the smallest id: the released
    test code uses the first of an identity with every picture.
    """
    for person, person_id in enumerate(data.persons):
        for face_id, row in _drawn_faces(data, person, params):
            segments = {data.segment_ids[segment]: int(segment) for segment in data.segments_for(row)}
            if not segments:
                continue
            segment_id, segment_row = min(segments.items())
            yield EvaluationFace(
                face_id=face_id,
                person_id=person_id,
                dataset=data.datasets[row],
                image=data.face(row),
                mask=mask_of(face_id, mask_params, params.seed),
                segment_id=segment_id,
                log_mel=data.log_mel(segment_row),
                label=data.labels[row] if data.is_labelled[row] else None,
            )


def count_evaluation_faces(data: DatasetSplit, params: EvaluateParams) -> int:
    """Return how many faces ``iterate_evaluation_faces`` yields."""
    n_faces_of = Counter(
        (person, data.datasets[row])
        for row, (person, has_segment) in enumerate(
            zip(data.person_of_face.tolist(), data.has_segment().tolist(), strict=True)
        )
        if has_segment
    )
    return sum(min(n_faces, params.max_faces_per_person) for n_faces in n_faces_of.values())


def persons_with_voice(data: DatasetSplit) -> list[str]:
    """Return the persons who have both a face and a segment in one dataset."""
    return [data.persons[person] for person in np.unique(data.person_of_face[data.has_segment()])]


def choose_persons(persons: Sequence[str], n_persons: int, seed: int) -> list[str]:
    """Return up to ``n_persons`` of the persons, drawn by hash, each once, sorted."""
    return sorted(sorted(set(persons), key=lambda person: draw_order(seed, person))[:n_persons])


def mask_of(face_id: str, mask_params: MaskParams, seed: int) -> Mask:
    """Return the mask (256, 256) of a face: the same whatever other faces there are."""
    return draw_mask(mask_params, np.random.default_rng(int.from_bytes(draw_order(seed, face_id)[:SEED_BYTES])))


def _drawn_faces(data: DatasetSplit, person: int, params: EvaluateParams) -> list[tuple[str, int]]:
    """Return ids and rows of the person's faces that are drawn in each dataset, in id order."""
    by_dataset: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in data.faces_of(person).tolist():
        by_dataset[data.datasets[row]].append((data.face_ids[row], row))
    return sorted(
        face
        for faces in by_dataset.values()
        for face in sorted(faces, key=lambda face: draw_order(params.seed, face[0]))[: params.max_faces_per_person]
    )
