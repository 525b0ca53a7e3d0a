"""Small data to train on: a built dataset as the stages write it, of four persons, and splits of arrays."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from model.data.split import DatasetSplit
from pipeline.core.records.person import TEST, TRAIN
from tests.built_dataset import Made, Plan, make_dataset_in, smooth_face

N_MELS, N_FRAMES, LABEL_SIZE = 64, 96, 16

# Two clips each. In both datasets 'ana' is the same person.
PLAN = Plan(
    persons=(
        ("one", "ana", TRAIN),
        ("one", "ben", TRAIN),
        ("one", "cem", TEST),
        ("two", "ana", TRAIN),
        ("two", "dora", TEST),
    ),
    face_px=256,
    draw_face=smooth_face,
    label_size=LABEL_SIZE,
    n_mels=N_MELS,
    n_frames=(N_FRAMES, N_FRAMES),
)


@pytest.fixture(scope="session")
def make_dataset(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    """Make built datasets of PLAN, with other values of its where they are given."""

    def make(**changes: object) -> Made:
        return make_dataset_in(tmp_path_factory.mktemp("built"), replace(PLAN, **changes))

    return make


@pytest.fixture(scope="session")
def made(make_dataset: Callable[..., Made]) -> Made:
    """Two datasets, four persons in five places, two clips of each; to be read only."""
    return make_dataset()


@pytest.fixture(scope="session")
def make_array_split() -> Callable[..., DatasetSplit]:
    """Make splits of arrays; all columns of a log-mel hold its row number, and all values of a label."""

    def make(
        n_persons: int = 6, n_faces: int = 3, n_segments: int = 4, *, face_px: int = 32, labelled: bool = True
    ) -> DatasetSplit:
        """``n_faces`` and ``n_segments`` are those of each person."""
        rng = np.random.default_rng(3)
        persons = [f"person_{number}" for number in range(n_persons)]
        total = n_persons * n_faces
        rows = np.arange(n_persons * n_segments, dtype=np.float32)[:, None, None]
        return DatasetSplit.from_arrays(
            np.stack([smooth_face(rng, face_px) for _ in range(total)]),
            rows + np.arange(N_FRAMES, dtype=np.float32) / 1000 + np.zeros((1, N_MELS, 1), np.float32),
            np.arange(total, dtype=np.float32)[:, None] + np.zeros((1, LABEL_SIZE), np.float32) if labelled else None,
            [person for person in persons for _ in range(n_faces)],
            [person for person in persons for _ in range(n_segments)],
        )

    return make


@pytest.fixture(scope="session")
def array_split(make_array_split: Callable[..., DatasetSplit]) -> DatasetSplit:
    """Six persons with three faces of 256 px and four segments each."""
    return make_array_split(face_px=256)
