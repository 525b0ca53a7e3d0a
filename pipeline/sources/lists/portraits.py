"""List the portrait videos of SSP-NeRF: a table of names and addresses, without time ranges.

The table is the only .tsv file of the folder, with the columns name and youtube_url. Who speaks is the name without
``-clip`` and its number, which number the videos of one person.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.core.base.errors import BadInput
from pipeline.sources.lists.rows import ListedClip, ListReader, plain_address
from pipeline.sources.lists.settings import PortraitsSource
from pipeline.sources.reading.found import Found
from pipeline.sources.reading.local_file import is_plain_text
from pipeline.sources.reading.text_table import BadRow, open_text_table

COLUMNS = ("name", "youtube_url")
LICENCE = "the video belongs to its uploader"
_CLIP_NUMBER = re.compile(r"-clip\d+$", re.ASCII)


def list_clips(dataset: str, source: PortraitsSource) -> Iterator[Found]:
    """Yield a clip for each row, and a drop for each that can't be read; raise BadInput for another table."""
    (table,) = files_read(source)
    text = open_text_table(table, COLUMNS, lambda row, columns: len(row) == len(columns))
    if any(text.columns.count(name) != 1 for name in COLUMNS):
        raise BadInput(f"{table}: expected the columns {list(COLUMNS)}, each once, found {text.columns}")
    name_column, address_column = (text.columns.index(name) for name in COLUMNS)
    reader = ListReader(dataset, table.parent)
    for number, row in enumerate(text.rows, start=1):
        origin = f"{table.name} row {number}"
        if isinstance(row, BadRow) or len(row) != len(text.columns):
            found = row.detail if isinstance(row, BadRow) else f"found {len(row)} values"
            reader.drop(origin, "bad_row", f"{origin}: {found}")
            continue
        name, address = row[name_column], plain_address(row[address_column])
        if not name or not is_plain_text(name) or address is None:
            reader.drop(origin, "bad_row", f"{origin}: expected a name and an address")
            continue
        yield ListedClip(
            name=name, identity=_CLIP_NUMBER.sub("", name), address=address, origin=origin, licence=LICENCE
        ).in_dataset(dataset)
    yield from reader.drops


def files_read(source: PortraitsSource) -> list[Path]:
    """Return the table; raise BadInput where there is none, or several."""
    tables = sorted(Path(source.input).glob("*.tsv"))
    if len(tables) != 1:
        raise BadInput(f"{source.input}: expected one .tsv table of names and addresses, found {len(tables)}")
    return tables
