"""Label a clip's faces: the embedding of every crop, standard or not, so that a later threshold needs no network."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
from pydantic import Field

from pipeline.base.device import Placement
from pipeline.base.images import decode_png
from pipeline.base.outcome import Dropped
from pipeline.base.params import Params
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.records.label import Label
from pipeline.records.ledger import LedgerRow, ledger_row
from pipeline.storage.shards import shard_paths


class IdentifyParams(Params):
    """Section ``identify`` of params.yaml: threads of the processor, in each worker; others give other last bits."""

    threads: int = Field(ge=1, le=256)


@dataclass(frozen=True, slots=True)
class FacesOfClip:
    """The item of the identify step: one clip's faces, and the shard that holds their pictures."""

    clip_id: str
    shard: Path
    pictures: tuple[str, ...]  # sha256 of each picture, in id order

    @property
    def content(self) -> tuple[str, ...]:
        """What determines the result, beside the network."""
        return (self.clip_id, *self.pictures)


def faces_of_clips(faces_folder: Path) -> list[FacesOfClip]:
    """Return the clips in all shards of ``faces_folder``, each with the hashes of its pictures, not the pictures."""
    return [item for shard in shard_paths(faces_folder) for item in _faces_of(shard)]


def _faces_of(shard: Path) -> list[FacesOfClip]:
    hashes: dict[str, list[str]] = defaultdict(list)
    for row in pq.read_table(shard, columns=["clip_id", "image_sha256"]).to_pylist():
        hashes[row["clip_id"]].append(row["image_sha256"])
    return [FacesOfClip(clip_id, shard.absolute(), tuple(pictures)) for clip_id, pictures in hashes.items()]


def unlabelled_rows(items: Sequence[FacesOfClip]) -> list[LedgerRow]:
    """Return the ledger of a run without a face recognition network."""
    drop = Dropped.filtered("no_recognition_network", "the weights that params.yaml names are missing")
    return [ledger_row("identify", item.clip_id, drop) for item in items]


class FaceLabeller:
    """The identify step; the network is loaded once a worker."""

    def __init__(self, checkpoint: Path, recognition_network: str, placement: Placement = Placement()) -> None:
        self._recogniser = FaceRecogniser(checkpoint, placement)
        self._recognition_network = recognition_network

    def __call__(self, item: FacesOfClip, folder: Path) -> list[Label]:
        """Return one label per face."""
        del folder
        columns = ["face_id", "image"]
        table = pq.read_table(item.shard, columns=columns, filters=[("clip_id", "==", item.clip_id)])
        pictures = [decode_png(image["bytes"]) for image in table.column("image").to_pylist()]
        embeddings = self._recogniser.embed(pictures)
        return [
            Label(face_id=face_id, recognition_network=self._recognition_network, embedding=embedding)
            for face_id, embedding in zip(table.column("face_id").to_pylist(), embeddings, strict=True)
        ]
