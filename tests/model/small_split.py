"""A dataset split of a few faces of 256 px, in memory."""

import numpy as np

from model.data.split import DatasetSplit
from tests.built_dataset import smooth_face
from tests.model.conftest import LABEL_SIZE, N_FRAMES, N_MELS


def small_split(n_persons: int = 3, n_each: int = 2) -> DatasetSplit:
    """``n_each`` faces and segments of each person; a voice is mostly its person's own."""
    rng = np.random.default_rng(3)
    persons = [f"person_{number}" for number in range(n_persons) for _ in range(n_each)]
    voices = np.repeat(rng.normal(size=(n_persons, N_MELS, 1)), n_each, axis=0)
    return DatasetSplit.from_arrays(
        np.stack([smooth_face(rng, 256) for _ in persons]),
        (voices + 0.3 * rng.normal(size=(len(persons), N_MELS, N_FRAMES))).astype(np.float32),
        rng.normal(size=(len(persons), LABEL_SIZE)).astype(np.float32),
        persons,
        persons,
    )
