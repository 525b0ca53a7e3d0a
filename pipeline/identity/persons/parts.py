"""First phase: divide the clips of each name into parts, the clips of one part showing one person."""

import hashlib
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.identity.persons.cluster import average_linkage
from pipeline.identity.persons.embeddings import FaceEmbeddings
from pipeline.identity.persons.published import PublishedIdentity
from pipeline.identity.vectors import StoredVectors, Vectors

SIMILARITY_DIGITS = 6
_ID_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Clips of one name that show one person: most of its clips (``is_main``) or others.

    ``is_overridden``: an override names the person of the name (main part) or of one of the clips (other part).
    """

    name: str
    clips: tuple[PublishedIdentity, ...]
    mean: Vectors
    """The mean of the clips' unit embeddings, (D,)."""
    is_main: bool
    is_overridden: bool

    @property
    def clip_id(self) -> str:
        """The id of the first clip; no two parts share it."""
        return self.clips[0].clip_id

    @property
    def person_id(self) -> str:
        """The person of a part that is merged with no other: an id that no name has, unless the part is the main one.

        It stays while the part's first clip does.
        """
        if self.is_main:
            return self.name
        return f"{self.name}~{hashlib.sha256(self.clip_id.encode()).hexdigest()[:_ID_DIGITS]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two parts that were compared, and the decision on them.

    ``kind`` is SAME_PERSON for parts of two names, and TWO_PERSONS or OUTLIER for another part of a name and the main
    one (``other``). ``similarity`` is the mean cosine over all pairs of their clips, rounded to SIMILARITY_DIGITS.
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
    """Return the parts of every name, in name order; the largest part is first, ties are ordered by their first clip.

    Clips to which an override gave their name one by one are in no part: they are no evidence on the others.
    """
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, one in enumerate(embeddings.published):
        if one.original_name is None:
            rows_of[one.name].append(row)
    found: dict[str, NameParts] = {}
    for name, rows in sorted(rows_of.items()):
        main, *others = _group_rows(embeddings.vectors, np.array(rows), other_person_below)
        found[name] = NameParts(
            _part(embeddings, main, is_main=True, is_overridden=name in overridden_names),
            tuple(
                _part(
                    embeddings,
                    other,
                    is_main=False,
                    is_overridden=any(embeddings.published[row].is_overridden for row in other),
                )
                for other in others
            ),
        )
    return found


def _group_rows(vectors: StoredVectors, rows: NDArray[np.int64], other_person_below: float) -> list[NDArray[np.int64]]:
    labels = average_linkage(vectors[rows], other_person_below)
    return sorted((rows[labels == label] for label in np.unique(labels)), key=lambda group: (-len(group), group[0]))


def _part(embeddings: FaceEmbeddings, rows: NDArray[np.int64], *, is_main: bool, is_overridden: bool) -> Part:
    return Part(
        name=embeddings.published[rows[0]].name,
        clips=tuple(embeddings.published[row] for row in rows),
        mean=np.asarray(embeddings.vectors[rows].mean(axis=0)),
        is_main=is_main,
        is_overridden=is_overridden,
    )
