"""Select the standard faces: frontal, lips shut, eyes open, resolved; by thresholds or by a person's override."""

from collections.abc import Iterator, Mapping

import pyarrow as pa

from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params, read_section
from pipeline.core.records.face import SelectedFace
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.storage.manifest import write_tables
from pipeline.face.crops.review import read_review
from pipeline.face.crops.selection import SelectionCounts, select_crops, selection_ledger
from pipeline.face.crops.standard import SelectParams, check_verified


def main(at: Layout = Layout()) -> None:
    """Run the stage for all datasets listed in params.yaml.

    Each dataset's faces are selected by themselves, with its own overrides. The stage runs once for all, because DVC
    and a process take longer to start for each dataset than a selection takes.
    """
    params = load_params(SelectParams, "select", at.params)
    check_verified(params, read_section("crop.max_verified_gap", at.params))
    counts = {dataset: SelectionCounts() for dataset in read_section("datasets", at.params)}
    write_tables(at.selected_faces, SelectedFace, _select(counts, params, at))
    expressions = [at.expressions(dataset) for dataset in counts]
    write_tables(at.ledger("select"), LedgerRow, selection_ledger(at.selected_faces, params, expressions))
    for dataset, of_dataset in counts.items():
        print(f"select: {dataset}: {of_dataset.summary()}")


def _select(counts: Mapping[str, SelectionCounts], params: SelectParams, at: Layout) -> Iterator[pa.Table]:
    """Yield the faces of every dataset, a shard at a time, and count them."""
    # In the order of their ids, whose dataset ends in '/': rows that are in order already need no sorting on the disk.
    for dataset in sorted(counts, key="{}/".format):
        review = read_review(at.review(dataset))
        selected = select_crops(at.faces_folder(dataset), review, params, at.expressions(dataset))
        yield from counts[dataset].counting(selected)
