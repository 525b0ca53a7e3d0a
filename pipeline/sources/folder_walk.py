"""Walk a folder of videos: which files are videos, and why each other one is none.

Only regular files are opened. A link to a file counts as the file (DVC links from its cache), one to a folder is
entered. Each folder is walked once, by its device and inode numbers: so no link leads in a circle, and of two paths to
one folder that without a link counts.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.core.base.outcome import Dropped
from pipeline.sources.reading.local_file import is_plain_text, open_regular, refuse_mode, shown
from pipeline.video.streams import has_video_suffix

_SUFFIX = re.compile(r"\.(?=.*[a-z])[a-z0-9_-]{1,12}")  # not the last part of '2024.05.17'
_NO_SUFFIX = "without a suffix"
_HIDDEN = "hidden"
_MOST_SUFFIXES = 12  # named in a message
_START_BYTES = 512
_TS_PACKET_BYTES = (188, 192, 204)
_FTYP_OF_OTHERS = (b"M4A", b"M4B", b"M4P", b"hei", b"hev", b"mif", b"msf", b"avi", b"crx", b"jxl", b"jp2", b"jpx")
_SIGNATURES = {
    b"\x1a\x45\xdf\xa3": "Matroska or WebM",
    b"\x00\x00\x01\xba": "MPEG",
    b"\x00\x00\x01\xb3": "MPEG",
    b"FLV\x01": "Flash Video",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media",
    b"\x06\x0e\x2b\x34\x02\x05\x01\x01": "MXF",
    b".RMF": "RealMedia",
    b"YUV4MPEG2": "YUV4MPEG",
}


@dataclass
class FolderFiles:
    """What a folder holds: paths are within it, with forward slashes."""

    videos: list[str] = field(default_factory=list)
    dropped: list[tuple[str, Dropped]] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    """Number of files of other kinds by suffix, and of what is hidden."""

    def describe_others(self) -> str:
        """Return the counts of ``others`` in words; empty where there are none."""
        counts = sorted(self.others.items(), key=lambda one: (-one[1], one[0]))
        words = [f"{n} {suffix}" for suffix, n in counts[:_MOST_SUFFIXES]]
        n_more = sum(n for _, n in counts[_MOST_SUFFIXES:])
        return ", ".join([*words, f"{n_more} with other suffixes"] if n_more else words)


def walk_folder(folder: Path, *, recursive: bool, known: str | None) -> FolderFiles:
    """Return the videos of ``folder`` in the order of their paths, and what else is there.

    ``known``: the path of a file within it that is no video, and is used (the table of identities).
    """
    walk = _Walk(folder, recursive=recursive, known=known)
    walk.enter("", folder.stat())
    while walk.links:  # to folders; those below them come behind all others
        walk.links.sort(reverse=True)
        walk.follow(walk.links.pop())
    walk.found.videos.sort()
    return walk.found


class _Walk:
    def __init__(self, folder: Path, *, recursive: bool, known: str | None) -> None:
        self.found = FolderFiles()
        self.links: list[str] = []
        self._folder = folder
        self._recursive = recursive
        self._known = known
        self._entered: dict[tuple[int, int], str] = {}  # (device, inode) -> path of each folder

    def follow(self, link: str) -> None:
        """Enter the folder to which ``link`` leads."""
        try:
            self.enter(link, (self._folder / link).stat())
        except OSError as error:
            self._drop(link, "unreadable", error.strerror)

    def enter(self, within: str, status: os.stat_result) -> None:
        """Look at each entry of a folder and of those below it."""
        folders = [(within, status)]
        while folders:
            within, status = folders.pop()
            key = (status.st_dev, status.st_ino)
            if key in self._entered:
                self._drop(
                    within, "walked_already", f"is the folder '{shown(self._entered[key]) or '.'}'", filtered=True
                )
                continue
            self._entered[key] = within
            try:
                with os.scandir(self._folder / within) as entries:
                    ordered = sorted(entries, key=lambda one: one.name)
            except OSError as error:
                self._drop(within, "unreadable", error.strerror)
                continue
            folders += list(self._look(within, ordered))[::-1]

    def _look(self, within: str, entries: list["os.DirEntry[str]"]) -> Iterator[tuple[str, os.stat_result]]:
        """Note each file of one folder; yield the folders in it."""
        for entry in entries:
            path = f"{within}/{entry.name}" if within else entry.name
            if entry.name.startswith("."):
                self.found.others[_HIDDEN] += 1
                continue
            try:
                if entry.is_dir():
                    if not self._recursive:
                        self.found.others["folders in it, not entered"] += 1
                    elif entry.is_symlink():
                        self.links.append(path)
                    else:
                        yield path, entry.stat()
                elif entry.is_file(follow_symlinks=False):
                    self._note_file(path)
                else:
                    refused = refuse_mode(Path(path), entry.stat().st_mode)
                    if refused:
                        self.found.dropped.append((path, refused))
                    else:
                        self._note_file(path)
            except OSError as error:
                what = "a link that leads nowhere: " if entry.is_symlink() else ""
                self._drop(path, "unreadable", f"{what}{error.strerror}")

    def _note_file(self, path: str) -> None:
        if path == self._known:
            return
        if has_video_suffix(path):
            if is_plain_text(path):
                self.found.videos.append(path)
            else:
                self._drop(path, "bad_name", "expected a path in UTF-8 without control characters: rename it")
            return
        start = _start_of(self._folder / path)
        if isinstance(start, Dropped):
            self.found.dropped.append((path, start))
        elif container := _container_of(start):
            self._drop(path, "no_video_suffix", f"looks like {container}: rename it if it is whole", filtered=True)
        else:
            suffix = Path(path).suffix.lower()
            self.found.others[suffix if _SUFFIX.fullmatch(suffix) else _NO_SUFFIX] += 1

    def _drop(self, path: str, reason: str, detail: str | None, *, filtered: bool = False) -> None:
        end = Dropped.filtered if filtered else Dropped.failed
        self.found.dropped.append((path, end(reason, f"'{shown(path) or '.'}': {detail}")))


def _start_of(path: Path) -> bytes | Dropped:
    found = open_regular(path)
    if isinstance(found, Dropped):
        return found
    with os.fdopen(found, "rb", buffering=0) as file:
        try:
            return file.read(_START_BYTES)
        except OSError as error:
            return Dropped.failed("unreadable", f"{shown(path)}: {error.strerror}")


def _container_of(start: bytes) -> str:
    """Return the container that a file which starts with ``start`` has, if it is one of video; else an empty text."""
    if start[4:8] == b"ftyp":
        return "" if start[8:11] in _FTYP_OF_OTHERS else "MPEG-4 or QuickTime"
    if start[4:8] in (b"moov", b"mdat", b"wide"):
        return "MPEG-4 or QuickTime"
    if start[:4] == b"RIFF" and start[8:12] == b"AVI ":
        return "AVI"
    if start[:4] == b"OggS" and b"theora" in start[:64]:
        return "Ogg"
    if any(_is_transport_stream(start, size) for size in _TS_PACKET_BYTES):
        return "an MPEG transport stream"
    return next((name for signature, name in _SIGNATURES.items() if start.startswith(signature)), "")


def _is_transport_stream(start: bytes, packet_bytes: int) -> bool:
    first = packet_bytes - 188 if packet_bytes == 192 else 0
    syncs = start[first::packet_bytes]
    return len(syncs) >= 2 and set(syncs) == {0x47}
