"""Files that a list or a folder names: only regular ones are opened, and which of them a list may name."""

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from pipeline.core.base.outcome import Dropped

LocalFiles: TypeAlias = Literal["anywhere", "beside_table", "forbidden"]

_KINDS: dict[Callable[[int], bool], str] = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a FIFO",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a character device",
    stat.S_ISBLK: "a block device",
}


def hash_file(path: Path) -> str | Dropped:
    """Return the sha256 of the file's bytes; a drop when it is empty, not a regular file, or not readable."""
    found = open_regular(path)
    if isinstance(found, Dropped):
        return found
    try:
        with os.fdopen(found, "rb") as file:
            # Of files without a size some never end, as in /proc.
            digest = hashlib.file_digest(file, "sha256") if os.fstat(found).st_size else None
    except OSError as error:
        return _unreadable(path, error)
    return digest.hexdigest() if digest else Dropped.failed("empty_file", f"{shown(path)}: 0 bytes")


def open_regular(path: Path) -> int | Dropped:
    """Return the descriptor of the regular file ``path``, open to read; a drop for anything else.

    What is no regular file is not opened at all, since opening a FIFO waits and opening a device may act; a FIFO that
    takes the file's place in between does not block.
    """
    try:
        refused = refuse_mode(path, path.stat().st_mode)
        if refused:
            return refused
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        return _unreadable(path, error)
    refused = refuse_mode(path, os.fstat(descriptor).st_mode)
    if refused:
        os.close(descriptor)
    return refused or descriptor


def refuse_mode(path: Path, mode: int) -> Dropped | None:
    """Return the drop of what is no regular file; None for one."""
    if stat.S_ISREG(mode):
        return None
    kind = next((name for is_kind, name in _KINDS.items() if is_kind(mode)), "of an unknown kind")
    return Dropped.failed("not_a_file", f"{shown(path)}: expected a file, found {kind}; it was not opened")


def _unreadable(path: Path, error: OSError | ValueError) -> Dropped:
    return Dropped.failed("unreadable", f"{shown(path)}: {getattr(error, 'strerror', None) or error}")


def shown(text: str | Path) -> str:
    """Return ``text`` for a message: control characters and bytes that are not UTF-8 as escapes such as \\x0a."""
    escaped = "".join(_escaped(one) for one in str(text))
    return escaped.encode("utf-8", "backslashreplace").decode("utf-8")


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # what Python makes of a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return f"\\x{ord(character):02x}" if is_control(character) else character


def is_control(character: str) -> bool:
    """Return whether ``character`` is a line break, a NUL or another control character (Unicode's Cc)."""
    return character < " " or "\x7f" <= character <= "\x9f"


def is_plain_text(text: str) -> bool:
    """Return whether ``text`` is Unicode without control characters and without bytes that were not UTF-8."""
    return text.isprintable() or not any(is_control(one) or "\ud800" <= one <= "\udfff" for one in text)


def path_of(address: str) -> Path | None:
    """Return the local file that ``address`` names, as a path or as a file: URL; None for other addresses."""
    if "://" not in address:
        return Path(address)
    if address[:5].lower() != "file:":
        return None
    try:
        return Path(unquote(urlsplit(address).path))
    except ValueError:
        return None  # no address at all, as the download says


def is_within(path: Path, folder: Path) -> bool:
    """Return whether ``path``, with its links and '..' resolved, lies in ``folder`` or below."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
