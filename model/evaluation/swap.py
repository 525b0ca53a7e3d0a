"""Swap voices: the same faces painted by others' voices (the paper's Fig. 7), and whether the identity follows.

The known pixels stay those of the face's person: no result can be wholly the voice's person. What tells that the voice
is heard is the move: how much nearer a face comes to a person when painted by that person's voice instead of its own.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.evaluation.inpainted_faces import MaskedFace, paint
from model.evaluation.metrics.image import l1_hole
from model.evaluation.networks.recognisers import cosine_distances
from model.evaluation.picture_table import draw_table
from model.networks.generator import Inpainter
from pipeline.base.arrays import ImageRGB
from pipeline.base.draws import draw_order
from pipeline.identity.network.embed import Embedder
from pipeline.records.evaluation import SwappedFace


class Swaps(NamedTuple):
    """N persons' faces, each painted by each of these persons' voices."""

    subjects: Sequence[MaskedFace]
    painted: list[list[ImageRGB]]
    """[face][voice]; the diagonal has its own voice."""


def choose_persons(persons: Sequence[str], n_persons: int, seed: int) -> list[str]:
    """Return up to ``n_persons`` of the persons, drawn by hash, each once, sorted."""
    return sorted(sorted(set(persons), key=lambda person: draw_order(seed, person))[:n_persons])


def swap_voices(network: Inpainter, subjects: Sequence[MaskedFace]) -> Swaps:
    """Paint one face each of several persons by all their voices."""
    painted = [[paint(network, face, voice.subject.log_mel).face for voice in subjects] for face in subjects]
    return Swaps(subjects, painted)


def draw_swaps(swaps: Swaps) -> ImageRGB:
    """Return the table: voices' persons on top, faces on the left."""
    faces = [subject.subject.face for subject in swaps.subjects]
    heads = ["face \\ voice", *(subject.subject.person_id for subject in swaps.subjects)]
    return draw_table(heads, [[None, *faces], *([face, *row] for face, row in zip(faces, swaps.painted, strict=True))])


def measure_swaps(
    swaps: Swaps, psi: Embedder | None, mean_features: Mapping[str, NDArray[np.float32]]
) -> list[SwappedFace]:
    """Return a row a painted face; ``mean_features`` are (D,) of each person's true faces by ``psi``."""
    return [
        row
        for number, face in enumerate(swaps.subjects)
        for row in _measure_face(face, number, swaps, psi, mean_features)
    ]


def _measure_face(
    face: MaskedFace, number: int, swaps: Swaps, psi: Embedder | None, mean_features: Mapping[str, NDArray[np.float32]]
) -> list[SwappedFace]:
    painted, own = swaps.painted[number], swaps.painted[number][number]
    voices = [voice.subject for voice in swaps.subjects]
    nothing: list[float] | list[None] = [None] * len(voices)
    to_face, to_voice, moved = nothing, nothing, nothing
    if psi:
        features_VD = psi.embed(painted)
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
            change=l1_hole(painted[place], own, face.hole),
        )
        for place, voice in enumerate(voices)
    ]


def _cosines(first_ND: NDArray[np.float32], second_ND: NDArray[np.float32]) -> NDArray[np.float64]:
    return 1 - cosine_distances(first_ND, second_ND)
