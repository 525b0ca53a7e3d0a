"""Embeddings of generated faces along the axes that tell generated people apart, learnt on other talkers.

dlib's network was trained on photos: to it 96 % of generated talkers are one person, and any two of their faces have a
cosine of about 0.8. Linear discriminant analysis finds the axes along which faces of one talker differ less than those
of two.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.accuracy.figures import process_pool
from benchmarks.accuracy.persons import GeneratedClip, embed_generated
from pipeline.core.storage.vectors import Vectors, unit
from pipeline.weights.fetch import find_weights

SEED = 880_000  # of talkers of whom no interview is made
N_TALKERS, N_ROOMS = 60, 3
# Chosen on the interviews of seeds 101 to 104, 90 s each, with the limit in links.py.
N_AXES, SHRINKAGE = 16, 0.5

FaceAxes = Callable[[Vectors], Vectors]
"""Returns embeddings (N, D) along the axes, at length 1."""


def face_axes(network: str, kept_at: Path) -> FaceAxes:
    """Return the axes of ``network``; the embeddings of the talkers are read from ``kept_at``, or written there."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    if not kept_at.exists():
        kept_at.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept_at, _embeddings(network))
    embeddings = np.load(kept_at, allow_pickle=False)
    talkers = np.repeat(np.arange(N_TALKERS), N_ROOMS)
    found = LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE, n_components=N_AXES)
    found.fit(embeddings, talkers)
    centre = embeddings.mean(axis=0)
    return lambda others: unit(found.transform(others - centre))


def _embeddings(network: str) -> Vectors:
    """Return the embeddings of each talker in each of some rooms, (N_TALKERS * N_ROOMS, D) of length 1."""
    items = [GeneratedClip(SEED, person, room) for person in range(N_TALKERS) for room in range(N_ROOMS)]
    with process_pool() as pool:
        rows = pool.map(partial(embed_generated, weights=find_weights(network)), items, chunksize=4)
        return np.stack([row.embedding for row in rows]).astype(np.float64)
