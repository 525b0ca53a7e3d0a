"""Embeddings of generated people along the axes that tell them apart, learnt on other generated people.

The networks were trained on real people: to dlib's 96 % of generated talkers are one person, and any two of their faces
have a cosine of about 0.8; of stretches of two generated voices, 5 % are as alike as those of one. Linear discriminant
analysis finds the axes along which one person's embeddings differ less than those of two.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.figures import process_pool
from benchmarks.accuracy.persons import GeneratedClip, embed_generated
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.storage.vectors import Vectors, unit
from pipeline.identity.network.voice_network import VoiceNetwork
from pipeline.interview.conversation import heard_s
from pipeline.interview.mix import mix_sound
from pipeline.interview.plan import InterviewSpec
from pipeline.interview.script import plan_interview
from pipeline.interview.takes import speeches_of
from pipeline.weights.fetch import find_weights

# Talkers and interviews of which none is measured.
FACE_SEED, N_TALKERS, N_ROOMS = 880_000, 60, 3
VOICE_SEED, N_INTERVIEWS, INTERVIEW_S, STRETCH_S = 700_000, 24, 120.0, 2.0
MIN_STRETCHES = 3  # of a voice: with fewer it says little of how a voice varies
SHRINKAGE = 0.5
# Chosen on the interviews of seeds 101 to 104, 90 s each.
N_FACE_AXES, N_VOICE_AXES = 16, 12

Axes = Callable[[Vectors], Vectors]
"""Returns embeddings (N, D) along the axes, at length 1."""

Known = tuple[Vectors, NDArray[np.int64]]
"""Embeddings (N, D) at length 1, and whose each is, by number."""


def face_axes(network: str, folder: Path) -> Axes:
    """Return the axes of the face recognition ``network``; what they are learnt on is kept in ``folder``."""
    return axes_of(_kept(folder / f"faces_by_{network}.npz", partial(known_faces, network)), N_FACE_AXES)


def voice_axes(network: str, folder: Path) -> Axes:
    """Return the axes of the speaker ``network``, likewise."""
    return axes_of(_kept(folder / f"voices_by_{network}.npz", partial(known_voices, network)), N_VOICE_AXES)


def axes_of(known: Known, n_axes: int) -> Axes:
    """Return the axes that tell the people apart whose embeddings are ``known``."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    embeddings, people = known
    found = LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE, n_components=n_axes)
    found.fit(embeddings, people)
    centre = embeddings.mean(axis=0)
    return lambda others: unit(found.transform(others - centre))


def known_faces(network: str) -> Known:
    """Return embeddings of talkers, drawn in several rooms each."""
    items = [GeneratedClip(FACE_SEED, person, room) for person in range(N_TALKERS) for room in range(N_ROOMS)]
    with process_pool() as pool:
        rows = [*pool.map(partial(embed_generated, weights=find_weights(network)), items, chunksize=4)]
    return np.stack([row.embedding for row in rows]).astype(np.float64), np.array([item.person for item in items])


def known_voices(network: str) -> Known:
    """Return embeddings of stretches of interviews in which one person alone speaks."""
    with process_pool() as pool:
        found = [*pool.map(partial(_voices_of, network=network), range(VOICE_SEED, VOICE_SEED + N_INTERVIEWS))]
    by_person = [stretches for voices in found for stretches in voices if len(stretches) >= MIN_STRETCHES]
    return np.concatenate(by_person), np.repeat(np.arange(len(by_person)), [len(one) for one in by_person])


def _voices_of(seed: int, network: str) -> list[Vectors]:
    """Return the embeddings (N, D) of each voice of one interview, of which only the sound is made."""
    interview = plan_interview(InterviewSpec(seed=seed, duration_s=INTERVIEW_S))
    sound = mix_sound(interview, speeches_of(interview))
    embedder = VoiceNetwork(find_weights(network))
    voices = sorted({turn.voice for turn in interview.turns})
    found: dict[int, list[NDArray[np.float32]]] = {voice: [] for voice in voices}
    for turn in interview.turns:
        n_stretches = int((turn.end_s - turn.start_s) / STRETCH_S)
        for start_s in (turn.start_s + STRETCH_S * np.arange(n_stretches)).tolist():
            end_s = start_s + STRETCH_S
            others = (heard_s(interview.turns, voice, start_s, end_s) for voice in voices if voice != turn.voice)
            [embedding] = embedder.embed([sound[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]])
            if embedding is not None and not any(others):
                found[turn.voice].append(embedding)
    return [np.asarray(one, np.float64) for one in found.values()]


def _kept(path: Path, made: Callable[[], Known]) -> Known:
    """Return what ``made`` returns, from the file where an earlier run kept it."""
    if not path.exists():
        embeddings, people = made()
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, embeddings=embeddings, people=people)
    with np.load(path, allow_pickle=False) as file:
        return file["embeddings"], file["people"]
