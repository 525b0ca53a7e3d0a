"""The face embeddings of clips, as they are compared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from pipeline.core.records.evidence import ClipEmbedding
from pipeline.identity.persons.published import PublishedIdentity
from pipeline.identity.vectors import BLOCK_ROWS, Groups, StoredVectors, VectorFile, unit, whiten


@dataclass(frozen=True, slots=True, eq=False)
class FaceEmbeddings:
    """The clips that have an embedding, in id order, and their unit embeddings, (N, D), on the disk."""

    published: tuple[PublishedIdentity, ...]
    vectors: StoredVectors


def face_embeddings(
    published: Sequence[PublishedIdentity],
    embeddings: Iterable[ClipEmbedding],
    whitening: float | None,
    folder: Path | None = None,
) -> FaceEmbeddings:
    """Return the embeddings of all clips of ``published`` that have one, whitened unless ``whitening`` is None.

    They are kept in a file in ``folder``, by default that for temporary files.
    """
    file = VectorFile(folder)
    file_rows = np.full(len(published), -1)
    number_of = {one.clip_id: number for number, one in enumerate(published)}
    embedded = (one for one in embeddings if one.clip_id in number_of)
    while block := list(islice(embedded, BLOCK_ROWS)):
        file_rows[[number_of[one.clip_id] for one in block]] = np.arange(len(file), len(file) + len(block))
        file.append(unit(np.stack([one.embedding for one in block])))
    chosen = tuple(one for one, row in zip(published, file_rows.tolist(), strict=True) if row >= 0)
    vectors = StoredVectors(file, file_rows[file_rows >= 0])
    if whitening is not None and chosen:
        whiten(vectors, numbered(one.name for one in chosen)[1], whitening)
    return FaceEmbeddings(chosen, vectors)


def numbered(names: Iterable[str]) -> tuple[list[str], Groups]:
    """Return the different names in order, and for each of ``names`` its place among them."""
    codes: dict[str, int] = {}
    found = np.fromiter((codes.setdefault(name, len(codes)) for name in names), np.int64)
    different = sorted(codes)
    places = np.empty(len(codes), np.int64)
    places[[codes[name] for name in different]] = np.arange(len(codes))
    return different, places[found]
