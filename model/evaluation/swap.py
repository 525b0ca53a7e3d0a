"""Voice swaps: the same faces inpainted by other persons' voices (the paper's Fig. 7), and whether identity follows.

The known pixels remain those of the face's person, so no result can wholly show the voice's person. The effect of the
voice is therefore a gain: by how much a face is more similar to a person when inpainted by that person's voice instead
of its own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.evaluation.evaluation_faces import EvaluationFace
from model.evaluation.face_metrics import FaceMetrics
from model.evaluation.metric_suite import RECOGNITION
from model.evaluation.metrics.image import l1_masked
from model.evaluation.networks.recognisers import cosine_distances
from model.evaluation.picture_table import draw_table
from model.inference.inpaint import inpaint_faces
from model.inference.marked_pictures import write_marked
from model.networks.generator import InpaintingGenerator
from pipeline.core.base.arrays import FaceEmbedding, ImageRGB
from pipeline.core.records.evaluation import SwappedFace
from pipeline.core.storage.manifest import write_manifest
from pipeline.identity.network.embed import FaceRecogniser


class Swaps(NamedTuple):
    """N persons' faces, each inpainted by each of these persons' voices."""

    faces: Sequence[EvaluationFace]
    inpainted: list[list[ImageRGB]]
    """[face][voice]; on the diagonal each face has its own voice."""


def no_swap_reason(network: InpaintingGenerator, n_faces: int) -> str | None:
    """Return why voices can't be swapped between ``n_faces`` faces, one a person; None where they can."""
    if not network.params.uses_voice:
        return f"variant '{network.params.variant}' uses no voice"
    if n_faces < 2:
        return "only one test person has a voice"
    return None


def evaluate_swaps(
    network: InpaintingGenerator,
    faces: Sequence[EvaluationFace],
    recognition: FaceRecogniser | None,
    face_metrics: FaceMetrics,
    folder: Path,
    at_once: int = 1,
) -> list[SwappedFace]:
    """Inpaint the faces, one a person, by all their voices; write ``swap.png`` and ``swaps.parquet``.

    ``face_metrics`` holds these persons' true features; ``at_once`` is that of ``inpaint_faces``.
    """
    swaps = swap_voices(network, faces, at_once)
    write_marked(draw_swaps(swaps), folder / "swap.png")
    rows = measure_swaps(swaps, recognition, _mean_features(face_metrics))
    write_manifest(folder / "swaps.parquet", SwappedFace, rows)
    return rows


def swap_voices(network: InpaintingGenerator, faces: Sequence[EvaluationFace], at_once: int = 1) -> Swaps:
    """Inpaint one face each of several persons by all their voices."""
    n_voices, log_mels = len(faces), [voice.log_mel for voice in faces]
    by_voice = (
        inpaint_faces(network, [face.image] * n_voices, [face.mask] * n_voices, log_mels, at_once) for face in faces
    )
    return Swaps(faces, [[one.face for one in inpainted] for inpainted in by_voice])


def draw_swaps(swaps: Swaps) -> ImageRGB:
    """Return the table: a column for each voice, headed by its person and that person's face, and a row a face."""
    images = [face.image for face in swaps.faces]
    headings = ["face \\ voice", *(face.person_id for face in swaps.faces)]
    return draw_table(
        headings, [[None, *images], *([image, *row] for image, row in zip(images, swaps.inpainted, strict=True))]
    )


def measure_swaps(
    swaps: Swaps, recognition: FaceRecogniser | None, mean_features: Mapping[str, FaceEmbedding]
) -> list[SwappedFace]:
    """Return a row for each inpainted face; ``mean_features`` (D,) are each person's, over true faces.

    Without ``recognition`` the similarities are None.
    """
    return [
        row for number in range(len(swaps.faces)) for row in _measure_face(number, swaps, recognition, mean_features)
    ]


def _measure_face(
    number: int, swaps: Swaps, recognition: FaceRecogniser | None, mean_features: Mapping[str, FaceEmbedding]
) -> list[SwappedFace]:
    face, inpainted, voices = swaps.faces[number], swaps.inpainted[number], swaps.faces
    none: list[float] | list[None] = [None] * len(voices)
    to_face_person, to_voice_person, gains = none, none, none
    if recognition:
        own_row = [number] * len(voices)
        features_VD = recognition.embed(inpainted)
        person_means_VD = np.stack([mean_features[voice.person_id] for voice in voices])
        to_voice_person_V = _cosines(features_VD, person_means_VD)
        to_face_person = _cosines(features_VD, person_means_VD[own_row]).tolist()
        to_voice_person = to_voice_person_V.tolist()
        gains = (to_voice_person_V - _cosines(features_VD[own_row], person_means_VD)).tolist()
    return [
        SwappedFace(
            swap_id=f"{face.face_id}+{voice.segment_id}",
            face_id=face.face_id,
            segment_id=voice.segment_id,
            face_person=face.person_id,
            voice_person=voice.person_id,
            similarity_to_face_person=to_face_person[column],
            similarity_to_voice_person=to_voice_person[column],
            similarity_gain=gains[column],
            l1_change=l1_masked(inpainted[column], inpainted[number], face.mask),
        )
        for column, voice in enumerate(voices)
    ]


def _cosines(first_ND: NDArray[np.float32], second_ND: NDArray[np.float32]) -> NDArray[np.float64]:
    return 1 - cosine_distances(first_ND, second_ND)


def _mean_features(face_metrics: FaceMetrics) -> dict[str, FaceEmbedding]:
    """Return the mean feature of each person's true faces; empty without a face recognition network."""
    if RECOGNITION not in face_metrics.features:
        return {}
    rows_of: dict[str, list[int]] = {}
    for number, row in enumerate(face_metrics.rows):
        rows_of.setdefault(row.person_id, []).append(number)
    true_ND = face_metrics.features[RECOGNITION].true_ND
    return {person: true_ND[rows].mean(axis=0) for person, rows in rows_of.items()}
