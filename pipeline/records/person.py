"""A person: who an identity, as published, is taken to be, and on which side of the split."""

from dataclasses import dataclass

from pipeline.records.schema import column

TRAIN = "train"
TEST = "test"

BY_NAME = "name"
BY_OVERRIDE = "override"
BY_EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One row of ``manifests/persons.parquet``: one identity, or those of its clips that show one person."""

    dataset_identity: str = column(
        "<dataset>/<identity as published>; of clips that are another person than most: ~<person_id> behind it"
    )
    dataset: str = column("the dataset")
    identity: str = column("who speaks, as published")
    person_id: str = column(
        "the person: normalised name after overrides, of several that are one person the first; of clips that show "
        "another person than their name's: <name>~<8 digits of a hash>"
    )
    split: str = column("'train' or 'test'; the same for all identities of a person")
    decided_by: str = column("'name', 'override' (persons.csv) or 'evidence' (the faces)")
    n_clips: int = column("clips of this identity that are this person's")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipOwner:
    """One row of ``manifests/owners.parquet``: whose a clip is. Clips that were left out have no row."""

    clip_id: str = column("the clip: <dataset>/<clip>")
    dataset: str = column("the dataset")
    person_id: str = column("the person")
    split: str = column("'train' or 'test'")
