"""Label a clip's faces: the embedding of every crop, standard or not, so that a later threshold needs no network."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from pipeline.core.base.device import Placement
from pipeline.core.base.images import decode_png
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import Params
from pipeline.core.records.face import Face
from pipeline.core.records.label import Label
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.storage.clip_order import in_order_of
from pipeline.core.storage.manifest import read_table
from pipeline.core.storage.shards import shard_paths
from pipeline.identity.network.embed import FaceRecogniser


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


def faces_of_clips(faces_folder: Path, beside: Path) -> Iterator[FacesOfClip]:
    """Yield the clips in all shards in id order, each with the hashes of its pictures, not the pictures.

    They are sorted on the disk, beside the path ``beside``.
    """
    shards = shard_paths(faces_folder)
    pictures = (_pictures_of(shard, number) for number, shard in enumerate(shards))
    for table in in_order_of(pictures, "clip_id", beside):
        for row in table.to_pylist():
            yield FacesOfClip(row["clip_id"], shards[row["shard"]].absolute(), tuple(row["pictures"]))


def unlabelled_rows(items: Iterable[FacesOfClip]) -> Iterator[LedgerRow]:
    """Yield the ledger of a run without a face recognition network."""
    drop = Dropped.filtered("no_recognition_network", "the weights that params.yaml names are missing")
    for item in items:
        yield ledger_row("identify", item.clip_id, drop)


def _pictures_of(shard: Path, number: int) -> pa.Table:
    """Return a row for each clip of one shard."""
    table = read_table(shard, Face, ["clip_id", "image_sha256"])
    by_clip = table.group_by("clip_id", use_threads=False)  # by one thread: lists keep the order of rows
    pictures = by_clip.aggregate([("image_sha256", "list")])
    numbers = pa.array(np.full(len(pictures), number))
    return pa.Table.from_arrays(
        [pictures["clip_id"], numbers, pictures["image_sha256_list"]], names=["clip_id", "shard", "pictures"]
    )


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
