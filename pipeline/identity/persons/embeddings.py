"""The face embeddings of subjects, as they are compared."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import compress, islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.core.records.evidence import SubjectEmbedding
from pipeline.core.storage.vectors import BLOCK_ROWS, Groups, StoredVectors, VectorFile, unit, whiten
from pipeline.identity.persons.published import PublishedIdentity
from pipeline.identity.persons.rows import TableRows, rows_of_ids, texts_of


@dataclass(frozen=True, slots=True, eq=False)
class FaceEmbeddings:
    """The unit embeddings, (N, D), on the disk, of the subjects that have one, in id order."""

    published: TableRows[PublishedIdentity]
    """All subjects, in id order."""
    rows: NDArray[np.int64]
    """(N,) ascending: the row in ``published`` of each subject that has an embedding."""
    vectors: StoredVectors

    def __len__(self) -> int:
        return len(self.rows)

    def subject(self, row: int) -> PublishedIdentity:
        """Return the subject of one embedding."""
        return self.published[int(self.rows[row])]

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column of PublishedIdentity of the subject of each embedding."""
        return self.published.column(name).take(pa.array(self.rows))


def face_embeddings(
    published: TableRows[PublishedIdentity],
    embeddings: Iterable[SubjectEmbedding],
    whitening: float | None,
    folder: Path | None = None,
) -> FaceEmbeddings:
    """Return the embeddings of all subjects of ``published`` that have one, whitened unless ``whitening`` is None.

    They are kept in a file in ``folder``, by default that for temporary files.
    """
    file = VectorFile(folder)
    subject_ids = published.column("subject_id")
    file_rows = np.full(len(published), -1)
    embeddings = iter(embeddings)
    while block := list(islice(embeddings, BLOCK_ROWS)):
        rows = rows_of_ids(pa.chunked_array([[one.subject_id for one in block]], pa.string()), subject_ids)
        if (is_known := rows >= 0).any():
            vectors = np.stack([one.embedding for one in compress(block, is_known)])
            file_rows[rows[is_known]] = np.arange(len(file), len(file) + len(vectors))
            file.append(unit(vectors))
    has_embedding = np.flatnonzero(file_rows >= 0)
    found = FaceEmbeddings(published, has_embedding, StoredVectors(file, file_rows[has_embedding]))
    if whitening is not None and len(found):
        whiten(found.vectors, numbered(texts_of(found.column("name")))[1], whitening)
    return found


def numbered(names: Iterable[str]) -> tuple[list[str], Groups]:
    """Return the different names in order, and for each of ``names`` its place among them."""
    codes: dict[str, int] = {}
    found = np.fromiter((codes.setdefault(name, len(codes)) for name in names), np.int64)
    different = sorted(codes)
    places = np.empty(len(codes), np.int64)
    places[[codes[name] for name in different]] = np.arange(len(codes))
    return different, places[found]
