"""Select the standard faces: frontal, lip-still, open-eyed and sharp, by thresholds or by a person's override."""

from pipeline.base.layout import Layout
from pipeline.base.outcome import Dropped
from pipeline.base.params import load_params
from pipeline.face.crops.review import read_review
from pipeline.face.crops.selection import select_crops, selection_summary
from pipeline.face.crops.standard import SelectParams
from pipeline.records.face import SelectedFace
from pipeline.records.ledger import LedgerRow, ledger_row
from pipeline.storage.manifest import write_manifest


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(SelectParams, "select", at.params)
    faces = select_crops(at.faces_folder(dataset), read_review(at.review(dataset)), params)
    rows = [
        ledger_row("select", face.face_id, None if face.is_standard else Dropped.filtered(face.reason))
        for face in faces
    ]
    write_manifest(at.selected_faces(dataset), SelectedFace, faces)
    write_manifest(at.ledger("select", dataset), LedgerRow, rows)
    print(f"select@{dataset}: {selection_summary(faces)}")
