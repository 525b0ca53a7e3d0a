"""A column of a manifest of clips, by subject."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.records.subject import main_subject_id
from pipeline.core.storage.manifest import iterate_tables
from pipeline.identity.persons.rows import TableRows, texts_of


@dataclass(frozen=True, slots=True)
class ClipValues:
    """The value of a manifest's column for the clip of each of ``subjects``, None where it has no row.

    None too of subjects that are not their clip's main one: they share its value, and are other persons than that. Read
    at each iteration: memory holds those of a few clips. ``subjects`` are in id order, and ``paths`` in that of
    their clips.
    """

    subjects: TableRows[Any]
    """Of a record with the column ``subject_id``."""
    column: str
    record: type
    paths: Sequence[Path]

    def __iter__(self) -> Iterator[str | None]:
        rows = self._in_subject_order()
        subject_id, value = next(rows, ("", None))
        for wanted in texts_of(self.subjects.column("subject_id")):
            while subject_id < wanted and (row := next(rows, None)):
                subject_id, value = row
            yield value if subject_id == wanted else None

    def _in_subject_order(self) -> Iterator[tuple[str, str | None]]:
        """Yield the main subject of each clip and its value: clip 'talk-2' is behind 'talk', 'talk-2-s00' before."""
        first = ""
        gathered: list[tuple[str, str | None]] = []
        for clip_id, value in self._rows():
            if not clip_id.startswith(f"{first}-"):
                yield from sorted(gathered)
                first, gathered = clip_id, []
            gathered.append((main_subject_id(clip_id), value))
        yield from sorted(gathered)

    def _rows(self) -> Iterator[tuple[str, str]]:
        for path in self.paths:
            for table in iterate_tables(path, self.record, ["clip_id", self.column]):
                yield from zip(*(column.to_pylist() for column in table.columns), strict=True)
