"""JSON notes of stages as text: nested names joined, numbers rounded, long lists cut."""

import re
from typing import Any

_MOST_LISTED = 8
_DIGITS = 4
_NUMBER_OF = re.compile(r"^n_")


def flatten(note: dict[str, Any], within: str = "") -> list[tuple[str, str]]:
    """Return (name, value) of everything in ``note`` as text, in its order."""
    rows: list[tuple[str, str]] = []
    for key, value in note.items():
        name = within + _NUMBER_OF.sub("number of ", str(key)).replace("_", " ")
        rows += flatten(value, f"{name}: ") if isinstance(value, dict) else [(name, as_text(value))]
    return rows


def as_text(value: Any) -> str:
    """Return a JSON value as text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        more = f", and {len(value) - _MOST_LISTED} more" if len(value) > _MOST_LISTED else ""
        return ", ".join(map(as_text, value[:_MOST_LISTED])) + more if value else "none"
    return str(value)


def number(value: float) -> str:
    """Return ``value`` with four significant digits, tiny or huge ones with two: 28.24, 0.9166, 12,345, 3.1e-07."""
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        return f"{value:.2g}"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    return f"{value:,.{max(0, _DIGITS - whole)}f}"
