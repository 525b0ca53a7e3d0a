"""The test faces as the evaluation goes through them."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from model.data.split import DatasetSplit
from pipeline.base.arrays import FaceEmbedding, ImageRGB, LogMel
from pipeline.base.draws import draw_order


class EvaluationFace(NamedTuple):
    """A face to inpaint, and the voice that it is inpainted from."""

    face_id: str
    person_id: str
    dataset: str
    face: ImageRGB
    label: FaceEmbedding | None
    segment_id: str
    log_mel: LogMel


def iterate_evaluation_faces(
    data: DatasetSplit, *, most_per_person: int | None = None, seed: int = 0
) -> Iterator[EvaluationFace]:
    """Yield the faces of all persons who have a segment, by person and then in id order; each is read when its turn is.

    Of a person's faces in one dataset, ``most_per_person`` (None: all) are drawn by ``seed``; other persons' faces
    don't change which. All faces of a person hear one segment, that with the smallest id: the released test hears
    the first of an identity with every picture.
    """
    for person, person_id in enumerate(data.persons):
        segments = {data.segment_ids[row]: row for row in data.segments_of(person)}
        if not segments:
            continue
        segment_id, segment_row = min(segments.items())
        for face_id, row in _drawn_faces(data, person, most_per_person, seed):
            yield EvaluationFace(
                face_id=face_id,
                person_id=person_id,
                dataset=data.datasets[row],
                face=data.face(row),
                label=data.label(row) if data.is_labelled[row] else None,
                segment_id=segment_id,
                log_mel=data.log_mel(segment_row),
            )


def _drawn_faces(data: DatasetSplit, person: int, most: int | None, seed: int) -> list[tuple[str, int]]:
    """Return ids and rows of up to ``most`` of the person's faces in each dataset, in id order."""
    by_dataset: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in data.faces_of(person).tolist():
        by_dataset[data.datasets[row]].append((data.face_ids[row], row))
    return sorted(
        face
        for faces in by_dataset.values()
        for face in sorted(faces, key=lambda face: draw_order(seed, face[0]))[:most]
    )
