"""First phase: divide the subjects of each name into parts, the subjects of one part showing one person."""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.storage.vectors import StoredVectors, Vectors
from pipeline.identity.persons.cluster import average_linkage
from pipeline.identity.persons.embeddings import FaceEmbeddings, numbered
from pipeline.identity.persons.published import PublishedIdentity
from pipeline.identity.persons.rows import texts_of

SIMILARITY_DIGITS = 6
_ID_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Clips of one name that show one person: most of its subjects (``is_main``) or others.

    ``is_overridden``: an override names the person of the name (main part) or of one of the subjects (other part).
    """

    name: str
    first: PublishedIdentity
    """The first subject."""
    rows: NDArray[np.int64]
    """The subjects: their rows among the embeddings, ascending."""
    mean: Vectors
    """The mean of the subjects' unit embeddings, (D,)."""
    is_main: bool
    is_overridden: bool

    @property
    def subject_id(self) -> str:
        """The id of the first subject; no two parts share it."""
        return self.first.subject_id

    @property
    def person_id(self) -> str:
        """The person of a part that is merged with no other: an id that no name has, unless the part is the main one.

        It stays while the part's first subject does.
        """
        if self.is_main:
            return self.name
        return f"{self.name}~{hashlib.sha256(self.subject_id.encode()).hexdigest()[:_ID_DIGITS]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two parts that were compared, and the decision on them.

    ``kind`` is SAME_PERSON for parts of two names, and TWO_PERSONS or OUTLIER for another part of a name and the main
    one (``other``). ``similarity`` is the mean cosine over all pairs of their subjects, rounded to SIMILARITY_DIGITS.
    """

    kind: str
    part: Part
    other: Part
    similarity: float
    decision: str
    """MERGED, NOT_MERGED, SEPARATED, DROPPED, LISTED or OVERRIDDEN."""


@dataclass(frozen=True, slots=True)
class NameParts:
    """All parts of one name."""

    main: Part
    others: tuple[Part, ...]


def parts_by_name(
    embeddings: FaceEmbeddings, overridden_names: Collection[str], other_person_below: float
) -> dict[str, NameParts]:
    """Return the parts of every name, in name order; the largest is first, ties are ordered by their first subject.

    Subjects to which an override gave their name one by one are in no part: they are no evidence on the others.
    """
    found: dict[str, NameParts] = {}
    for name, rows in _rows_by_name(embeddings):
        main, *others = _group_rows(embeddings.vectors, rows, other_person_below)
        found[name] = NameParts(
            _part(embeddings, main, is_main=True, is_overridden=name in overridden_names),
            tuple(
                _part(
                    embeddings,
                    other,
                    is_main=False,
                    is_overridden=any(embeddings.subject(row).is_overridden for row in other),
                )
                for other in others
            ),
        )
    return found


def _rows_by_name(embeddings: FaceEmbeddings) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Yield each name, in order, and the rows of its subjects, ascending; not of those that an override gave a name."""
    own = embeddings.column("original_name").is_null()
    names, groups = numbered(texts_of(embeddings.column("name").filter(own)))
    rows = np.flatnonzero(own)[np.argsort(groups, kind="stable")]
    end = 0
    for name, n_clips in zip(names, np.bincount(groups).tolist(), strict=True):
        yield name, rows[end : end + n_clips]
        end += n_clips


def _group_rows(vectors: StoredVectors, rows: NDArray[np.int64], other_person_below: float) -> list[NDArray[np.int64]]:
    labels = average_linkage(vectors[rows], other_person_below)
    return sorted((rows[labels == label] for label in np.unique(labels)), key=lambda group: (-len(group), group[0]))


def _part(embeddings: FaceEmbeddings, rows: NDArray[np.int64], *, is_main: bool, is_overridden: bool) -> Part:
    first = embeddings.subject(rows[0])
    return Part(
        name=first.name,
        first=first,
        rows=rows,
        mean=np.asarray(embeddings.vectors[rows].mean(axis=0)),
        is_main=is_main,
        is_overridden=is_overridden,
    )
