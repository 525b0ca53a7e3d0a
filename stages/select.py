"""Select the standard faces: frontal, lip-still, open-eyed and sharp, by threshold or by a person's word."""

from collections import Counter
from dataclasses import asdict

from pipeline.base.layout import Layout
from pipeline.base.outcome import Dropped
from pipeline.base.params import load_params
from pipeline.face.crops.review import read_review
from pipeline.face.crops.standard import SelectParams, select_faces
from pipeline.records.face import Face, FaceMeasures, SelectedFace
from pipeline.records.ledger import LedgerRow, ledger_row
from pipeline.records.schema import column_names, from_table
from pipeline.storage.manifest import write_manifest
from pipeline.storage.shards import read_columns


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(SelectParams, "select", at.params)
    table = read_columns(at.faces_folder(dataset), Face, column_names(FaceMeasures))
    measured = sorted(from_table(FaceMeasures, table), key=lambda face: face.face_id)
    reasons = select_faces(measured, read_review(at.review(dataset)), params)
    faces = [
        SelectedFace(**asdict(face), is_standard=not reason or reason == "reviewed", reason=reason)
        for face, reason in zip(measured, reasons, strict=True)
    ]
    write_manifest(at.selected_faces(dataset), SelectedFace, faces)
    write_manifest(at.ledger("select", dataset), LedgerRow, [_end(face) for face in faces])
    print(_summary(dataset, faces))


def _end(face: SelectedFace) -> LedgerRow:
    return ledger_row("select", face.face_id, None if face.is_standard else Dropped.filtered(face.reason))


def _summary(dataset: str, faces: list[SelectedFace]) -> str:
    n_standard = sum(face.is_standard for face in faces)
    clips = len({face.clip_id for face in faces if face.is_standard})
    reasons = Counter(face.reason for face in faces if not face.is_standard)
    told = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common())
    return f"select@{dataset}: {len(faces)} faces, {n_standard} standard, from {clips} clips; not: {told or 'none'}"
