"""The kinds of source. To add a published list, write a module in lists/ and register it here.

It has ``list_clips`` and ``files_read``: a line in ``LISTERS`` and one in ``FILES_READ``. Its section class is in
pipeline/sources/lists/settings.py.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.core.base.errors import BadInput, BadParams
from pipeline.core.records.clip import clip_name
from pipeline.sources import folder, synthetic, table
from pipeline.sources.lists import faceforensics, hdtf, hq_voxceleb, portraits, voxceleb, voxceleb_id
from pipeline.sources.lists.settings import PublishedList
from pipeline.sources.reading.found import Found
from pipeline.sources.settings import FolderSource, TableSource, parse_source

LISTERS: dict[str, Callable[[str, Any], Iterator[Found]]] = {
    "synthetic": synthetic.list_clips,
    "folder": folder.list_clips,
    "table": table.list_clips,
    "hdtf": hdtf.list_clips,
    "faceforensics": faceforensics.list_clips,
    "portraits": portraits.list_clips,
    "voxceleb": voxceleb.list_clips,
    "voxceleb_id": voxceleb_id.list_clips,
    "hq_voxceleb": hq_voxceleb.list_clips,
}

FILES_READ: dict[str, Callable[[Any], Iterable[Path]]] = {
    "hdtf": hdtf.files_read,
    "faceforensics": faceforensics.files_read,
    "portraits": portraits.files_read,
    "voxceleb": voxceleb.files_read,
    "voxceleb_id": voxceleb_id.files_read,
    "hq_voxceleb": hq_voxceleb.files_read,
}
"""Of published lists: the files that a list is made from, in a fixed order; BadInput where one is missing."""


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
        if isinstance(source, PublishedList):
            next(iter(FILES_READ[source.kind](source)))
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
