"""List the videos of a folder, whatever its tree: folder_walk.py says which files count.

Each file that is no clip has a row in the ledger, but for files of other kinds (pictures, notes): one row counts them.
"""

import posixpath
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import NO_CROP, Clip, clip_name
from pipeline.core.records.media import VIDEO
from pipeline.sources.folder_walk import FolderFiles, walk_folder
from pipeline.sources.reading.found import Drop, Found
from pipeline.sources.reading.local_file import hash_file, is_plain_text, shown
from pipeline.sources.reading.text_table import BadRow, is_utf8_text, open_text_table
from pipeline.sources.settings import FolderSource

TABLE_COLUMNS = ["file", "identity"]
_OTHERS = "other files/"  # no path of a file ends like that


def list_clips(dataset: str, source: FolderSource) -> Iterator[Found]:
    """Yield a clip for each video below ``source.input``, or why it is none.

    A clip's id is made from its path within the folder, suffix included. Raises BadInput when the folder or
    the identity table is missing or not readable, and when there is no video.
    """
    folder = Path(source.input)
    files = walk_input(dataset, source)
    names = _read_identities(folder / source.identity_table) if source.identity_table else _Identities()
    for file in files.videos:
        found = _clip_of(dataset, source, folder, file, names)
        yield found if isinstance(found, Clip) else (_clip_id(dataset, file), found)
    for path, dropped in files.dropped:
        yield _clip_id(dataset, path), dropped
    if files.others:
        detail = f"{files.others.total()} files that are no videos: {files.describe_others()}"
        yield _clip_id(dataset, _OTHERS), Dropped.filtered("other_files", detail)
    yield from _bad_rows(dataset, source, names)
    yield from _missing_videos(dataset, names, files.videos)


def walk_input(dataset: str, source: FolderSource) -> FolderFiles:
    """Return what the folder ``source.input`` holds; raise BadInput where there is no folder, or no video in it."""
    folder = Path(source.input)
    correct = f"Correct 'input' of '{dataset}'."
    try:
        is_folder = folder.is_dir()
    except (OSError, ValueError):
        is_folder = False
    if not is_folder:
        raise BadInput(f"{folder}: expected a folder of videos, found none. {correct}")
    files = walk_folder(folder, recursive=source.recursive, known=source.identity_table)
    if not files.videos and not files.dropped:
        others = f"only {files.describe_others()}" if files.others else "nothing"
        raise BadInput(f"{folder}: expected a folder with videos, found {others}. {correct}")
    return files


def _clip_id(dataset: str, file: str) -> str:
    return f"{dataset}/{clip_name(file)}"


def _clip_of(dataset: str, source: FolderSource, folder: Path, file: str, names: "_Identities") -> Clip | Dropped:
    identity = _identity(source, file, names)
    if isinstance(identity, Dropped):
        return identity
    content_hash = hash_file(folder / file)
    if isinstance(content_hash, Dropped):
        return content_hash
    return Clip(
        clip_id=_clip_id(dataset, file),
        dataset=dataset,
        identity=identity,
        address=(folder / file).as_posix(),
        start_s=None,
        end_s=None,
        **NO_CROP,
        media_kind=VIDEO,
        published_split="",
        range_fps=None,
        licence=source.licence,
        origin=f"folder {source.input}",
        content_hash=content_hash,
    )


def _identity(source: FolderSource, file: str, names: "_Identities") -> str | Dropped:
    """Return the published identity of ``file``; with sub-folders, the first level names it."""
    path = Path(file)
    if source.identity_from == "table":
        return names.of(file) or Dropped.failed("no_identity", f"'{file}' is not in {source.identity_table}")
    if source.identity_from == "sub_folder" and len(path.parts) == 1:
        return Dropped.failed("no_identity", f"'{file}' is in no sub-folder, expected one for each person")
    text = path.parts[0] if source.identity_from == "sub_folder" else path.stem
    match = re.fullmatch(source.identity_pattern, text)
    if match and match["identity"]:
        return match["identity"]
    return Dropped.failed("no_identity", f"'{text}' does not match {source.identity_pattern}")


@dataclass
class _Identities:
    """The identities of a table by the files that its rows name, and what is wrong with its other rows."""

    by_key: dict[str, str | Dropped] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    """Key -> the file as the table writes it."""
    bad_rows: list[tuple[int, str]] = field(default_factory=list)

    def of(self, file: str) -> str | Dropped | None:
        """Return the identity of a path within the folder; None where there is none."""
        return self.by_key.get(_key(file))

    def add(self, number: int, file: str, identity: str) -> None:
        """Add a row; rows that disagree on a file leave it without an identity."""
        self.files.setdefault(_key(file), file)
        known = self.by_key.setdefault(_key(file), identity)
        if isinstance(known, str) and known != identity:
            detail = f"'{file}' is '{known}', and '{identity}' in row {number}"
            self.by_key[_key(file)] = Dropped.failed("two_identities", detail)


def _key(file: str) -> str:
    """Return what paths to one file share, as Windows and macOS write them too: slashes, './', composed letters."""
    return unicodedata.normalize("NFC", posixpath.normpath(file.replace("\\", "/")))


def _read_identities(table: Path) -> _Identities:
    """Return the identities of the files of a table; rows without an identity are skipped.

    Raises BadInput where an identity is not UTF-8, and no row shows that the table is: in another encoding, everybody
    whose name is not ASCII would be lost. A file's name may be any bytes: such a row is lost alone.
    """
    text = open_text_table(table, TABLE_COLUMNS, _is_row)
    if any(text.columns.count(name) != 1 for name in TABLE_COLUMNS):
        raise BadInput(f"{table}: expected the columns {TABLE_COLUMNS}, each once, found {text.columns}")
    file_column, identity_column = (text.columns.index(name) for name in TABLE_COLUMNS)
    names = _Identities()
    is_utf8, not_utf8 = False, ""
    for number, row in enumerate(text.rows, start=1):
        if isinstance(row, BadRow):
            if len(row.values) == len(text.columns) and not is_utf8_text(row.values[identity_column]):
                not_utf8 = not_utf8 or f"row {number}: {row.detail}"
            names.bad_rows.append((number, row.detail))
        elif len(row) > len(text.columns):
            names.bad_rows.append((number, f"expected {len(text.columns)} values, found {len(row)}"))
        elif max(file_column, identity_column) < len(row) and row[identity_column]:
            if is_plain_text(row[file_column] + row[identity_column]):
                names.add(number, row[file_column], row[identity_column])
            else:
                names.bad_rows.append((number, f"expected no control characters, found {shown(str(row))}"))
        is_utf8 = is_utf8 or not (isinstance(row, BadRow) or all(value.isascii() for value in row))
    if not_utf8 and not is_utf8:
        raise BadInput(f"{table} {not_utf8}")
    return names


def _is_row(row: list[str], columns: list[str]) -> bool:
    in_line = [value for name, value in zip(columns, row, strict=False) if name in TABLE_COLUMNS]
    return len(row) == len(columns) and all(is_plain_text(value) for value in in_line)


def _bad_rows(dataset: str, source: FolderSource, names: _Identities) -> Iterator[Drop]:
    for number, detail in names.bad_rows:
        name = f"{source.identity_table} row {number}"
        yield _clip_id(dataset, name), Dropped.failed("bad_row", f"{name}: {detail}")


def _missing_videos(dataset: str, names: _Identities, videos: list[str]) -> Iterator[Drop]:
    detail = "in the identity table, but no video of the folder has this path"
    keys = names.files.keys() - {_key(file) for file in videos}
    for file in sorted(names.files[key] for key in keys):
        yield _clip_id(dataset, file), Dropped.failed("not_found", f"'{shown(file)}': {detail}")
