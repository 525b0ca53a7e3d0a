"""A listing in memory: what ``write_listing`` writes of what a source yields."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from pipeline.core.base.outcome import OK, PASSING, Dropped
from pipeline.core.records.clip import Clip
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.storage.manifest import read_manifest
from pipeline.sources.listing import ListingCounts, write_listing
from pipeline.sources.reading.found import Drop, Found

Listing: TypeAlias = tuple[list[Clip], list[Drop]]


def listing_of(found: Iterable[Found]) -> Listing:
    """Return the clips and the drops in id order."""
    with TemporaryDirectory() as folder:
        clips_path, ledger_path = Path(folder, "clips.parquet"), Path(folder, "ledger.parquet")
        counts = write_listing(found, clips_path, ledger_path)
        clips, ledger = read_manifest(clips_path, Clip), read_manifest(ledger_path, LedgerRow)
        assert sorted(path.name for path in Path(folder).iterdir()) == ["clips.parquet", "ledger.parquet"]
    drops = [
        (row.item_id, Dropped(row.status, row.reason, row.detail, row.kind == PASSING))
        for row in ledger
        if row.status != OK
    ]
    dropped = {item_id for item_id, _ in drops}
    assert [row.item_id for row in ledger if row.status == OK] == [
        clip.clip_id for clip in clips if clip.clip_id not in dropped
    ]
    assert counts == ListingCounts(len(clips), len({clip.identity for clip in clips}), len(drops))
    return clips, drops
