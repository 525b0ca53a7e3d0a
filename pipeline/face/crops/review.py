"""Overrides of standard faces: a table in git with yes or no for a face, by whom, and why."""

import csv
from pathlib import Path

from pipeline.base.errors import BadInput

COLUMNS = ("face_id", "is_standard", "who", "why")
_VALUES = {"yes": True, "no": False}


def read_review(path: Path) -> dict[str, bool]:
    """Return whether a face is a standard face, by face id; none when ``path`` does not exist.

    Raises BadInput naming the invalid line.
    """
    if not path.is_file():
        return {}
    decisions: dict[str, bool] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise BadInput(f"{path}: expected the columns {', '.join(COLUMNS)}, found {reader.fieldnames}")
        for row in reader:
            value = (row["is_standard"] or "").strip().lower()
            if value not in _VALUES:
                raise BadInput(f"{path}: line {reader.line_num}: is_standard is '{value}', expected yes or no")
            if row["face_id"] in decisions:
                raise BadInput(f"{path}: line {reader.line_num}: {row['face_id']} is decided twice")
            decisions[row["face_id"]] = _VALUES[value]
    return decisions
