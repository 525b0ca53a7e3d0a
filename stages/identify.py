"""Label every cropped face with its identity embedding."""

import json

from pipeline.base.layout import Layout
from pipeline.engine.run import run_step
from pipeline.engine.settings import read_settings
from pipeline.identity.network.label import faces_of_clips, identify_step, unlabelled_rows
from pipeline.records.label import Label
from pipeline.records.ledger import LedgerRow
from pipeline.storage.manifest import write_manifest, write_table


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    note = json.loads(at.recognition_network_note.read_text(encoding="utf-8"))
    items = faces_of_clips(at.faces_folder(dataset))
    if note["recognition_network"] is None:
        write_manifest(at.labels(dataset), Label, [])
        write_manifest(at.ledger("identify", dataset), LedgerRow, unlabelled_rows(items))
        print(f"identify@{dataset}: no face recognition network, {len(items)} clips stay without labels")
        return
    step = identify_step(at.recognition_network.absolute(), note["recognition_network"], note["sha256"])
    ran = run_step(step, items, read_settings(), title=f"identify@{dataset}")
    write_table(at.labels(dataset), Label, ran.all_rows(Label), row_group_rows=1 << 12)
    write_manifest(at.ledger("identify", dataset), LedgerRow, ran.ledger())
