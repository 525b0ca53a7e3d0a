"""Check the inputs of all sources before DVC hashes them: it waits at a FIFO, and reads a device without end."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.core.base.errors import BadInput, BadParams
from pipeline.core.base.params import PARAMS_FILE, read_params
from pipeline.sources.kinds import check_input
from pipeline.sources.local_file import refuse_mode, shown

_NO_CHECK = {"-s", "--single-item", "-h", "--help"}


def check_inputs_are_there(arguments: Sequence[str]) -> None:
    """Raise BadInput where an input that ``dvc repro`` with ``arguments`` would ask for is not there.

    DVC looks for it before it starts the stage, and would say only "[Errno 2]".
    """
    if not PARAMS_FILE.is_file() or _NO_CHECK.intersection(arguments):
        return
    params = read_params()
    sources = params.get("sources")
    if not isinstance(sources, dict):
        return
    has_targets = any(not one.startswith("-") for one in arguments)
    for dataset, section in sources.items():
        if not has_targets or dataset in (params.get("datasets") or []):
            check_input(str(dataset), section)


def check_inputs(root: Path) -> list[str]:
    """Return a sentence for each input of ``root``'s params.yaml in which DVC does not see all that is listed.

    Whatever else may be wrong with an input is left to its stage. Raises BadInput for one in which DVC would open what
    is no regular file.
    """
    try:
        sources = read_params(root / PARAMS_FILE).get("sources")
    except BadParams:
        return []
    notes = []
    for dataset, source in sources.items() if isinstance(sources, dict) else ():
        text = source.get("input") if isinstance(source, dict) else None
        if isinstance(text, str) and text and "\0" not in text:
            with suppress(OSError):  # a path that no disk takes
                notes += _check_input(dataset, source, root / text)
    return notes


def _check_input(dataset: str, source: dict[str, Any], path: Path) -> list[str]:
    links = []
    for entry in _entries(path):
        if entry.is_dir():
            links.append(entry)
            continue
        try:
            refused = refuse_mode(entry, entry.stat().st_mode)
        except OSError:
            continue  # DVC passes over a link that leads nowhere
        if refused:
            raise BadInput(
                f"input of '{dataset}': {refused.detail}. DVC reads all of it, and would hang at this: move it out."
            )
    if not links or source.get("kind") != "folder" or source.get("recursive") is False:
        return []
    return [
        f"input of '{dataset}': {shown(min(links))} is a link to a folder ({len(links)} in all). DVC does not see what"
        f" changes behind it: after a change run 'dvc repro -f sources@{dataset}'."
    ]


def _entries(path: Path) -> Iterator[Path]:
    """Yield what is no ordinary file or folder at ``path`` and below it, where DVC looks: hidden folders too."""
    if not path.is_dir():
        if path.exists() and not path.is_file():
            yield path
        return
    folders = [path]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    elif not entry.is_file(follow_symlinks=False):
                        yield Path(entry.path)
        except OSError:
            continue  # the stage says so
