"""The tables of VoxCeleb's speakers: who an id is, and in which set.

vox1_meta.csv, vox2_meta.csv (or HQ-VoxCeleb's full_vox2_meta.csv, with names), and VGGFace2's identity_meta.csv,
which has the names of the second set. Copies of them differ: tabs, commas, or commas with spaces or tabs around them,
trailing ones too; names in quotes or not. Each line is split by what it has.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.core.base.errors import BadInput
from pipeline.sources.lists.rows import Line, ListReader

FACE_TABLE = "identity_meta.csv"
TABLES = ("vox1_meta.csv", "vox2_meta.csv", "full_vox2_meta.csv", FACE_TABLE)
_QUOTED_OR_COMMA = re.compile(r'"[^"]*"|[ \t]*,[ \t]*')
_SPEAKER = ("voxceleb1id", "voxceleb2id")
_FACE = ("vggface1id", "vggface2id", "classid")
_SPEAKER_ID = re.compile(r"id\d{5}", re.ASCII)
_FACE_ID = re.compile(r"n\d{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who an id of VoxCeleb is."""

    speaker_id: str
    name: str | None
    """As VGGFace1 or VGGFace2 write it, with underscores; None: the tables do not say."""
    face_id: str | None
    """The id in VGGFace2, such as n000012; None in the first set."""
    set_name: str
    """dev or test; empty where the tables do not say."""
    table: str
    row: int
    """From 0, in its table."""


def tables_in(folder: Path) -> list[Path]:
    """Return the tables that are in ``folder``."""
    return [folder / name for name in TABLES if (folder / name).exists()]


def read_speakers(reader: ListReader, folder: Path) -> dict[str, Speaker]:
    """Return the speakers by id; bad rows are dropped. Raises BadInput for a table without its columns."""
    speakers: dict[str, Speaker] = {}
    for table in tables_in(folder):
        if table.name == FACE_TABLE:
            continue
        for number, line, row in _rows(reader, table, _SPEAKER):
            speaker_id, face = _first(row, _SPEAKER), _first(row, _FACE)
            if not _SPEAKER_ID.fullmatch(speaker_id) or not face:
                reader.bad_row(line, "an id such as id00012 and that in VGGFace")
                continue
            is_number = _FACE_ID.fullmatch(face) is not None
            found = Speaker(
                speaker_id=speaker_id,
                name=row.get("name") or (None if is_number else face),
                face_id=face if is_number else None,
                set_name=row.get("set", ""),
                table=table.name,
                row=number,
            )
            known = speakers.setdefault(speaker_id, found)
            if known is not found and known.table == found.table:
                reader.drop(line.origin, "duplicate_name", f"{line.origin}: '{speaker_id}' is there already")
            elif known.name is None and found.name is not None:
                speakers[speaker_id] = found
    names = read_face_names(reader, folder)
    return {key: one if one.name else replace(one, name=names.get(one.face_id or "")) for key, one in speakers.items()}


def read_face_names(reader: ListReader, folder: Path) -> dict[str, str]:
    """Return the names of VGGFace2 by id, where its table is there; bad rows are dropped."""
    names: dict[str, str] = {}
    if (folder / FACE_TABLE).exists():
        for _, line, row in _rows(reader, folder / FACE_TABLE, _FACE):
            face, name = _first(row, _FACE), row.get("name")
            if name and _FACE_ID.fullmatch(face):
                names.setdefault(face, name)
            else:
                reader.bad_row(line, "an id such as n000012 and a name")
    return names


def _first(row: dict[str, str], names: tuple[str, ...]) -> str:
    return next((row[name] for name in names if name in row), "")


def _rows(reader: ListReader, table: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, Line, dict[str, str]]]:
    """Yield the number, from 0, and the values of each row, by the names of columns in small letters without signs."""
    columns: list[str] | None = None
    for number, line in enumerate(reader.lines(table.name), start=-1):
        values = _values(line.text)
        if columns is None:
            columns = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in values]
            if not {*needed} & {*columns}:
                raise BadInput(f"{table}: expected columns such as 'VoxCeleb1 ID' or 'Class_ID', found {values}")
        elif len(values) != len(columns):
            reader.bad_row(line, f"{len(columns)} values")
        else:
            yield number, line, dict(zip(columns, values, strict=True))


def _values(text: str) -> list[str]:
    """Return the values of a line, split by commas if it has any outside of quotes, else by tabs."""
    text = _QUOTED_OR_COMMA.sub(lambda found: found[0] if found[0][0] == '"' else ",", text).strip(",\t ")
    delimiter = "," if "," in re.sub(r'"[^"]*"', "", text) else "\t"
    try:
        return [value.strip().strip('"') for value in next(csv.reader([text], delimiter=delimiter), [])]
    except csv.Error:
        return []
