"""Which voices of a clip are its subjects' own, by their mouths, and how alike each stretch's voice is to those.

A voice is that of one subject at most, and all voices of a subject are alike: whoever's mouth seems to go with two that
are not has that one which it goes with best.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.core.storage.vectors import Vectors
from pipeline.identity.subjects.settings import SubjectsParams
from pipeline.identity.subjects.voice_groups import voice_groups

# A voice is taken for a subject's own from this probability on. One that is less likely teaches nothing.
_LEAST_PROBABILITY = 0.5
# Of a subject whose voice is not known, where another one's is: most stretches are of those whose voices are.
_UNKNOWN_VOICE_LOG_ODDS = -2.0


def own_voices(mouths: Vectors, voices: Mapping[int, Vectors], params: SubjectsParams) -> Vectors:
    """Return (stretches, subjects): how likely each stretch's voice is the subject's, by the mouths of all alike ones.

    0 where it is likelier somebody else's, or unlike a voice that the subject's mouth goes with better
    (``voice_cosine``). ``mouths`` (stretches, subjects): log odds by the mouth, minus infinity where a subject is not
    seen. ``voices``: unit embeddings of some stretches, by place.
    """
    likely = np.zeros(mouths.shape)
    seen = np.isfinite(mouths)
    won: list[list[tuple[float, NDArray[np.int64]]]] = [[] for _ in range(mouths.shape[1])]
    for stretches in _same_voice(mouths, voices, params):
        summed = np.where(seen[stretches], mouths[stretches], 0.0).sum(axis=0)
        of_voice = np.where(seen[stretches].any(axis=0), summed, -np.inf)
        candidates = np.concatenate([[0.0], of_voice + params.speaks_log_odds])
        probabilities = np.exp(candidates - np.logaddexp.reduce(candidates))[1:]
        for subject in np.flatnonzero(probabilities >= _LEAST_PROBABILITY).tolist():
            likely[stretches, subject] = probabilities[subject]
            won[subject].append((float(summed[subject]), stretches))
    for subject, of_subject in enumerate(won):
        for stretches in _unlike(of_subject, voices, params.voice_cosine):
            likely[stretches, subject] = 0.0
    return likely


def by_voices(
    likely: Vectors, voices: Mapping[int, Vectors], params: SubjectsParams
) -> tuple[Vectors, NDArray[np.bool_]]:
    """Return (stretches, subjects): by the voice alone, and whether the subject's voice is known by other stretches.

    The cosine of a stretch with a subject's others, weighted by ``likely`` of ``own_voices``, counts from
    ``voice_cosine`` on, by ``voice_log_odds`` for 1. A stretch without an embedding says nothing; a voice that is not
    known speaks against.
    """
    places = np.array(sorted(voices), np.int64)
    log_odds = np.zeros(likely.shape)
    is_known = np.zeros(likely.shape, bool)
    if len(places):
        embeddings = np.stack([voices[place] for place in places.tolist()])
        alike, weights = embeddings @ embeddings.T, likely[places]
        teaches = weights > 0
        known = teaches.sum(axis=0) - teaches > 0
        summed = alike @ weights - np.diag(alike)[:, None] * weights
        cosines = summed / np.where(known, weights.sum(axis=0) - weights, 1.0)
        by_voice = params.voice_log_odds * (cosines - params.voice_cosine)
        unknown = np.where(known.any(axis=1, keepdims=True), _UNKNOWN_VOICE_LOG_ODDS, 0.0)
        log_odds[places], is_known[places] = np.where(known, by_voice, unknown), known
    return log_odds, is_known


def _same_voice(mouths: Vectors, voices: Mapping[int, Vectors], params: SubjectsParams) -> list[NDArray[np.int64]]:
    """Return the stretches of each voice, by place; one without an embedding is a voice of its own."""
    places = np.array(sorted(voices), np.int64)
    groups: list[NDArray[np.int64]] = []
    if len(places):
        embeddings = np.stack([voices[place] for place in places.tolist()])
        groups = [places[group] for group in voice_groups(embeddings, mouths[places], params)]
    alone = [np.array([place]) for place in range(len(mouths)) if place not in voices]
    return [*groups, *alone]


def _unlike(
    won: Sequence[tuple[float, NDArray[np.int64]]], voices: Mapping[int, Vectors], least_cosine: float
) -> list[NDArray[np.int64]]:
    """Return the stretches of those voices of one subject that are unlike those which its mouth goes with better.

    ``won``: of each voice the log odds by the mouth, and its stretches, by place. A voice has a mean cosine of
    ``least_cosine`` with those that are kept, or is not.
    """
    kept: list[Vectors] = []
    unlike = []
    for _, stretches in sorted(won, key=lambda one: -one[0]):
        heard = [voices[place] for place in stretches.tolist() if place in voices]
        if kept and heard and float(np.mean(np.stack(heard) @ np.stack(kept).T)) < least_cosine:
            unlike.append(stretches)
        else:
            kept += heard
    return unlike
