"""Overrides of standard faces: a table in git with yes or no for a face, by whom, and why."""

from pathlib import Path

from pipeline.core.base.errors import BadInput
from pipeline.core.storage.user_table import read_user_table

COLUMNS = ("face_id", "is_standard", "who", "why")
_VALUES = {"yes": True, "no": False}


def read_review(path: Path) -> dict[str, bool]:
    """Return whether a face is a standard face, by face id; none when ``path`` does not exist.

    Raises BadInput naming the invalid line.
    """
    if not path.is_file():
        return {}
    decisions: dict[str, bool] = {}
    for line, face_id, is_standard, *_ in read_user_table(path, COLUMNS).itertuples():
        value = is_standard.lower()
        if value not in _VALUES:
            raise BadInput(f"{path}: line {line}: is_standard is '{value}', expected yes or no")
        if face_id in decisions:
            raise BadInput(f"{path}: line {line}: {face_id} is decided twice")
        decisions[face_id] = _VALUES[value]
    return decisions
