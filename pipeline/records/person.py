"""A person: who an identity, as published, is taken to be, and on which side of the split."""

from dataclasses import dataclass

from pipeline.records.schema import column

TRAIN = "train"
TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One row of ``manifests/persons.parquet``: one identity of one dataset."""

    dataset_identity: str = column("<dataset>/<identity as published>")
    dataset: str = column("the dataset")
    identity: str = column("who speaks, as published")
    person_id: str = column("the person: normalised name after overrides; one person may carry several identities")
    split: str = column("'train' or 'test'; the same for all identities of a person")
    decided_by: str = column("'name' or 'override'")
    n_clips: int = column("clips listed for this identity")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipOwner:
    """One row of ``manifests/owners.parquet``: whose a clip is. Clips of identities that were left out have no row."""

    clip_id: str = column("the clip: <dataset>/<clip>")
    dataset: str = column("the dataset")
    person_id: str = column("the person")
    split: str = column("'train' or 'test'")
