"""Give a stored file a second place, without a second copy of its bytes where the disk can."""

import errno
import fcntl
import shutil
from pathlib import Path

_FICLONE = 0x40049409  # linux/fs.h; the fcntl module names it from Python 3.12 on
_NO_HARD_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS)
_READ_ONLY = 0o444
_WRITABLE = 0o222


def link_file(stored: Path, place: Path) -> None:
    """Make the new file ``place`` with the bytes of ``stored``, read-only, in the first way that the disk allows.

    A copy-on-write clone (Btrfs, XFS): what is written to one later does not reach the other. A hard link: both are
    one file, so its mode is all that protects ``stored``, and whoever uses either must check it. A copy, from one disk
    to another. Raises FileExistsError when ``place`` exists.
    """
    if not _clone(stored, place):
        try:
            place.hardlink_to(stored)
        except OSError as error:
            if error.errno not in _NO_HARD_LINK:
                raise
            shutil.copyfile(stored, place)
    if place.stat().st_mode & _WRITABLE:
        place.chmod(_READ_ONLY)


def _clone(stored: Path, place: Path) -> bool:
    """Make ``place`` a copy-on-write clone of ``stored``; return whether the disk can."""
    with stored.open("rb") as source, place.open("xb") as clone:
        try:
            fcntl.ioctl(clone.fileno(), _FICLONE, source.fileno())
        except OSError:
            place.unlink()
            return False
    return True
