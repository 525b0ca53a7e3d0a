"""Overrides: rows written by hand on who is who, which win over names and over evidence."""

import csv
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.base.errors import BadInput
from pipeline.core.records.clip import listed_id
from pipeline.core.records.subject import clip_of
from pipeline.identity.persons.identities import IdentifiedSubject

_COLUMNS = ["dataset", "identity", "person", "why"]
_CLIP_COLUMN = "clip"
WHOLE_IDENTITY = ""
DROP = ""


@dataclass(frozen=True, slots=True)
class Override:
    """The person of an identity or of one clip; where ``person`` is empty, it is dropped."""

    person: str
    reason: str


Overrides = Mapping[tuple[str, str, str], Override]
"""By (dataset, identity, name of a clip); the name is empty where all clips of the identity are meant."""


def read_overrides(path: Path) -> dict[tuple[str, str, str], Override]:
    """Return the overrides in a CSV of dataset, identity, person, why, and, where clips are named, clip.

    Without ``path`` there are none. Raises BadInput naming the line that is wrong.
    """
    if not path.is_file():
        return {}
    overrides: dict[tuple[str, str, str], Override] = {}
    (_, header), *lines = _read_lines(path) or [(1, [])]
    if header not in (_COLUMNS, [*_COLUMNS, _CLIP_COLUMN]):
        raise BadInput(f"{path}: line 1: expected the columns {', '.join(_COLUMNS)} and perhaps clip, found {header}")
    for line, row in lines:
        if len(row) != len(header):
            raise BadInput(f"{path}: line {line}: expected {len(header)} values, found {len(row)}: {row}")
        dataset, identity, person, reason, *clip = row
        identity = unicodedata.normalize("NFC", identity)
        name = clip[0].removeprefix(f"{dataset}/") if clip else WHOLE_IDENTITY
        if (dataset, identity, name) in overrides:
            what = f"clip '{name}' of '{dataset}'" if name else f"'{identity}' of '{dataset}'"
            raise BadInput(f"{path}: line {line}: {what} is decided twice")
        overrides[dataset, identity, name] = Override(person, reason)
    return overrides


def _read_lines(path: Path) -> list[tuple[int, list[str]]]:
    """Return (number of the line, values without outer spaces) of all lines that are not empty."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            return [(reader.line_num, [value.strip() for value in row]) for row in reader if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise BadInput(f"{path}: line {reader.line_num}: expected CSV in UTF-8: {error}") from None


def overrides_of(subject: IdentifiedSubject, overrides: Overrides) -> tuple[Override | None, Override | None]:
    """Return the override of the identity of ``subject``, and that of its clip, which takes precedence.

    One of a part of a clip takes precedence over one of the whole clip.
    """
    of_identity = overrides.get((subject.dataset, subject.identity, WHOLE_IDENTITY))
    of_clips = (overrides.get((subject.dataset, subject.identity, name)) for name in _clip_names(subject))
    return of_identity, next((one for one in of_clips if one is not None), None)


def _clip_names(subject: IdentifiedSubject) -> list[str]:
    """Return the names of the clip that a subject is of, and of the listed one that this is a part of."""
    clip_id = clip_of(subject.subject_id)
    return [one.partition("/")[2] for one in (clip_id, listed_id(clip_id))]


class OverridesCheck:
    """Checks that every override names an identity, or a clip of it, that its dataset has."""

    def __init__(self, overrides: Overrides) -> None:
        self._overrides = overrides
        self._named = {key[:2] for key in overrides}
        self._datasets: set[str] = set()
        self._found: set[tuple[str, ...]] = set()

    def see(self, subject: IdentifiedSubject) -> None:
        """Take a subject into account."""
        self._datasets.add(subject.dataset)
        identity = subject.dataset, subject.identity
        if identity in self._named:
            self._found |= {identity, *((*identity, name) for name in _clip_names(subject))}

    def finish(self) -> None:
        """Raise BadInput when an override names what none of the subjects has."""
        for dataset, identity, name in self._overrides:
            if dataset in self._datasets and (dataset, identity) not in self._found:
                raise BadInput(f"persons.csv: dataset '{dataset}' has no identity '{identity}'; see clips.parquet")
            if dataset in self._datasets and name and (dataset, identity, name) not in self._found:
                raise BadInput(
                    f"persons.csv: identity '{identity}' of '{dataset}' has no clip '{name}'; see clips.parquet"
                )
