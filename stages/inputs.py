"""Note what each dataset's source would read, so that its clips are listed anew when it has changed."""

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.core.base.errors import BadInput, BadParams
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import check_section, read_params
from pipeline.core.storage.atomic import write_text
from pipeline.sources.folder_walk import walk_folder
from pipeline.sources.lists.settings import PublishedList, ReleasedAudioface
from pipeline.sources.reading.local_file import hash_file
from pipeline.sources.settings import FolderSource, SyntheticSource, parse_source

NOTHING = "nothing to list"


def main(at: Layout = Layout()) -> None:
    """Run the stage, for all sources: DVC does not look at inputs itself, since it would hang at a FIFO.

    Where there is nothing to list, ``sources`` says so and fails, for that dataset alone. It is said here too, since
    DVC may run other datasets' stages first.
    """
    params = read_params(at.params)
    sources, datasets = params.get("sources"), params.get("datasets") or []
    if not isinstance(sources, dict):
        raise BadParams(f"{at.params}: section 'sources': expected a section for each dataset, found {sources!r}")
    states = {str(dataset): state_of(content) for dataset, content in sources.items()}
    states |= {str(name): released_state(content) for name, content in (params.get("released_audioface") or {}).items()}
    write_text(at.inputs, json.dumps(states, indent=2, sort_keys=True) + "\n")
    for dataset, content in sources.items():
        if states[str(dataset)] == NOTHING and dataset in datasets:
            _say_what_is_wrong(str(dataset), content)


def state_of(content: Any) -> str:
    """Return a hash of what a source, a section of params.yaml, would read at its input; or ``NOTHING``.

    Of a folder that is the path, size and time of change of each video, and whether it may be read; of all else there,
    what the ledger says; and the bytes of the identity table. Of a table its bytes, not the files that it names. Of
    generated talkers the bytes of their code. Times differ in a copy of the checkout: videos that git brings there are
    listed anew, as the same clips. Of a published list it is the path, size and time of change of each of its files.
    """
    try:
        source = parse_source(content, "source")
        if isinstance(source, FolderSource):
            parts = _folder_parts(source)
        elif isinstance(source, PublishedList):
            parts = _list_parts(source)
        elif isinstance(source, SyntheticSource):
            parts = [(path.as_posix(), hash_file(path)) for path in sorted(Path(source.input).rglob("*.py"))]
        else:
            table = hash_file(Path(source.input))
            parts = [] if isinstance(table, Dropped) else [table]
    except (BadInput, BadParams, OSError, ValueError):  # ValueError: of a NUL in a path
        return NOTHING
    return _hash_of(parts)


def released_state(content: Any) -> str:
    """Return a hash of the path, size and time of change of each file of a released dataset; or ``NOTHING``."""
    from pipeline.sources.lists.released_audioface import ReleasedFile, released_files

    try:
        source = check_section(ReleasedAudioface, content, "released_audioface")
        return _hash_of(
            (str(one.path), *_size_and_time(one.path)) if isinstance(one, ReleasedFile) else one
            for one in released_files(source)
        )
    except (BadInput, BadParams, OSError, ValueError):
        return NOTHING


def _hash_of(parts: Iterable[Any]) -> str:
    state, is_empty = hashlib.sha256(), True
    for part in parts:
        state.update(f"{part!a}\n".encode())
        is_empty = False
    return NOTHING if is_empty else state.hexdigest()


def _folder_parts(source: FolderSource) -> list[Any]:
    files = walk_folder(Path(source.input), recursive=source.recursive, known=source.identity_table)
    if not files.videos:
        return []
    parts: list[Any] = [files.dropped, sorted(files.others.items())]
    if source.identity_table:
        parts.append(hash_file(Path(source.input, source.identity_table)))
    for video in files.videos:
        path = Path(source.input, video)
        parts.append((video, *_size_and_time(path), os.access(path, os.R_OK)))
    return parts


def _list_parts(source: PublishedList) -> list[Any]:
    from pipeline.sources.kinds import FILES_READ  # and with it pyarrow, for which no other source waits

    return [(str(path), *_size_and_time(path)) for path in FILES_READ[source.kind](source)]


def _size_and_time(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _say_what_is_wrong(dataset: str, content: Any) -> None:
    from pipeline.sources.kinds import check_input

    try:
        check_input(dataset, content)
    except (BadInput, BadParams) as error:
        print(f"sources@{dataset} will fail: {error}", file=sys.stderr)
