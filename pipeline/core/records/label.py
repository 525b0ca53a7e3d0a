"""A label: the identity embedding of one face."""

from dataclasses import dataclass

from pipeline.core.records.schema import Vector, column

LABELS_IN_ROW_GROUP = 1 << 12
"""Of their manifest: 2048 values of each are 32 MiB, and several groups are in memory while it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One row of ``manifests/labels/<dataset>/embeddings.parquet``."""

    face_id: str = column("the face: <track_id>-<time in ms>")
    recognition_network: str = column("the network: its name, and the first 12 digits of its weights' sha256")
    embedding: Vector = column(
        "pool5 feature of the face recognition network, not normalised; 2048 values at full width"
    )
