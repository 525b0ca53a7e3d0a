"""Check that media files are the ones that were fetched: by size always, by hash where a file may have changed.

A file has not changed where its inode, size and times are those it had when its hash was last computed; a table in
``data/media/.checked`` states them. The time of the last change of the inode (ctime) is among them: no program can set
it back, as many do with the time of the last change of the content (``exiftool -P``, ``mv`` of an older file).
"""

import collections
import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from pipeline.core.base.errors import BadInput, BadManifest
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.layout import Layout
from pipeline.core.base.progress import progress
from pipeline.core.records.media import Media
from pipeline.core.records.schema import column
from pipeline.core.storage.manifest import iterate_manifest, iterate_tables, write_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """One row of ``data/media/.checked/<dataset>.parquet``: a media file as it was when it was found to be right."""

    clip_id: str = column("the clip it was fetched for")
    sha256: str = column("sha256 of the file's bytes")
    size_bytes: int = column("size of the file, bytes")
    inode: int = column("number of the file on its disk")
    modified_ns: int = column("when the content last changed (mtime), nanoseconds")
    changed_ns: int = column("when the inode last changed (ctime), nanoseconds")


def check_media(media_path: Path, root: Path, *, are_new_links: bool = False) -> None:
    """Raise BadInput, with their number and the first, when media files are missing or differ from the manifest.

    Paths in the manifest are relative to ``root``. ``are_new_links``: the item store, which has checked its files, just
    gave them out, so clones, and links to files checked before, are not hashed. Memory does not grow with the dataset.
    """
    check = _Check(media_path, root, are_new_links)
    n_missing, first_missing, n_changed = check.count()
    remedy = f"run 'dvc repro -f download@{check.dataset}'"
    if n_missing:
        raise BadInput(f"{n_missing} media files are missing, the first is {first_missing}: {remedy}.")
    if not n_changed:
        return
    with progress(f"check of media@{check.dataset}", n_changed) as advance:
        write_manifest(check.checked_path, CheckedFile, check.right_files(advance))
    if check.n_differing:
        found = f"{check.n_differing} media files differ from what was fetched, the first is {check.first_differing}"
        raise BadInput(f"{found}: {remedy}.")


def mark_edited(media_path: Path, root: Path) -> None:
    """Let the item store see which of its files were edited through a link, also where their times were set back.

    It hashes what is newer than its item: so edited files get the time of now. Without a manifest, or an earlier check,
    there is nothing to compare with, and nothing is done.
    """
    check = _Check(media_path, root, are_new_links=False)
    if media_path.is_file() and check.checked_path.is_file():
        with contextlib.suppress(BadManifest):  # of an older version, or damaged: the stage writes it anew
            collections.deque(check.right_files(lambda: None), maxlen=0)


class _Expected(NamedTuple):
    """The columns of Media that a check reads."""

    clip_id: str
    path: str
    sha256: str
    size_bytes: int


class _Check:
    """One check of a dataset's media, and how many files it found to differ."""

    def __init__(self, media_path: Path, root: Path, are_new_links: bool) -> None:
        self.dataset = media_path.parent.name
        self.checked_path = Layout(root).checked_media(self.dataset)
        self.n_differing = 0
        self.first_differing = ""
        self._media_path = media_path
        self._root = root
        self._are_new_links = are_new_links
        self._last: tuple[str, CheckedFile, str] | None = None
        """The file that was compared last: its path, its state, and how it differs."""

    def count(self) -> tuple[int, str, int]:
        """Return how many files are missing, the first one's path, and how many changed since the last check."""
        n_missing, first_missing, n_changed, missing = 0, "", 0, ""
        for media, known in self._rows():
            state = _state(media, self._root / media.path)
            if state is None:
                n_missing += media.path != missing  # parts of a clip follow each other
                first_missing, missing = first_missing or media.path, media.path
            elif state != known:
                n_changed += 1
        return n_missing, first_missing, n_changed

    def right_files(self, advance: Callable[[], None]) -> Iterator[CheckedFile]:
        """Yield the files that are the fetched ones, in id order; count those that differ."""
        for media, known in self._rows():
            path = self._root / media.path
            state = _state(media, path)  # before the hash: a file that changes meanwhile is hashed again the next time
            if state is None:
                continue
            difference = "" if state == known else self._difference_of_file(media, path, state, known)
            if not difference:
                yield state
            if state != known:
                advance()

    def _difference_of_file(self, media: _Expected, path: Path, state: CheckedFile, known: CheckedFile | None) -> str:
        """Return as ``_difference``, and count a file that differs; the file of a clip's parts is hashed once."""
        if self._last is not None and self._last[0] == media.path:
            _, last, difference = self._last
            if difference or last == replace(state, clip_id=last.clip_id):
                return difference
        difference = self._difference(media, path, state, known)
        if difference:
            self._count_differing(media, path, difference)
        self._last = media.path, state, difference
        return difference

    def _difference(self, media: _Expected, path: Path, state: CheckedFile, known: CheckedFile | None) -> str:
        """Return what is expected and what was found where they differ, else nothing."""
        if state.size_bytes != media.size_bytes:
            return f"expected {media.size_bytes} bytes, found {state.size_bytes}"
        if self._are_new_links and not path.is_symlink() and (path.stat().st_nlink == 1 or _same_content(state, known)):
            return (
                ""  # a clone of the store's file, which no link leads to; or a link to a file that was checked before
            )
        sha256 = sha256_of(path)
        return "" if sha256 == media.sha256 else f"expected sha256 {media.sha256}, found {sha256}"

    def _count_differing(self, media: _Expected, path: Path, difference: str) -> None:
        self.n_differing += 1
        self.first_differing = self.first_differing or f"{media.path} ({difference})"
        if not path.is_symlink():
            with contextlib.suppress(PermissionError):  # another user's file, in a store that several share
                os.utime(path)  # it may be a hard link into the item store: see mark_edited

    def _checked(self) -> Iterator[CheckedFile]:
        """Yield what is known from the last check; nothing more from where its table is damaged."""
        if self.checked_path.is_file():
            with contextlib.suppress(BadManifest):
                yield from iterate_manifest(self.checked_path, CheckedFile)

    def _rows(self) -> Iterator[tuple[_Expected, CheckedFile | None]]:
        """Yield each file, in id order, and what is known of it from the last check."""
        checked = self._checked()
        known = next(checked, None)
        for table in iterate_tables(self._media_path, Media, _Expected._fields):
            for values in zip(*(table.column(name).to_pylist() for name in _Expected._fields), strict=True):
                media = _Expected(*values)
                while known is not None and known.clip_id < media.clip_id:
                    known = next(checked, None)
                yield media, known if known is not None and known.clip_id == media.clip_id else None


def _same_content(state: CheckedFile, known: CheckedFile | None) -> bool:
    """Whether a file is the one that was checked, and only its links have changed since."""
    return known is not None and replace(state, changed_ns=known.changed_ns) == known


def _state(media: _Expected, path: Path) -> CheckedFile | None:
    """Return the row for ``path`` as it is now, if it were the fetched file; None where there is no file."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return CheckedFile(
        clip_id=media.clip_id,
        sha256=media.sha256,
        size_bytes=status.st_size,
        inode=status.st_ino,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
    )
