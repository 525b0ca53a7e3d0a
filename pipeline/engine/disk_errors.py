"""A full disk, or a folder that can't be written, as one sentence, whichever library met it.

Python, PyAV and yt-dlp raise an OSError with its number; Arrow one without the path; DuckDB, safetensors and ffmpeg
pass on the operating system's words; torch and numpy report only that less was written than they asked for.
"""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.core.base.cache import CACHE_VARIABLE, cache_folder
from pipeline.core.base.errors import FacevoxError

_FULL, _READ_ONLY, _DENIED = "the disk is full", "the disk is read-only", "this user may not read and write there"

_KIND_OF = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
}
_TEXTS = (
    (re.compile("no space left on device|disk quota exceeded|database or disk is full", re.IGNORECASE), _FULL),
    (re.compile("read-only file system", re.IGNORECASE), _READ_ONLY),
    # numpy ('3000 requested and 1024 written'), np.memmap, and torch's writer of zip files
    (re.compile(r"^\d+ requested and \d+ written$|^Not enough free space to write"), _FULL),
    (re.compile(r"PytorchStreamWriter failed|inline_container.*unexpected pos|basic_ios::clear: iostream"), _FULL),
)
_QUOTED_PATH = re.compile(r"""['"](/[^'"\\]+)""")
_NUMBER = re.compile(r"\[errno (\d+)\]", re.IGNORECASE)

_GO_ON = "Everything finished is kept: the same command goes on from it."
_BYTES_PER_MB = 10**6
_MIN_FREE_BYTES = 16 << 20


class DiskProblem(FacevoxError):
    """The disk is full, or a folder of the cache or of the checkout can't be written."""


def disk_problem(error: BaseException) -> str | None:
    """Return what to do when ``error``, or what led to it, is a full disk or a folder that can't be written.

    Returns None for all other errors, and for one that a FacevoxError already explains.
    """
    for one in _chain(error):
        if isinstance(one, DiskProblem):
            return str(one)
        if isinstance(one, FacevoxError):
            return None
        if kind := _kind(one):
            return _sentence(kind, _path(one))
    return None


def check_writable(folder: Path) -> None:
    """Raise DiskProblem when no file can be made in ``folder``, or where it is missing, in the folder to make it in."""
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)) as file:
            file.write(b"\0")
    except OSError as error:
        raise DiskProblem(_sentence(_KIND_OF[error.errno], folder) if error.errno in _KIND_OF else str(error)) from None


def check_room(folder: Path) -> None:
    """Raise OSError on a full disk: a failure that may be its fault must not be stored as the item's."""
    if shutil.disk_usage(folder).free < _MIN_FREE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error``, its cause or context, theirs, and so on; of a group the errors in it."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [other for other in (one.__context__, one.__cause__) if other is not None]
        if isinstance(one, BaseExceptionGroup):
            todo += one.exceptions


def _kind(error: BaseException) -> str | None:
    text = str(error)
    if isinstance(error, OSError):
        number = error.errno or int(found[1] if (found := _NUMBER.search(text)) else 0)
        if number in (errno.EACCES, errno.EPERM) and _path(error) is None:
            return None  # of another call than one on files
        if number:
            return _KIND_OF.get(number)
    return next((kind for pattern, kind in _TEXTS if pattern.search(text)), None)


def _path(error: BaseException) -> Path | None:
    """Return the path that ``error`` names, if it does."""
    for name in (getattr(error, "filename", None), getattr(error, "filename2", None)):
        if isinstance(name, str | bytes | os.PathLike):
            return Path(os.fsdecode(name))
    found = _QUOTED_PATH.search(str(error))
    return Path(found[1]) if found else None


def _sentence(kind: str, path: Path | None) -> str:
    cache, here = cache_folder(), Path.cwd()
    folders = [cache, here] if path is None else [path]
    places = " or ".join(f"{folder}{_free(folder)}" if kind == _FULL else str(folder) for folder in folders)
    in_cache = path is None or path.absolute().is_relative_to(cache)
    remedy = {
        _FULL: "Make room there",
        _READ_ONLY: "Mount it so that it can be written",
        _DENIED: "Change its permissions",
    }[kind]
    other = f", or set {CACHE_VARIABLE} to a folder on another disk" if in_cache else ""
    return f"{places}: {kind}. {remedy}{other}. {_GO_ON}"


def _free(path: Path) -> str:
    """Return how much room is left where ``path`` is, in brackets; nothing where that can't be told."""
    try:
        return f" ({shutil.disk_usage(_nearest(path)).free / _BYTES_PER_MB:,.0f} MB free now)"
    except OSError:
        return ""


def _nearest(path: Path) -> Path:
    """Return ``path``, or the nearest of its parents that exists."""
    return next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
