"""Unit embeddings of drawn persons."""

import numpy as np

from pipeline.core.storage.vectors import Groups, Vectors, unit


def drawn(seed: int, n_persons: int, n_clips: int, std: float, size: int = 16) -> tuple[Vectors, Groups]:
    """Unit embeddings of persons, and whose each is."""
    rng = np.random.default_rng(seed)
    persons = np.repeat(np.arange(n_persons), n_clips)
    centres = unit(rng.normal(size=(n_persons, size)))
    return unit(centres[persons] + std * rng.normal(size=(len(persons), size))), persons
