"""A small dataset to export, with names that are invalid or unsafe as paths."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.records.face import CANDIDATE, RANDOM
from pipeline.core.records.person import TEST, TRAIN
from tests.built_dataset import FaceKind, Made, Persons, Plan, make_dataset_in

SIDE_PX, N_MELS, N_FRAMES, LABEL_SIZE = 12, 4, 10, 6

# Two clips each. In both datasets 'ana' is the same person.
PEOPLE = (
    ("one", "ana", TRAIN),
    ("one", "../etc", TRAIN),
    ("one", "con", TEST),
    ("two", "ana", TRAIN),
    ("two", "李 a.b/c", TEST),
)
LICENCES = {"one": "CC BY 4.0", "two": "ask | <the> owner"}
PLAN = Plan(
    persons=PEOPLE,
    clip_names="c{place}.{clip}",
    licences=LICENCES,
    kinds=(FaceKind(RANDOM, False), FaceKind(RANDOM, True, is_labelled=False), FaceKind(CANDIDATE, True)),
    face_px=SIDE_PX,
    recognition_network="tiny-0123456789ab",
    label_size=LABEL_SIZE,
    n_mels=N_MELS,
    n_frames=(5, 6),
    padded_to=N_FRAMES,
)


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    """Make datasets: ``make(people, n_clips, padded, labelled)``."""

    def make(people: Persons = PEOPLE, n_clips: int = 2, *, padded: bool = True, labelled: bool = True) -> Made:
        plan = replace(PLAN, persons=people, n_clips=n_clips, padded_to=N_FRAMES if padded else None)
        return make_dataset_in(tmp_path_factory.mktemp("built"), plan if labelled else plan.without_labels())

    return make


@pytest.fixture(scope="session")
def made(make: Callable[..., Made]) -> Made:
    """Two datasets, four people in five places, two clips of each."""
    return make()


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file under ``folder``, hidden ones too, by its path there."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
