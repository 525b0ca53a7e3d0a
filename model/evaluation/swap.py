"""Swap voices: the same faces inpainted by others' voices (the paper's Fig. 7), and whether the identity follows.

The known pixels stay those of the face's person: no result can be wholly the voice's person. What tells that the voice
is heard is the move: how much nearer a face comes to a person when inpainted by that person's voice instead of its own.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.evaluation.inpainted_faces import MaskedFace, inpaint
from model.evaluation.metrics.image import l1_masked
from model.evaluation.networks.recognisers import cosine_distances
from model.evaluation.picture_table import draw_table
from model.networks.generator import InpaintingGenerator
from pipeline.base.arrays import ImageRGB
from pipeline.base.draws import draw_order
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.records.evaluation import SwappedFace


class Swaps(NamedTuple):
    """N persons' faces, each inpainted by each of these persons' voices."""

    subjects: Sequence[MaskedFace]
    inpainted: list[list[ImageRGB]]
    """[face][voice]; the diagonal has its own voice."""


def choose_persons(persons: Sequence[str], n_persons: int, seed: int) -> list[str]:
    """Return up to ``n_persons`` of the persons, drawn by hash, each once, sorted."""
    return sorted(sorted(set(persons), key=lambda person: draw_order(seed, person))[:n_persons])


def swap_voices(network: InpaintingGenerator, subjects: Sequence[MaskedFace]) -> Swaps:
    """Inpaint one face each of several persons by all their voices."""
    inpainted = [[inpaint(network, face, voice.subject.log_mel).face for voice in subjects] for face in subjects]
    return Swaps(subjects, inpainted)


def draw_swaps(swaps: Swaps) -> ImageRGB:
    """Return the table: voices' persons on top, faces on the left."""
    faces = [subject.subject.face for subject in swaps.subjects]
    heads = ["face \\ voice", *(subject.subject.person_id for subject in swaps.subjects)]
    return draw_table(
        heads, [[None, *faces], *([face, *row] for face, row in zip(faces, swaps.inpainted, strict=True))]
    )


def measure_swaps(
    swaps: Swaps, recognition: FaceRecogniser | None, mean_features: Mapping[str, NDArray[np.float32]]
) -> list[SwappedFace]:
    """Return a row a inpainted face; ``mean_features`` are (D,) of each person's true faces by ``recognition``."""
    return [
        row
        for number, face in enumerate(swaps.subjects)
        for row in _measure_face(face, number, swaps, recognition, mean_features)
    ]


def _measure_face(
    face: MaskedFace,
    number: int,
    swaps: Swaps,
    recognition: FaceRecogniser | None,
    mean_features: Mapping[str, NDArray[np.float32]],
) -> list[SwappedFace]:
    inpainted, own = swaps.inpainted[number], swaps.inpainted[number][number]
    voices = [voice.subject for voice in swaps.subjects]
    nothing: list[float] | list[None] = [None] * len(voices)
    to_face, to_voice, moved = nothing, nothing, nothing
    if recognition:
        features_VD = recognition.embed(inpainted)
        voice_persons_VD = np.stack([mean_features[voice.person_id] for voice in voices])
        to_voice_V = _cosines(features_VD, voice_persons_VD)
        to_face = _cosines(features_VD, voice_persons_VD[[number] * len(voices)]).tolist()
        to_voice = to_voice_V.tolist()
        moved = (to_voice_V - _cosines(features_VD[[number] * len(voices)], voice_persons_VD)).tolist()
    return [
        SwappedFace(
            swap_id=f"{face.subject.face_id}+{voice.segment_id}",
            face_id=face.subject.face_id,
            segment_id=voice.segment_id,
            face_person=face.subject.person_id,
            voice_person=voice.person_id,
            to_face_person=to_face[place],
            to_voice_person=to_voice[place],
            moved=moved[place],
            change=l1_masked(inpainted[place], own, face.mask),
        )
        for place, voice in enumerate(voices)
    ]


def _cosines(first_ND: NDArray[np.float32], second_ND: NDArray[np.float32]) -> NDArray[np.float64]:
    return 1 - cosine_distances(first_ND, second_ND)
