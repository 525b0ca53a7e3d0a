"""Atomic writes: a file or folder is in its place whole or not at all.

What is being written has a temporary name beside its place, and its process holds a lock (flock) on it, which the
operating system releases when the process ends, however it ends. So what a killed process left is known by its lock
being free, and the next writer of the same place removes it.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, an empty file; on a clean exit it is renamed to ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    with temporary.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 with Unix line ends, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``folder``; on a clean exit it replaces ``folder``."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with claimed_folder(_temporary(folder)) as temporary:
        yield temporary
        put_folder(temporary, folder)


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``path`` for what is needed only while ``path`` is written; then it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with claimed_folder(_temporary(path, "scratch.tmp")) as folder:
        yield folder


def put_folder(temporary: Path, folder: Path) -> None:
    """Rename ``temporary`` to ``folder``; what was there is renamed away, and then removed."""
    old = _rename_away(folder)
    temporary.rename(folder)
    if old:
        shutil.rmtree(old, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder if there is one; it is renamed first, so that no other process sees half of it."""
    if old := _rename_away(folder):
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def claimed_folder(folder: Path) -> Iterator[Path]:
    """Make ``folder``, empty, and hold it; waits while another process holds it. It is removed if it is still there."""
    descriptor = claim(folder, wait=True)
    assert descriptor is not None
    try:
        yield folder
    finally:
        remove_folder(folder)
        os.close(descriptor)


def claim(folder: Path, *, wait: bool, empty: bool = True) -> int | None:
    """Make ``folder``, and lock it; return the descriptor to close, or None where another process holds it.

    With ``wait`` it waits for that process to end, or to rename or remove the folder. With ``empty`` what was left in
    it is removed.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # renamed or removed in between
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return None
        if _is_at(descriptor, folder):
            for left in folder.iterdir() if empty else ():
                _remove(left)
            return descriptor
        os.close(descriptor)


def remove_left(temporary: Path) -> bool:
    """Remove a temporary file or folder whose process is gone; return whether it was removed."""
    try:
        descriptor = os.open(temporary, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(descriptor, temporary):
            return False
        _remove(temporary)
        return not temporary.exists()
    except OSError:  # held, or a disk that can't be written to
        return False
    finally:
        os.close(descriptor)


def _temporary(path: Path, ending: str = "tmp") -> Path:
    """Return the temporary name for ``path`` in this process; those of processes that are gone are removed."""
    for left in path.parent.iterdir():
        if left.name.startswith(f".{path.name}.") and left.name.endswith(".tmp"):
            remove_left(left)
    return path.with_name(f".{path.name}.{os.getpid()}.{ending}")


def _rename_away(folder: Path) -> Path | None:
    """Give a folder a temporary name; return it, or None where there is no such folder."""
    old = folder.with_name(f".{folder.name.lstrip('.')}.{os.getpid()}.old.tmp")
    try:
        return folder.rename(old)
    except FileNotFoundError:
        return None


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
