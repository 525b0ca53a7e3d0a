"""The face embeddings of clips, as they are compared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.identity.persons.published import PublishedIdentity
from pipeline.identity.vectors import Vectors, unit, whitened
from pipeline.records.evidence import ClipEmbedding


@dataclass(frozen=True, slots=True, eq=False)
class FaceEmbeddings:
    """The clips that have an embedding, in id order, and their unit embeddings (N, D), float64."""

    published: tuple[PublishedIdentity, ...]
    vectors: Vectors

    @property
    def by_clip(self) -> dict[str, Vectors]:
        """The embeddings (D,) by clip id."""
        return {one.clip.clip_id: vector for one, vector in zip(self.published, self.vectors, strict=True)}


def face_embeddings(
    published: Sequence[PublishedIdentity], embeddings: Iterable[ClipEmbedding], whitening: float | None
) -> FaceEmbeddings:
    """Return the embeddings of all clips of ``published`` that have one, whitened unless ``whitening`` is None."""
    vector_of = {one.clip_id: one.embedding for one in embeddings}
    embedded = tuple(one for one in published if one.clip.clip_id in vector_of)
    if not embedded:
        return FaceEmbeddings((), np.empty((0, 0)))
    vectors = unit(np.stack([vector_of[one.clip.clip_id] for one in embedded]))
    if whitening is not None:
        _, names = np.unique([one.name for one in embedded], return_inverse=True)
        vectors = whitened(vectors, names, whitening)
    return FaceEmbeddings(embedded, vectors)
