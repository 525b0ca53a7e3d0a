"""The kinds of source. To add a published list, write a module with ``list_clips`` and register it here.

A new kind needs a section class in pipeline/sources/settings.py (its ``SOURCES``) and a line in ``LISTERS``.
"""

from collections.abc import Callable, Iterator
from typing import Any

from pipeline.core.base.errors import BadParams
from pipeline.core.records.clip import clip_name
from pipeline.sources import folder, synthetic, table
from pipeline.sources.listing import Found
from pipeline.sources.settings import parse_source

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
