"""Embed a subject: one unit embedding for its face, the mean over its most frontal crops."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field

from pipeline.core.base.images import decode_png
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import Params
from pipeline.core.records.evidence import SubjectEmbedding
from pipeline.core.records.face import Face
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.subject import clip_of
from pipeline.core.storage.clip_order import in_order_of
from pipeline.core.storage.manifest import read_table, write_manifest
from pipeline.core.storage.shards import shard_paths
from pipeline.core.storage.vectors import mean_direction
from pipeline.identity.network.recogniser import NamedRecogniser

_CHOSEN_FACES = pa.schema(
    {
        "subject_id": pa.string(),
        "shard": pa.int64(),
        "face_ids": pa.list_(pa.string()),
        "content": pa.list_(pa.string()),
    }
)


class RecogniseParams(Params):
    """Section ``recognise`` of params.yaml; ``network`` is a name, a path, or null: no evidence is computed.

    ``generated``: whether talkers of kind 'synthetic', whose identities are known, are embedded too. ``threads`` of the
    processor, in each worker: other numbers give other last bits.
    """

    network: str | None
    generated: bool
    max_faces: int = Field(ge=1)
    min_true_interocular_px: float = Field(ge=0)
    threads: int = Field(ge=1, le=256)


@dataclass(frozen=True, slots=True)
class SubjectFaces:
    """The item of the recognise step: one subject's most frontal faces, and the shard that holds their pictures.

    ``face_ids`` are empty where none of its faces is resolved enough.
    """

    subject_id: str
    shard: Path
    face_ids: tuple[str, ...]
    content: tuple[str, ...]  # sha256 of each picture and of its landmarks: what determines the result


def subject_faces(faces_folder: Path, params: RecogniseParams, beside: Path) -> Iterator[SubjectFaces]:
    """Yield the subjects in all shards in id order, each with its ``max_faces`` faces of the least yaw and pitch.

    Faces of less detail than ``min_true_interocular_px`` are left out. The subjects are sorted on the disk, beside the
    path ``beside``.
    """
    shards = shard_paths(faces_folder)
    chosen = (_chosen_faces(shard, number, params) for number, shard in enumerate(shards))
    for table in in_order_of(chosen, "subject_id", beside):
        for row in table.to_pylist():
            shard = shards[row["shard"]].absolute()
            yield SubjectFaces(row["subject_id"], shard, tuple(row["face_ids"]), tuple(row["content"]))


def write_no_embeddings(dataset: str, items: Iterable[SubjectFaces], at: Layout) -> None:
    """Write the manifest and the ledger of a run without a network."""
    drop = Dropped.filtered("no_network", "the weights that params.yaml names are missing")
    write_manifest(at.subject_embeddings(dataset), SubjectEmbedding, [])
    rows = (ledger_row("recognise", one.subject_id, drop) for one in items)
    write_manifest(at.ledger("recognise", dataset), LedgerRow, rows)


def _chosen_faces(shard: Path, number: int, params: RecogniseParams) -> pa.Table:
    """Return a row for each subject of one shard; ``face_ids`` and ``content`` are those of SubjectFaces."""
    columns = [
        *("face_id", "subject_id", "yaw_deg", "pitch_deg", "true_interocular_px"),
        *("image_sha256", "landmarks_px"),
    ]
    table = read_table(shard, Face, columns)
    turned = np.hypot(table["yaw_deg"].to_numpy(), table["pitch_deg"].to_numpy())
    order = np.lexsort((np.arange(len(turned)), turned))
    is_resolved = table["true_interocular_px"].to_numpy() >= params.min_true_interocular_px
    subject_ids = table["subject_id"].to_pylist()
    rows_of: dict[str, list[int]] = {}
    for row in order.tolist():
        rows = rows_of.setdefault(subject_ids[row], [])
        if is_resolved[row] and len(rows) < params.max_faces:
            rows.append(row)
    chosen = [table.take(pa.array(sorted(rows), pa.int64())) for rows in rows_of.values()]
    return pa.table(
        {
            "subject_id": list(rows_of),
            "shard": [number] * len(chosen),
            "face_ids": [faces["face_id"].to_pylist() for faces in chosen],
            "content": [_content(faces) for faces in chosen],
        },
        _CHOSEN_FACES,
    )


def _content(faces: pa.Table) -> list[str]:
    hashes: list[str] = []
    for picture_sha256, points in zip(faces["image_sha256"], faces["landmarks_px"], strict=True):
        points_px = np.asarray(points.values, np.float32)
        hashes += [picture_sha256.as_py(), hashlib.sha256(points_px.tobytes()).hexdigest()]
    return hashes


class SubjectEmbedder:
    """The recognise step; the network is loaded once a worker."""

    def __init__(self, network: NamedRecogniser) -> None:
        self._network = network
        self.key = network.key
        """What decides its result."""

    def __call__(self, item: SubjectFaces, folder: Path) -> list[SubjectEmbedding] | Dropped:
        """Return the subject's embedding, or a drop where its faces have none."""
        del folder
        if not item.face_ids:
            return Dropped.filtered("low_resolution", "no face has recognise.min_true_interocular_px")
        columns = ["face_id", "image", "landmarks_px"]
        table = pq.read_table(item.shard, columns=columns, filters=[("face_id", "in", list(item.face_ids))])
        rows = sorted(table.to_pylist(), key=lambda row: str(row["face_id"]))
        pictures = [decode_png(row["image"]["bytes"]) for row in rows]
        landmarks = [np.array(row["landmarks_px"], np.float32).reshape(-1, 2) for row in rows]
        features = self._network.recogniser.embed(pictures, landmarks)
        return embedding_of(item.subject_id, self._network.name, features)


def embedding_of(subject_id: str, network: str, features: NDArray[np.float32]) -> list[SubjectEmbedding] | Dropped:
    """Return the mean of the unit ``features`` (N, D) of a subject's faces; Dropped where they have no direction."""
    found = mean_direction(features)
    if found is None:
        return Dropped.failed("no_embedding", f"{len(features)} faces have no common direction")
    embedding, spherical_variance = found
    return [
        SubjectEmbedding(
            subject_id=subject_id,
            clip_id=clip_of(subject_id),
            network=network,
            n_faces=len(features),
            spherical_variance=spherical_variance,
            embedding=embedding,
        )
    ]
