"""Label a clip's faces: the embedding of every crop, standard or not, so that a later threshold needs no network."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.base.images import decode_png
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.records.label import Label

VERSION = 2  # of what the identify step returns: raise it whenever the same input gives another result


@dataclass(frozen=True, slots=True)
class FacesOfClip:
    """The item of the identify step: one clip's faces, and the shard where their pictures stand."""

    clip_id: str
    shard: Path
    pictures: tuple[str, ...]  # sha256 of each picture, in id order

    @property
    def content(self) -> tuple[str, ...]:
        """What determines the result, beside the network."""
        return (self.clip_id, *self.pictures)


class Labeller:
    """The identify step; the network is loaded once a worker."""

    def __init__(self, checkpoint: Path, recognition_network: str) -> None:
        self._embedder = FaceRecogniser(checkpoint)
        self._recognition_network = recognition_network

    def __call__(self, item: FacesOfClip, folder: Path) -> list[Label]:
        """Return one label a face."""
        del folder
        columns = ["face_id", "image"]
        table = pq.read_table(item.shard, columns=columns, filters=[("clip_id", "==", item.clip_id)])
        pictures = [decode_png(image["bytes"]) for image in table.column("image").to_pylist()]
        embeddings = self._embedder.embed(pictures)
        return [
            Label(face_id=face_id, recognition_network=self._recognition_network, embedding=embedding)
            for face_id, embedding in zip(table.column("face_id").to_pylist(), embeddings, strict=True)
        ]
