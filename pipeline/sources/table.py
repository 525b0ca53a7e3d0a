"""List the clips of a table: text or Parquet, one row per clip.

Columns: id, identity, address (URL, or file: absolute or from the repository root), start_s and end_s
(within the media: seconds or h:mm:ss), licence; start_s, end_s and licence may be empty in a row. Optional, all five or
none: crop_x, crop_y, crop_w, crop_h, crop_height_px. Any other column is an error, since a misspelt one
would be ignored silently. A row that is no clip is dropped with its number and what was expected.

Text has commas, semicolons or tabs, as its first line has, whatever its suffix; with semicolons, times may have decimal
commas. In Parquet, NaN is an empty value, and a whole number is its digits, also where floats are stored.
"""

import hashlib
import math
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip, PublishedCrop, clip_name, content_of, crop_columns
from pipeline.sources.reading.found import Found
from pipeline.sources.reading.local_file import (
    LocalFiles,
    hash_file,
    is_plain_text,
    is_within,
    path_of,
    refuse_mode,
    shown,
)
from pipeline.sources.reading.text_table import BadRow, open_text_table
from pipeline.sources.settings import TableSource
from pipeline.synthetic.script.spec import SCHEME

COLUMNS = ("id", "identity", "address", "start_s", "end_s", "licence")
CROP_COLUMNS = ("crop_x", "crop_y", "crop_w", "crop_h", "crop_height_px")
_IN_ONE_LINE = frozenset(COLUMNS) - {"licence"}
_PARQUET_ROWS = 1 << 12  # read at a time
_MAX_VALUE_CHARS = 1 << 13  # thousands of rows are held at a time; addresses have a few thousand at most
_MAX_CROP_PX = 1 << 20  # no picture is as large; greater numbers are mistakes
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_CLOCK_TIME = re.compile(r"(\d+):([0-5]\d):([0-5]\d(?:\.\d*)?)", re.ASCII)
_MAX_EXACT_FLOAT = 2.0**53
_EXPECTED_NUMBER = {"bad_range": "seconds, such as 12.5, or h:mm:ss", "bad_crop": "a number of pixels, such as 12"}

_Line: TypeAlias = list[str] | BadRow


class _BadRow(Exception):
    """A row that can't be a clip; ends as ``Dropped.failed(reason, detail)``."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def list_clips(dataset: str, source: TableSource) -> Iterator[Found]:
    """Yield a clip for each valid row of ``source.input``, and a drop for each other row.

    Local files are hashed here; a missing one is reported by the download stage. Raises BadInput when the table
    can't be read or has other columns than expected.
    """
    table = Path(source.input)
    hash_once = _LocalHashes(table.parent, source.allowed_files)
    for number, row, wrong in _read_rows(table):
        origin = f"{source.input} row {number}"
        clip_id = f"{dataset}/{clip_name(row.get('id') or f'row {number}')}"
        if wrong:
            yield clip_id, Dropped.failed("bad_row", f"{origin}: {wrong}")
            continue
        try:
            yield _clip_of(clip_id, dataset, row, origin, hash_once(row["address"]))
        except _BadRow as error:
            yield clip_id, Dropped.failed(error.reason, f"{origin}: {error.detail}")


def _clip_of(clip_id: str, dataset: str, row: dict[str, str], origin: str, file_hash: str | None) -> Clip:
    for name in ("id", "identity", "address"):
        if not row[name]:
            raise _BadRow(f"no_{name}", f"column '{name}' is empty")
    if row["address"].startswith(SCHEME):
        raise _BadRow("bad_address", "generated clips are listed by a source of kind 'synthetic', not by a table")
    start_s, end_s = _time_range(row)
    crop = _crop(row)
    content = file_hash or row["address"]
    whole_file = file_hash is not None and start_s is None and end_s is None and crop is None
    return Clip(
        clip_id=clip_id,
        dataset=dataset,
        identity=row["identity"],
        address=row["address"],
        start_s=start_s,
        end_s=end_s,
        **crop_columns(crop),
        published_split="",
        range_fps=None,
        licence=row["licence"],
        origin=origin,
        content_hash=content if whole_file else content_of(content, start_s, end_s, crop),
    )


def _time_range(row: dict[str, str]) -> tuple[float | None, float | None]:
    start_s, end_s = _seconds(row, "start_s"), _seconds(row, "end_s")
    if end_s is not None and end_s <= (start_s or 0.0):
        raise _BadRow("bad_range", f"end_s {end_s} is not after start_s {start_s}")
    return start_s, end_s


def _seconds(row: dict[str, str], name: str) -> float | None:
    value = _number(row, name, "bad_range")
    if value is not None and value < 0:
        raise _BadRow("bad_range", f"{name} = {value}: expected seconds from 0 on")
    return value


def _crop(row: dict[str, str]) -> PublishedCrop | None:
    """Return the box in which the row's person is seen; None: it has none.

    Lists have boxes that reach beyond the picture; one wholly outside it is a mistake.
    """
    values = {name: _whole_number(row, name) for name in CROP_COLUMNS}
    known = [value for value in values.values() if value is not None]
    if not known:
        return None
    if len(known) < len(values):
        raise _BadRow("bad_crop", f"expected all or none of {list(CROP_COLUMNS)}, found {values}")
    crop = PublishedCrop(*known)
    for name in ("crop_w", "crop_h", "crop_height_px"):
        if (values[name] or 0) <= 0:
            raise _BadRow("bad_crop", f"{name} = {values[name]}: expected more than 0 pixels")
    if crop.x + crop.w <= 0 or crop.y + crop.h <= 0 or crop.y >= crop.height_px:
        raise _BadRow("bad_crop", f"the box lies outside a picture {crop.height_px} px high: {values}")
    return crop


def _whole_number(row: dict[str, str], name: str) -> int | None:
    value = _number(row, name, "bad_crop")
    if value is not None and (value != int(value) or abs(value) > _MAX_CROP_PX):
        raise _BadRow("bad_crop", f"{name} = {value:g}: expected whole pixels, at most {_MAX_CROP_PX}")
    return None if value is None else int(value)


def _number(row: dict[str, str], name: str, reason: str) -> float | None:
    text = row.get(name, "")
    if not text:
        return None
    time = _CLOCK_TIME.fullmatch(text) if reason == "bad_range" else None
    if time:
        value = 3600.0 * float(time[1]) + 60.0 * float(time[2]) + float(time[3])
    else:
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise _BadRow(reason, f"{name} = '{shown(text)}': expected {_EXPECTED_NUMBER[reason]}")
    return value


class _LocalHashes:
    """The sha256 of local files, each file read once; holds bytes, not texts, since a list may name a million files."""

    def __init__(self, beside: Path, allowed: LocalFiles) -> None:
        self._of: dict[bytes, bytes | None] = {}
        self._beside = beside
        self._allowed = allowed

    def __call__(self, address: str) -> str | None:
        """Return the sha256 of the file at ``address``, as hex; None for a URL, and where it can't be read.

        Raises _BadRow for a file that the list may not name, and for what is no file.
        """
        path = path_of(address) if address else None
        if path is None:
            return None
        self._check(path, address)
        if "://" in address:
            return None  # the download makes a copy of it
        key = hashlib.blake2b(os.fsencode(address), digest_size=16).digest()
        if key not in self._of:
            found = hash_file(path)
            self._of[key] = bytes.fromhex(found) if isinstance(found, str) else None
        known = self._of[key]
        return None if known is None else known.hex()

    def _check(self, path: Path, address: str) -> None:
        if not self._is_allowed(path, address):
            detail = f"'{shown(address)}' is a file of this machine: this list's 'local_files' is {self._allowed}"
            raise _BadRow("local_file_forbidden", detail)
        try:
            refused = refuse_mode(path, path.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return  # the download reports it
        except (OSError, ValueError) as error:  # ValueError: of a NUL in the path
            reason = getattr(error, "strerror", None) or error
            raise _BadRow("bad_address", f"'{shown(address)}': {reason}") from None
        if refused:
            raise _BadRow(refused.reason, refused.detail)

    def _is_allowed(self, path: Path, address: str) -> bool:
        if self._allowed != "beside_table":
            return self._allowed == "anywhere"
        # yt-dlp opens a file: URL by rules of its own on '..' and '?', and a playlist there may name further files.
        return "://" not in address and is_within(path, self._beside)


def _read_rows(table: Path) -> Iterator[tuple[int, dict[str, str], str]]:
    """Yield of each row its number, from 1 below the header, its values without outer spaces, and what is wrong.

    Of a row that is wrong, the values are its id at most, where that is not what is wrong.
    """
    if not is_file(table):
        raise BadInput(f"{table}: expected a table of clips, found no file. Correct 'input' of this source.")
    columns, lines = _parquet_table(table) if table.suffix == ".parquet" else _text_table(table)
    number = 0
    for number, line in enumerate(lines, start=1):
        yield number, *_named(columns, line)
    if not number:
        raise BadInput(f"{table}: expected a row for each clip, found none below its first line")


def _named(columns: list[str], line: _Line) -> tuple[dict[str, str], str]:
    values, wrong = (line.values, line.detail) if isinstance(line, BadRow) else (line, "")
    if len(values) != len(columns):
        return {}, wrong or f"expected {len(columns)} values ({', '.join(columns)}), found {len(values)}"
    row = dict(zip(columns, values, strict=True))
    wrong = wrong or next((fault for name in columns if (fault := _fault(name, row[name]))), "")
    if not wrong:
        return row, ""
    return ({} if _fault("id", row["id"]) else {"id": row["id"]}), wrong


def _fault(column: str, value: str) -> str:
    if len(value) > _MAX_VALUE_CHARS:
        return f"column '{column}': expected at most {_MAX_VALUE_CHARS} characters, found {len(value)}"
    if column in _IN_ONE_LINE and not is_plain_text(value):
        return f"column '{column}': expected text without line breaks and control characters: '{shown(value)}'"
    return ""


def is_file(path: Path) -> bool:
    """Return whether there is a file at ``path``; False too where no disk takes the name."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _check_columns(table: Path, columns: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in columns]
    unknown = [shown(name) for name in columns if name not in COLUMNS + CROP_COLUMNS]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if missing or unknown or twice:
        raise BadInput(
            f"{table}: missing columns {missing}, unknown columns {unknown}, duplicate columns {twice};"
            f" expected {list(COLUMNS)} and, if need be, {list(CROP_COLUMNS)}; found {columns}"
        )


def _text_table(table: Path) -> tuple[list[str], Iterator[_Line]]:
    """Return the columns and the rows of a table of text."""
    text = open_text_table(table, COLUMNS, _is_row)
    _check_columns(table, text.columns)
    numbers = [n for n, name in enumerate(text.columns) if name in ("start_s", "end_s")]
    return text.columns, (_with_points(row, numbers) for row in text.rows) if text.delimiter == ";" else text.rows


def _is_row(row: list[str], columns: list[str]) -> bool:
    """Return whether values of several lines are one row: only a licence may have line breaks."""
    if len(row) != len(columns):
        return False
    return all(is_plain_text(value) for name, value in zip(columns, row, strict=True) if name in _IN_ONE_LINE)


def _with_points(row: _Line, numbers: list[int]) -> _Line:
    """Return ``row`` with decimal points for decimal commas in the columns ``numbers``."""
    if isinstance(row, list):
        for n in numbers:
            if n < len(row) and "." not in row[n] and row[n].count(",") == 1:
                row[n] = row[n].replace(",", ".")
    return row


def _parquet_table(table: Path) -> tuple[list[str], Iterator[_Line]]:
    """Return the columns and the rows of a Parquet file."""
    lines = _parquet_lines(table)
    columns = next(lines)
    _check_columns(table, columns)
    return columns, lines


def _parquet_lines(table: Path) -> Iterator[Any]:
    """Yield the names of the columns and each row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(table) as file:
            yield file.schema_arrow.names
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                yield from _rows_of(batch)
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"{table}: expected a Parquet table: {error}") from None


def _rows_of(batch: Any) -> Iterator[_Line]:
    """Yield the rows of a batch of a Parquet file; value by value where one is no text or no date."""
    try:
        columns = [column.to_pylist() for column in batch.columns]
    except (ValueError, OverflowError):
        yield from (_row_of(column[row].as_py() for column in batch.columns) for row in range(len(batch)))
    else:
        yield from (_row_of(values) for values in zip(*columns, strict=True))


def _row_of(values: Iterable[Any]) -> _Line:
    try:
        return [_text_of(value) for value in values]
    except (ValueError, OverflowError) as error:
        return BadRow(str(error))


def _text_of(value: Any) -> str:
    """Return the text of a value of a Parquet file; raise ValueError where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        if abs(value) >= _MAX_EXACT_FLOAT:
            raise ValueError(f"expected a text or a whole number, found the float {value}, whose last digits are lost")
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8").strip()
    if isinstance(value, dict | list):
        raise ValueError(f"expected a text or a number, found {type(value).__name__}")
    return str(value).strip()
