"""Label every cropped face with its identity embedding."""

from pipeline.core.base.device import Placement, read_device
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.label import LABELS_IN_ROW_GROUP, Label
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.storage.clip_order import in_row_order
from pipeline.core.storage.json_file import read_json
from pipeline.core.storage.manifest import count_rows, write_manifest, write_tables
from pipeline.engine.run import run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.identity.network.label import FaceLabeller, IdentifyParams, faces_of_clips, unlabelled_rows

VERSION = 2  # of what this step returns: raise it whenever the same input gives another result


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    placement = Placement(str(read_device()), load_params(IdentifyParams, "identify", at.params).threads)
    note = read_json(at.recognition_network_note)
    items = faces_of_clips(at.faces_folder(dataset), at.labels(dataset))
    if note["recognition_network"] is None:
        write_manifest(at.labels(dataset), Label, [])
        write_manifest(at.ledger("identify", dataset), LedgerRow, unlabelled_rows(items))
        n_clips = count_rows(at.ledger("identify", dataset), LedgerRow)
        print(f"identify@{dataset}: no face recognition network, {n_clips} clips stay without labels")
        return
    step = Step(
        name="identify",
        version=VERSION,
        params={
            "sha256": note["sha256"],
            "recognition_network": note["recognition_network"],
            **placement.key,
        },
        function=FaceLabeller(at.recognition_network.absolute(), note["recognition_network"], placement),
        item_id=lambda item: item.clip_id,
        inputs=lambda item: item.content,
    )
    ran = run_step(step, items, read_settings(), title=f"identify@{dataset}", checkout=at.root)
    labels = in_row_order(Label, ran.each_ok_id(), lambda clip_id: ran.rows(clip_id, Label))
    write_tables(at.labels(dataset), Label, labels, row_group_rows=LABELS_IN_ROW_GROUP)
    write_manifest(at.ledger("identify", dataset), LedgerRow, ran.ledger())
