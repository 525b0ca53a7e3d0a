"""List the videos of a folder, whatever its tree.

Files and folders whose name starts with a dot are skipped. A symbolic link to a file counts as the file (DVC
links from its cache); one to a folder is not entered, so that no tree is walked twice or endlessly.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import NO_CROP, Clip, clip_name
from pipeline.core.storage.user_table import read_user_table
from pipeline.sources.listing import Drop, Found
from pipeline.sources.settings import FolderSource

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".mkv", ".avi", ".webm", ".mpg", ".mpeg", ".m4v", ".ts", ".flv", ".wmv", ".3gp"}
)
TABLE_COLUMNS = ["file", "identity"]


def list_clips(dataset: str, source: FolderSource) -> Iterator[Found]:
    """Yield a clip for each video below ``source.input``, or why it is none.

    A clip's id is made from its path within the folder, suffix included. Raises BadInput when the folder or
    the identity table is missing or not readable.
    """
    folder = Path(source.input)
    videos = walk_input(dataset, source).videos
    identities = _read_identities(folder / source.identity_table) if source.identity_table else {}
    for file in videos:
        found = _clip_of(dataset, source, folder, file, identities)
        yield found if isinstance(found, Clip) else (_clip_id(dataset, file), found)
    yield from _missing_videos(dataset, identities, videos)


class FolderFiles(NamedTuple):
    """What a folder holds."""

    videos: list[str]
    """Paths within the folder, with forward slashes, sorted."""


def walk_input(dataset: str, source: FolderSource) -> FolderFiles:
    """Return what the folder ``source.input`` holds; raise BadInput where there is no folder."""
    folder = Path(source.input)
    if not folder.is_dir():
        raise BadInput(f"{folder}: expected a folder of videos, found none. Correct 'input' of '{dataset}'.")
    return FolderFiles(_videos(folder, source.recursive))


def _videos(folder: Path, recursive: bool) -> list[str]:
    """Return the paths of videos within ``folder``, with forward slashes, sorted."""
    videos: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        within = Path(parent).relative_to(folder)
        videos += [(within / name).as_posix() for name in files if _is_video(name)]
    return sorted(videos)


def _is_video(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in VIDEO_SUFFIXES


def _clip_id(dataset: str, file: str) -> str:
    return f"{dataset}/{clip_name(file)}"


def _clip_of(
    dataset: str, source: FolderSource, folder: Path, file: str, identities: Mapping[str, str]
) -> Clip | Dropped:
    identity = _identity(source, file, identities)
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
        licence=source.licence,
        origin=f"folder {source.input}",
        content_hash=content_hash,
    )


def _identity(source: FolderSource, file: str, identities: Mapping[str, str]) -> str | Dropped:
    """Return the published identity of ``file``; with sub-folders, the first level names it."""
    path = Path(file)
    if source.identity_from == "table":
        if file in identities:
            return identities[file]
        return Dropped.failed("no_identity", f"'{file}' is not in {source.identity_table}")
    if source.identity_from == "sub_folder" and len(path.parts) == 1:
        return Dropped.failed("no_identity", f"'{file}' is in no sub-folder, expected one for each person")
    text = path.parts[0] if source.identity_from == "sub_folder" else path.stem
    match = re.fullmatch(source.identity_pattern, text)
    if match and match["identity"]:
        return match["identity"]
    return Dropped.failed("no_identity", f"'{text}' does not match {source.identity_pattern}")


def hash_file(path: Path) -> str | Dropped:
    """Return the sha256 of the file's bytes; a drop when it is empty or not readable."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            n_bytes = file.tell()
    except OSError as error:
        return Dropped.failed("unreadable", f"{path}: {error.strerror}")
    return digest.hexdigest() if n_bytes else Dropped.failed("empty_file", f"{path}: 0 bytes")


def _read_identities(table: Path) -> dict[str, str]:
    """Return file -> identity; rows without an identity are skipped."""
    identities: dict[str, str] = {}
    for line, file, identity in read_user_table(table, TABLE_COLUMNS).itertuples():
        if identity and identities.setdefault(file, identity) != identity:
            raise BadInput(f"{table}: line {line}: '{file}' is '{identity}' here and '{identities[file]}' above")
    return identities


def _missing_videos(dataset: str, identities: Mapping[str, str], videos: list[str]) -> Iterator[Drop]:
    detail = "in the identity table, but no video of the folder has this path"
    for file in sorted(identities.keys() - set(videos)):
        yield _clip_id(dataset, file), Dropped.failed("not_found", f"'{file}': {detail}")
