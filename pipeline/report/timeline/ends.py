"""Why sound of a clip is not in the dataset, by the ledgers."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import OK
from pipeline.core.base.units import MILLISECONDS_PER_S
from pipeline.core.records.dataset import DatasetSegment
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.person import SubjectPerson
from pipeline.core.records.schema import from_table
from pipeline.core.storage.row_groups import rows_of_ids, rows_where
from pipeline.report.timeline.words import NO_PERSON, NOT_CUT, OVER_CAP

_SEGMENT = re.compile(r"-a(\d{8,})")


@dataclass(frozen=True, slots=True)
class ClipEnds:
    """Reasons in snake_case.

    ``sound``: why the clip has no segments; empty where it has. ``dropped_s``: where pieces of sound began that are no
    segments, seconds, and why. ``left_out``: why the dataset has a segment not, by id.
    """

    sound: str
    dropped_s: Mapping[float, str]
    left_out: Mapping[str, str]


def read_ends(dataset: str, clip_id: str, owner_of: Mapping[str, str], at: Layout) -> ClipEnds:
    """Return how the sound of ``clip_id`` ended; ``owner_of``: the subject of each of its segments, by id."""
    ledger = at.ledger("audio", dataset)
    if not ledger.is_file():
        return ClipEnds(NOT_CUT, {}, {})
    sound, dropped_s = "", {}
    for row in _rows_of_clip(ledger, clip_id):
        found = _SEGMENT.fullmatch(row.item_id.removeprefix(clip_id))
        if row.status == OK:
            continue
        if row.item_id == clip_id:
            sound = row.reason
        elif found:
            dropped_s[int(found[1]) / MILLISECONDS_PER_S] = row.reason
    return ClipEnds(sound, dropped_s, _left_out(dataset, owner_of, at))


def _left_out(dataset: str, owner_of: Mapping[str, str], at: Layout) -> dict[str, str]:
    """Return why the dataset has a segment not; nothing before it is built."""
    if not at.dataset("audio").is_file():
        return {}
    tables = rows_of_ids(at.dataset("audio"), DatasetSegment, owner_of, ["segment_id"])
    kept = {segment_id for table in tables for segment_id in table.column("segment_id").to_pylist()}
    dropped = _drops(at.ledger("dataset"), owner_of)
    return {
        segment_id: dropped.get(segment_id) or _person_end(dataset, owner_of[segment_id], at)
        for segment_id in owner_of
        if segment_id not in kept
    }


def _person_end(dataset: str, subject_id: str, at: Layout) -> str:
    """Return why the dataset has not the person of a subject, or that it has enough segments of that person."""
    person_id = _person_of(subject_id, at)
    if person_id is None:
        return NO_PERSON
    item_id = f"{dataset}/{person_id}"
    return _drops(at.ledger("dataset"), [item_id]).get(item_id, OVER_CAP)


def _person_of(subject_id: str, at: Layout) -> str | None:
    if not at.subject_persons.is_file():
        return None
    for table in rows_of_ids(at.subject_persons, SubjectPerson, [subject_id], ["person_id"]):
        return str(table.column("person_id")[0])
    return None


def _drops(path: Path, item_ids: Iterable[str]) -> dict[str, str]:
    """Return the reasons of those items that did not end well, by id."""
    if not path.is_file():
        return {}
    rows = (row for table in rows_of_ids(path, LedgerRow, list(item_ids)) for row in from_table(LedgerRow, table))
    return {row.item_id: row.reason for row in rows if row.status != OK}


def _rows_of_clip(path: Path, clip_id: str) -> Iterator[LedgerRow]:
    """Yield a ledger's rows on a clip and on what was cut from it, and maybe on other clips of a longer name."""
    end = f"{clip_id}."  # '.' comes next after '-'

    def may_hold(first: str, last: str) -> bool:
        return first < end and clip_id <= last

    def is_wanted(ids: pa.ChunkedArray) -> pa.ChunkedArray:
        return pc.or_(pc.equal(ids, clip_id), pc.starts_with(ids, f"{clip_id}-"))

    for table in rows_where(path, LedgerRow, may_hold, is_wanted):
        yield from from_table(LedgerRow, table)
