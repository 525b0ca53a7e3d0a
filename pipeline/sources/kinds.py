"""The kinds of source: to add a published list, write one file with ``list_clips`` and name it here.

A new kind needs a section class in pipeline/sources/settings.py (its ``SOURCES``) and a line in ``LISTERS``.
"""

from collections.abc import Callable
from typing import Any

from pipeline.base.errors import BadParams
from pipeline.records.clip import clip_name
from pipeline.sources import folder, synthetic, table
from pipeline.sources.listing import Listing
from pipeline.sources.settings import parse_source

LISTERS: dict[str, Callable[[str, Any], Listing]] = {
    "synthetic": synthetic.list_clips,
    "folder": folder.list_clips,
    "table": table.list_clips,
}


def list_clips(dataset: str, content: dict[str, Any]) -> Listing:
    """Return what the source described by ``content`` (its section of params.yaml) holds.

    Raises BadParams for a section that is not right, BadInput for a list or folder that is not there.
    """
    if clip_name(dataset) != dataset:
        raise BadParams(f"dataset '{dataset}': expected a name of 1-80 A-Z a-z 0-9 . _ -, the first no dot")
    source = parse_source(content, f"source of dataset '{dataset}'")
    return LISTERS[source.kind](dataset, source)
