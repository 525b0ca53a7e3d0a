"""Select the standard faces: frontal, lip-still, open-eyed and sharp, by thresholds or by a person's override."""

from pipeline.base.layout import Layout
from pipeline.base.params import load_params
from pipeline.face.crops.review import read_review
from pipeline.face.crops.selection import SelectionCounts, select_crops, selection_ledger
from pipeline.face.crops.standard import SelectParams
from pipeline.records.face import SelectedFace
from pipeline.records.ledger import LedgerRow
from pipeline.storage.manifest import write_tables


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(SelectParams, "select", at.params)
    counts = SelectionCounts()
    faces = select_crops(at.faces_folder(dataset), read_review(at.review(dataset)), params)
    write_tables(at.selected_faces(dataset), SelectedFace, counts.counting(faces))
    write_tables(at.ledger("select", dataset), LedgerRow, selection_ledger(at.selected_faces(dataset)))
    print(f"select@{dataset}: {counts.summary()}")
