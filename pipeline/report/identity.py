"""Identity labels, the leakage audit of the split, and the licences of the clips."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.storage.json_file import read_json_if_any
from pipeline.core.storage.manifest import iterate_tables
from pipeline.report.notes import flatten

_SYNTHETIC = "synthetic:"
_MOST_LEAKS = 20
_MOST_TERMS = 12


@dataclass(frozen=True, slots=True)
class RecognitionNote:
    """The face recognition network's name, None where its weights are not available, and its note."""

    name: str | None
    rows: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the audit: what was compared, how many, clips that could not be compared, and leaks."""

    what: str
    n_compared: int
    n_unseen: int
    note: str
    n_leaks: int
    leaks: list[str]


@dataclass(frozen=True, slots=True)
class Audit:
    """All checks, and of each dataset how its persons are split."""

    passes: bool
    checks: list[Check]
    shares: list[tuple[str, int, int]]
    """(dataset, persons, those of them in test)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How many clips of a dataset have a licence; empty: their source states none."""

    dataset: str
    licence: str
    n_clips: int


def read_recognition_network(at: Layout) -> RecognitionNote | None:
    """Return the face recognition network's note; None before ``pretrain_identity``."""
    note = read_json_if_any(at.recognition_network_note)
    return None if note is None else RecognitionNote(note["recognition_network"], flatten(note))


def read_audit(at: Layout) -> Audit | None:
    """Return the leakage audit; None before ``persons``."""
    note = read_json_if_any(at.leakage)
    if note is None:
        return None
    shares = [(name, one["persons"], one["test_persons"]) for name, one in sorted(note["test_share"].items())]
    return Audit(note["passes"], [_check(one) for one in note["checks"]], shares)


def read_terms(at: Layout, datasets: Sequence[str]) -> list[Terms]:
    """Return the licences of the clips, the most frequent of each dataset first."""
    terms = []
    for dataset in datasets:
        if at.clips(dataset).is_file():
            licences = Counter(_texts(at, dataset, "licence"))
            terms += [Terms(dataset, licence, n) for licence, n in licences.most_common(_MOST_TERMS)]
    return terms


def is_synthetic(at: Layout, datasets: Sequence[str]) -> bool:
    """Return whether all listed clips are generated; False before any clip is listed."""
    listed = [dataset for dataset in datasets if at.clips(dataset).is_file()]
    addresses = itertools.chain.from_iterable(_texts(at, dataset, "address") for dataset in listed)
    first = next(addresses, "")
    return first.startswith(_SYNTHETIC) and all(address.startswith(_SYNTHETIC) for address in addresses)


def _texts(at: Layout, dataset: str, column: str) -> Iterator[str]:
    """Yield the texts of one column of the listed clips."""
    for table in iterate_tables(at.clips(dataset), Clip, [column]):
        yield from table.column(column).to_pylist()


def _check(check: dict[str, Any]) -> Check:
    leaks = check["leaks"]
    return Check(check["what"], check["n_compared"], check["n_unseen"], check["note"], len(leaks), leaks[:_MOST_LEAKS])
