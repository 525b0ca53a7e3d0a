"""A person's decisions on faces: yes or no, who and why, in a table kept in git."""

import csv
from pathlib import Path

from pipeline.base.errors import BadInput

COLUMNS = ("face_id", "is_standard", "who", "why")
_WORDS = {"yes": True, "no": False}


def read_review(path: Path) -> dict[str, bool]:
    """Return whether a face is a standard face, by face id; none when ``path`` does not exist.

    Raises BadInput naming the line that is not right.
    """
    if not path.is_file():
        return {}
    decisions: dict[str, bool] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise BadInput(f"{path}: expected the columns {', '.join(COLUMNS)}, found {reader.fieldnames}")
        for row in reader:
            word = (row["is_standard"] or "").strip().lower()
            if word not in _WORDS:
                raise BadInput(f"{path}: line {reader.line_num}: is_standard is '{word}', expected yes or no")
            if row["face_id"] in decisions:
                raise BadInput(f"{path}: line {reader.line_num}: {row['face_id']} is decided twice")
            decisions[row["face_id"]] = _WORDS[word]
    return decisions
