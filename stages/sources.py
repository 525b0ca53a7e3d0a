"""List the clips of a dataset: published identity and address of each."""

from pipeline.base.layout import Layout
from pipeline.base.params import read_section
from pipeline.records.clip import Clip
from pipeline.records.ledger import LedgerRow, ledger_row
from pipeline.sources.kinds import list_clips
from pipeline.storage.manifest import write_manifest


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``, whose source is a section of params.yaml."""
    clips, drops = list_clips(dataset, read_section(f"sources.{dataset}", at.params))
    write_manifest(at.clips(dataset), Clip, clips)
    dropped_ids = {item_id for item_id, _ in drops}
    ends = [ledger_row("sources", clip.clip_id) for clip in clips if clip.clip_id not in dropped_ids]
    dropped = {item_id: ledger_row("sources", item_id, drop) for item_id, drop in drops}
    write_manifest(at.ledger("sources", dataset), LedgerRow, [*ends, *dropped.values()])
    n_identities = len({clip.identity for clip in clips})
    print(f"sources@{dataset}: {len(clips)} clips of {n_identities} identities, {len(dropped)} dropped")
