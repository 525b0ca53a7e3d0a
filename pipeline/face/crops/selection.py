"""The selection of standard faces for one dataset: from the crops on the disk to rows, and its summary."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pipeline.face.crops.standard import SelectParams, select_faces
from pipeline.records.face import Face, FaceMeasures, SelectedFace
from pipeline.records.schema import column_names, from_table
from pipeline.storage.shards import read_columns


def select_crops(folder: Path, review: Mapping[str, bool], params: SelectParams) -> list[SelectedFace]:
    """Return all crops of the shards in ``folder``, in id order, with whether each is a standard face.

    ``review`` maps face ids to overrides.
    """
    table = read_columns(folder, Face, column_names(FaceMeasures))
    faces = sorted(from_table(FaceMeasures, table), key=lambda face: face.face_id)
    reasons = select_faces(faces, review, params)
    return [
        SelectedFace(**asdict(face), is_standard=not reason or reason == "reviewed", reason=reason)
        for face, reason in zip(faces, reasons, strict=True)
    ]


def selection_summary(faces: Sequence[SelectedFace]) -> str:
    """Return the counts of faces, of standard faces and of drop reasons in one line."""
    n_standard = sum(face.is_standard for face in faces)
    n_clips = len({face.clip_id for face in faces if face.is_standard})
    reasons = Counter(face.reason for face in faces if not face.is_standard)
    dropped = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common()) or "none"
    return f"{len(faces)} faces, {n_standard} standard, from {n_clips} clips; not: {dropped}"
