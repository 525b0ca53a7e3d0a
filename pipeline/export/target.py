"""The folder of an export: whole or not at all, and it replaces nothing but an earlier export."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.core.base.errors import BadInput
from pipeline.core.storage.atomic import replacing_folder

NOTE = "facevox-export.json"

Counts = dict[str, dict[str, int]]
"""counts[split][what]."""


@contextmanager
def writing_export(to: Path, *, force: bool) -> Iterator[Path]:
    """Yield an empty folder beside ``to``; on a clean exit it becomes ``to``, on any other it is removed.

    Raises BadInput when ``to`` can't be written or holds anything; with ``force`` an earlier export is replaced.
    """
    to = to.resolve()
    _check(to, force=force)
    try:
        with replacing_folder(to) as temporary:
            yield temporary
            _check(to, force=force)  # again: the export may have taken long
    except OSError as error:
        raise BadInput(f"{to}: not written, and nothing kept: {error}") from error


def write_note(folder: Path, kind: str, counts: Counts) -> None:
    """Write the kind of export and its counts; the note marks ``folder`` as an export."""
    note = json.dumps({"export": kind, "counts": counts}, indent=2)
    (folder / NOTE).write_text(note + "\n", encoding="utf-8", newline="\n")


def _check(to: Path, *, force: bool) -> None:
    if to.is_mount():
        raise BadInput(f"{to}: is where a disk is mounted; name a folder in it.")
    if not to.exists():
        return
    if not to.is_dir():
        raise BadInput(f"{to}: is a file; name a folder that is empty or not there yet.")
    if not any(to.iterdir()):
        return
    if not (to / NOTE).is_file():
        raise BadInput(f"{to}: holds something that is no export; name a folder that is empty or not there yet.")
    if not force:
        raise BadInput(f"{to}: holds an earlier export; --force replaces it.")
