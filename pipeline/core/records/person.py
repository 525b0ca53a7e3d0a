"""A person: one human, decided from published identities, faces and overrides, in train or in test."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from pipeline.core.records.schema import column

TRAIN = "train"
TEST = "test"

BY_NAME = "name"
BY_OVERRIDE = "override"
BY_EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One row of ``manifests/persons.parquet``: one published identity, or those of its clips that show one person."""

    dataset_identity: str = column(
        "<dataset>/<identity as published>; of clips that are another person than most: ~<person_id> behind it"
    )
    dataset: str = column("the dataset")
    identity: str = column("who speaks, as published; of a subject that is not the clip's main one: its id")
    person_id: str = column(
        "the person: normalised name after overrides, of several names that are one person the first; of clips that "
        "show another person than most of their name: <name>~<8 digits of a hash>"
    )
    split: str = column("'train' or 'test'; the same for all identities of a person")
    decided_by: str = column("'name', 'override' (persons.csv) or 'evidence' (the faces)")
    n_clips: int = column("clips of this identity that are this person's")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectPerson:
    """One row of ``manifests/subject_persons.parquet``: the person of a subject. Dropped ones have no row."""

    subject_id: str = column("the subject: <clip_id>-s<two digits>; 00, the main one, also where no face is seen")
    clip_id: str = column("the clip: <dataset>/<clip>")
    dataset: str = column("the dataset")
    person_id: str = column("the person")
    split: str = column("'train' or 'test'")


class _PersonRow(Protocol):
    """A row with a person and its split."""

    @property
    def person_id(self) -> str: ...

    @property
    def split(self) -> str: ...


def in_both_splits(rows: Iterable[_PersonRow]) -> tuple[int, list[str]]:
    """Return how many persons there are, and, sorted, those of them that are in both train and test."""
    splits_of: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        splits_of[row.person_id].add(row.split)
    return len(splits_of), sorted(person for person, splits in splits_of.items() if len(splits) > 1)
