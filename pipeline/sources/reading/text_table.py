"""Read a table of text that anyone wrote: comma, semicolon or tab, as spreadsheets save it; a bad row costs that row.

UTF-8, or UTF-16 and UTF-32 by their byte order mark. A row whose quotes are not balanced ends with its line, and the
next line is the next row: no quote swallows the rest of the table.
"""

import codecs
import csv
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeAlias

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.sources.reading.local_file import open_regular, shown

DELIMITERS = (",", ";", "\t")
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # starts as that of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATOR_LINE = "sep="  # Excel's own first line, which names the delimiter
_MAX_LINE_CHARS = 1 << 20
_MAX_ROW_LINES = 10  # of a row with line breaks in a quoted value
_MAX_SHOWN_CHARS = 200  # of a value in a message
_OPEN_QUOTE = "unexpected end of data"
_REPLACED = "\ufffd"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that can't be used, and what is wrong with it."""

    detail: str
    values: Sequence[str] = ()
    """All of its values, where one of them is what is wrong."""


Row: TypeAlias = list[str]
IsRow: TypeAlias = Callable[[Row, Row], bool]
"""Whether the values of several lines are one row, given the names of the columns."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """The names of a table's columns, its delimiter, and its rows, as they are read; values without outer spaces."""

    columns: Row
    delimiter: str
    rows: Iterator[Row | BadRow]


def open_text_table(path: Path, expected: Sequence[str], is_row: IsRow) -> TextTable:
    """Open a table: its delimiter is the one by which its first line has most of the columns ``expected``.

    Empty lines are left out. Raises BadInput for a file that can't be read, or has no line.
    """
    found = open_regular(path)
    if isinstance(found, Dropped):
        raise BadInput(f"{found.detail}. Expected a table with the columns {list(expected)}.")
    with os.fdopen(found, "rb") as start:
        encoding = _encoding_of(start.read(4))
    file = path.open(encoding=encoding, errors="surrogateescape" if encoding == "utf-8-sig" else "replace", newline="")
    lines = _filled_lines(path, file)
    first = next(lines, None)
    delimiter = ""
    if first is not None and first.lower().startswith(_SEPARATOR_LINE) and len(first.rstrip("\r\n")) == 5:
        delimiter, first = first[len(_SEPARATOR_LINE)], next(lines, None)
    if not first:
        raise BadInput(f"{path}: the table is empty, expected a first line with the columns {list(expected)}")
    if "\0" in first or not is_utf8_text(first):
        raise BadInput(f"{path}: expected a table in UTF-8, found another encoding: save it as 'CSV UTF-8'")
    if not delimiter:
        delimiter = max(DELIMITERS, key=lambda one: len(set(_names(first, one)) & set(expected)))
    columns = _names(first, delimiter)
    return TextTable(columns, delimiter, _rows(lines, columns, delimiter, is_row))


def _encoding_of(start: bytes) -> str:
    return next((name for mark, name in _ENCODINGS if start.startswith(mark)), "utf-8-sig")


def _names(line: str, delimiter: str) -> Row:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error:
        return []


def is_utf8_text(text: str) -> bool:
    """Return whether a text of a table was UTF-8, or what its byte order mark says."""
    return text.isascii() or (_REPLACED not in text and not any("\ud800" <= one <= "\udfff" for one in text))


def _filled_lines(path: Path, file: TextIO) -> Iterator[str]:
    """Yield the lines that have any text, with their ends; of a line that is too long nothing but an empty text."""
    with file:
        try:
            while line := file.readline(_MAX_LINE_CHARS):
                is_long = len(line) == _MAX_LINE_CHARS and not line.endswith(("\n", "\r"))
                while len(line) == _MAX_LINE_CHARS and not line.endswith(("\n", "\r")):
                    line = file.readline(_MAX_LINE_CHARS)
                if is_long:
                    yield ""
                elif line.strip():
                    yield line
        except (OSError, UnicodeError) as error:
            raise BadInput(f"{path}: expected a table of text: {error}") from None


def _rows(lines: Iterator[str], columns: Row, delimiter: str, is_row: IsRow) -> Iterator[Row | BadRow]:
    waiting: deque[str] = deque()
    for line in _with_waiting(waiting, lines):
        if not line:
            yield BadRow(f"expected at most {_MAX_LINE_CHARS} characters in a line, found more")
            continue
        row = _parse([line], delimiter)
        following: list[str] = []
        while row == BadRow(_OPEN_QUOTE) and len(following) < _MAX_ROW_LINES:
            one = waiting.popleft() if waiting else next(lines, None)
            if one is None:
                break
            following.append(one)
            if not one:
                break
            row = _parse([line, *following], delimiter)
        if following and (isinstance(row, BadRow) or not is_row(row, columns)):
            waiting.extendleft(reversed(following))
            row = BadRow(_OPEN_QUOTE)
        yield BadRow("expected balanced quotes, found an open one") if row == BadRow(_OPEN_QUOTE) else row


def _with_waiting(waiting: deque[str], lines: Iterator[str]) -> Iterator[str]:
    while True:
        one = waiting.popleft() if waiting else next(lines, None)
        if one is None:
            return
        yield one


def _parse(lines: list[str], delimiter: str) -> Row | BadRow:
    """Return the values of ``lines``, which are one row."""
    try:
        row = [value.strip() for value in next(csv.reader(lines, delimiter=delimiter, strict=True))]
    except csv.Error as error:
        return BadRow(str(error))
    bad = next((value for value in row if "\0" in value or not is_utf8_text(value)), None)
    if bad is not None:
        start = shown(bad[:_MAX_SHOWN_CHARS])
        detail = f"expected text in UTF-8 without NULs, found '{start}': save the table as 'CSV UTF-8'"
        return BadRow(detail, row)
    return row
