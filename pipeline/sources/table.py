"""List the clips of a table: CSV, TSV or Parquet, one row per clip.

Columns: id, identity, address (URL, or file: absolute or from the repository root), start_s and end_s
(seconds within the media), licence; start_s, end_s and licence may be empty in a row. Optional, all five or
none: crop_x, crop_y, crop_w, crop_h, crop_height_px. Any other column is an error, since a misspelt one
would be ignored silently.
"""

import csv
import hashlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import NO_CROP, Clip, PublishedCrop, clip_name, content_of
from pipeline.sources.folder import hash_file
from pipeline.sources.listing import Found
from pipeline.sources.settings import TableSource

COLUMNS = ("id", "identity", "address", "start_s", "end_s", "licence")
CROP_COLUMNS = ("crop_x", "crop_y", "crop_w", "crop_h", "crop_height_px")
DELIMITERS = {".csv": ",", ".tsv": "\t"}
_PARQUET_ROWS = 1 << 12  # read at a time
_MAX_CROP_PX = 1 << 20  # no picture is as large; greater numbers are mistakes


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
    hash_once = _LocalHashes()
    for number, row in _read_rows(table):
        clip_id = f"{dataset}/{clip_name(row['id'] or f'row {number}')}"
        origin = f"{source.input} row {number}"
        try:
            file_hash = None if "://" in row["address"] else hash_once(row["address"])
            yield _clip_of(clip_id, dataset, row, origin, file_hash)
        except _BadRow as error:
            yield clip_id, Dropped.failed(error.reason, f"{origin}: {error.detail}")


def _clip_of(clip_id: str, dataset: str, row: dict[str, str], origin: str, file_hash: str | None) -> Clip:
    for name in ("id", "identity", "address"):
        if not row[name]:
            raise _BadRow(f"no_{name}", f"column '{name}' is empty")
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
        **(NO_CROP if crop is None else dict(zip(CROP_COLUMNS, crop, strict=True))),
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
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _BadRow(reason, f"{name} = '{text}': expected a number, such as 12.5")
    return value


class _LocalHashes:
    """The sha256 of local files, each file read once; holds bytes, not texts, since a list may name a million files."""

    def __init__(self) -> None:
        self._of: dict[bytes, bytes | None] = {}

    def __call__(self, address: str) -> str | None:
        """Return the sha256 of the file at ``address``, as hex; None where it can't be read."""
        key = hashlib.blake2b(os.fsencode(address), digest_size=16).digest()
        if key not in self._of:
            found = hash_file(Path(address)) if Path(address).is_file() else None
            self._of[key] = bytes.fromhex(found) if isinstance(found, str) else None
        known = self._of[key]
        return None if known is None else known.hex()


def _read_rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (row number from 1, without the header; column -> text without outer spaces) of each row."""
    if not table.is_file():
        raise BadInput(f"{table}: expected a table of clips, found no file. Correct 'input' of this source.")
    lines = _parquet_lines(table) if table.suffix == ".parquet" else _text_lines(table)
    columns = next(lines, [])
    _check_columns(table, columns)
    for number, row in enumerate(lines, start=1):
        if len(row) != len(columns):
            raise BadInput(f"{table}: row {number}: expected {len(columns)} values, found {len(row)}: {row}")
        yield number, dict(zip(columns, row, strict=True))


def _check_columns(table: Path, columns: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in columns]
    unknown = [name for name in columns if name not in COLUMNS + CROP_COLUMNS]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if missing or unknown or twice:
        raise BadInput(
            f"{table}: missing columns {missing}, unknown columns {unknown}, duplicate columns {twice};"
            f" expected {list(COLUMNS)} and, if need be, {list(CROP_COLUMNS)}; found {columns}"
        )


def _text_lines(table: Path) -> Iterator[list[str]]:
    """Yield the header and each row."""
    delimiter = DELIMITERS[table.suffix]
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            for line in csv.reader(file, delimiter=delimiter, strict=True):
                if line:
                    yield [value.strip() for value in line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{table}: expected a {table.suffix} table in UTF-8: {error}") from None


def _parquet_lines(table: Path) -> Iterator[list[str]]:
    """Yield the names of the columns and each row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(table) as file:
            yield file.schema_arrow.names
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                columns = [column.to_pylist() for column in batch.columns]
                for row in zip(*columns, strict=True):
                    yield ["" if one is None else str(one).strip() for one in row]
    except (OSError, pa.ArrowInvalid) as error:
        raise BadInput(f"{table}: expected a Parquet table: {error}") from None
