"""Which stored results a checkout uses, so that all others can be removed, and which are in use by a running process.

``<root>/.used/<sha256 of the checkout's path>/<step>/<run>.txt`` has the keys that the last such run used, one a line.
``root`` is the folder of the item store, or that of the trainings, where a step is a stage and a key a folder's name.
"""

import errno
import fcntl
import functools
import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.storage.atomic import replacing, write_text

USED = ".used"
_CHECKOUT_FILE = "checkout.txt"
_NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}


def record_used(root: Path, step: str, checkout: Path, run: str, keys: Iterable[str]) -> None:
    """Record that in ``checkout`` the last ``run`` of ``step`` used ``keys``, and no longer those recorded before.

    ``run`` tells runs of a step apart whose results are all needed: ``<stage>`` or ``<stage>@<dataset>``. In a store
    that this user can't write to, and so can't remove from, nothing is recorded.
    """
    folder = _folder_of(root, checkout)
    try:
        if not (folder / _CHECKOUT_FILE).is_file():
            write_text(folder / _CHECKOUT_FILE, f"{checkout.resolve()}\n")
        with (
            replacing(folder / step / f"{run}.txt") as temporary,
            temporary.open("w", encoding="utf-8", newline="\n") as file,
        ):
            file.writelines(f"{key}\n" for key in keys)
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise


def used_keys(
    root: Path, step: str, checkouts: Collection[Path], is_current: Callable[[Path, str], bool] = lambda *_: True
) -> set[str]:
    """Return the keys of ``step`` that the last runs in any of ``checkouts`` used.

    ``is_current``: whether a run of that name, in that checkout, is still one of its pipeline.
    """
    keys: set[str] = set()
    for checkout in checkouts:
        for path in sorted((_folder_of(root, checkout) / step).glob("*.txt")):
            if is_current(checkout, path.stem):
                with path.open(encoding="utf-8") as lines:
                    keys.update(line.rstrip("\n") for line in lines)
    return keys


def runs_in(root: Path, checkout: Path) -> list[str]:
    """Return the names of the runs that ``checkout`` has recorded, in order."""
    return sorted({path.stem for path in _folder_of(root, checkout).glob("*/*.txt")})


def checkouts_of(root: Path) -> list[Path]:
    """Return all checkouts that have recorded a run, in order; some may no longer exist."""
    return sorted(Path(path.read_text(encoding="utf-8").strip()) for path in (root / USED).glob(f"*/{_CHECKOUT_FILE}"))


@functools.cache
def hold_in_use(folder: Path) -> None:
    """Keep what is in ``folder`` from being removed as unused for as long as this process lives.

    A step's folder of the item store, or a training's. Waits while unused results are being removed there.
    """
    with suppress(FileExistsError):
        folder.mkdir(parents=True)
    # Not closed: the system releases the lock when the process ends, however it ends.
    fcntl.flock(os.open(folder, os.O_RDONLY | os.O_DIRECTORY), fcntl.LOCK_SH)


@contextmanager
def unused(folder: Path) -> Iterator[bool]:
    """Yield whether no other process holds ``folder`` in use; while the block runs, none can begin to.

    One that does not exist is in use by none.
    """
    if not folder.is_dir():
        yield True
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _folder_of(root: Path, checkout: Path) -> Path:
    return root / USED / hashlib.sha256(os.fsencode(checkout.resolve())).hexdigest()
