"""Persons: from identities as published to the people they are taken to be, split into train and test by person."""

import csv
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from pipeline.draw import draw_unit
from pipeline.errors import BadInput
from pipeline.outcome import Dropped
from pipeline.params import Params
from pipeline.records.clip import Clip
from pipeline.records.person import TEST, TRAIN, ClipOwner, Person

_OVERRIDE_COLUMNS = ("dataset", "identity", "person", "why")
DROP = ""


class PersonsParams(Params):
    """Section ``persons`` of params.yaml."""

    test_share: float = Field(ge=0, lt=1)
    seed: int
    same_name_is_same_person: bool


@dataclass(frozen=True, slots=True)
class Override:
    """A person's word on one identity: who it is, or, where ``person`` is empty, that it is to be left out."""

    person: str
    why: str


def normalised_name(identity: str) -> str:
    """Return ``identity`` in a form in which two spellings of one name agree.

    Accents and case are dropped, dots vanish, and spaces, hyphens and underscores become one underscore:
    ``A.J._Buckley`` and ``aj-buckley`` both give ``aj_buckley``.
    """
    plain = unicodedata.normalize("NFKD", identity).casefold()
    kept = (c for c in plain if not unicodedata.combining(c) and c not in ".'’")
    words = "".join(c if c.isalnum() else " " for c in kept).split()
    return "_".join(words) or identity


def split_of(person_id: str, test_share: float, seed: int) -> str:
    """Return the side of the split: by the hash of seed and person, so that more people move nobody."""
    return TEST if draw_unit(seed, person_id) < test_share else TRAIN


def read_overrides(path: Path) -> dict[tuple[str, str], Override]:
    """Return the overrides by (dataset, identity); none when ``path`` does not exist.

    Raises BadInput naming the line that is not right.
    """
    if not path.is_file():
        return {}
    overrides: dict[tuple[str, str], Override] = {}
    for line, row in _read_lines(path):
        if len(row) != len(_OVERRIDE_COLUMNS):
            raise BadInput(f"{path}: line {line}: expected {len(_OVERRIDE_COLUMNS)} values, found {len(row)}: {row}")
        dataset, identity, person, why = row
        if (dataset, identity) in overrides:
            raise BadInput(f"{path}: line {line}: '{identity}' of '{dataset}' is decided twice")
        overrides[dataset, identity] = Override(person, why)
    return overrides


def _read_lines(path: Path) -> list[tuple[int, list[str]]]:
    """Return (number of the line, values without outer spaces) below the header."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            lines = [(reader.line_num, [value.strip() for value in row]) for row in reader if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise BadInput(f"{path}: line {reader.line_num}: expected CSV in UTF-8: {error}") from None
    header = lines[0][1] if lines else []
    if header != list(_OVERRIDE_COLUMNS):
        raise BadInput(f"{path}: line 1: expected the columns {', '.join(_OVERRIDE_COLUMNS)}, found {header}")
    return lines[1:]


def find_persons(
    clips: Iterable[Clip], overrides: dict[tuple[str, str], Override], params: PersonsParams
) -> tuple[list[Person], list[tuple[str, Dropped]]]:
    """Return one Person an identity and dataset, and (id, why) of those that an override leaves out.

    Raises BadInput when an override names an identity that no clip has.
    """
    counts = Counter((clip.dataset, clip.identity) for clip in clips)
    present = {dataset for dataset, _ in counts}
    for dataset, identity in overrides:
        if dataset in present and (dataset, identity) not in counts:
            raise BadInput(f"persons.csv: dataset '{dataset}' has no identity '{identity}'; see clips.parquet")
    kept: list[Person] = []
    dropped: list[tuple[str, Dropped]] = []
    for (dataset, identity), n_clips in sorted(counts.items()):
        override = overrides.get((dataset, identity))
        if override and override.person == DROP:
            dropped.append((f"{dataset}/{identity}", Dropped.filtered("left_out_by_override", override.why)))
            continue
        person_id = normalised_name(override.person if override else identity)
        if not override and not params.same_name_is_same_person:
            person_id = f"{dataset}:{person_id}"
        kept.append(
            Person(
                dataset_identity=f"{dataset}/{identity}",
                dataset=dataset,
                identity=identity,
                person_id=person_id,
                split=split_of(person_id, params.test_share, params.seed),
                decided_by="override" if override else "name",
                n_clips=n_clips,
            )
        )
    return kept, dropped


def owners_of(clips: Iterable[Clip], persons: Iterable[Person]) -> list[ClipOwner]:
    """Return whose each clip is; clips of identities that were left out are not among them."""
    person_of = {(person.dataset, person.identity): person for person in persons}
    return [
        ClipOwner(clip_id=clip.clip_id, dataset=clip.dataset, person_id=person.person_id, split=person.split)
        for clip in clips
        if (person := person_of.get((clip.dataset, clip.identity)))
    ]
