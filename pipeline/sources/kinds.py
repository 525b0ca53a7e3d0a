"""The kinds of source. To add a published list, write a module with ``list_clips`` and register it here.

A new kind needs a section class in pipeline/sources/settings.py (its ``SOURCES``) and a line in ``LISTERS``.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.core.base.errors import BadInput, BadParams
from pipeline.core.records.clip import clip_name
from pipeline.sources import folder, synthetic, table
from pipeline.sources.listing import Found
from pipeline.sources.settings import FolderSource, TableSource, parse_source

LISTERS: dict[str, Callable[[str, Any], Iterator[Found]]] = {
    "synthetic": synthetic.list_clips,
    "folder": folder.list_clips,
    "table": table.list_clips,
}


def list_clips(dataset: str, content: dict[str, Any]) -> Iterator[Found]:
    """Yield the clips of the source that ``content`` (its section of params.yaml) describes, and the drops.

    Raises BadParams for an invalid section, and when it is iterated BadInput for a missing list or folder.
    """
    if clip_name(dataset) != dataset:
        raise BadParams(f"dataset '{dataset}': expected a name of 1-80 A-Z a-z 0-9 . _ -, the first no dot")
    source = parse_source(content, f"source of dataset '{dataset}'")
    return LISTERS[source.kind](dataset, source)


def check_input(dataset: str, content: dict[str, Any]) -> str:
    """Return in words what is found at ``input`` of a dataset's source; raise BadInput where it is not as expected."""
    source = parse_source(content, f"source of dataset '{dataset}'")
    try:
        if isinstance(source, FolderSource):
            return _count_videos(dataset, source)
        if isinstance(source, TableSource) and not table.is_file(Path(source.input)):
            raise BadInput(f"{source.input}: expected a table of clips, found none. Correct 'input' of '{dataset}'.")
        return f"{source.input}: found"
    except BadInput as error:
        if Path(source.input).is_absolute():
            raise
        raise BadInput(
            f"{error} It is sought in {Path.cwd()}; an experiment's copy lacks what git ignores:"
            " 'facevox profile --input PATH' writes the whole path."
        ) from None


def _count_videos(dataset: str, source: FolderSource) -> str:
    files = folder.walk_input(dataset, source)
    n_videos = len(files.videos)
    if not n_videos:
        _, dropped = files.dropped[0]
        raise BadInput(
            f"{source.input}: expected at least one video, found none ({dropped.detail})."
            f" Correct 'input' of '{dataset}'."
        )
    return f"{source.input}: {n_videos} {'video' if n_videos == 1 else 'videos'}"
