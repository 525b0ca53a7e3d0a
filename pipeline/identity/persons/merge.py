"""Second phase: merge the parts of all names that show one person; those of two overridden names stay apart."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.core.records.evidence import LISTED, MERGED, NOT_MERGED, OVERRIDDEN, SAME_PERSON
from pipeline.core.storage.vectors import Groups, Pair, Vectors, close_pairs
from pipeline.identity.persons.cluster import merge_groups
from pipeline.identity.persons.params import PersonsParams
from pipeline.identity.persons.parts import SIMILARITY_DIGITS, Comparison, Part


@dataclass(frozen=True, slots=True)
class Merge:
    """The groups of parts that show one person."""

    person_of: Mapping[str, str]
    """The person of each part, by the part's ``subject_id``."""
    merged: frozenset[str]
    """The ``subject_id`` of each part that shares its person with another part."""
    similar: tuple[Comparison, ...]
    """The pairs of parts of different names that look like one person."""


def merge_parts(parts: Sequence[Part], params: PersonsParams) -> Merge:
    """Return the person of each part; each part is a person by itself where params switch merging off.

    A group is named after its overridden name, else the first of its published names, else a part's first subject.
    """
    means = np.array([part.mean for part in parts])
    pairs = _similar_pairs(means, params.same_person_above)
    groups = _groups(parts, means, pairs, params)
    members: dict[int, list[Part]] = defaultdict(list)
    for part, group in zip(parts, groups.tolist(), strict=True):
        members[group].append(part)
    overridden = {group for group, found in members.items() if any(part.is_overridden for part in found)}
    return Merge(
        person_of={
            part.subject_id: person for found in members.values() for person in [_person(found)] for part in found
        },
        merged=frozenset(part.subject_id for found in members.values() if len(found) > 1 for part in found),
        similar=tuple(
            Comparison(
                kind=SAME_PERSON,
                part=parts[a],
                other=parts[b],
                similarity=round(similarity, SIMILARITY_DIGITS),
                decision=_decision({int(groups[a]), int(groups[b])}, overridden, params),
            )
            for a, b, similarity in pairs
            if parts[a].name != parts[b].name
        ),
    )


def _similar_pairs(means: Vectors, same_person_above: float) -> list[Pair]:
    """Return the pairs of parts that look like one person, each pair once."""
    return [pair for pair in close_pairs(means, means, same_person_above) if pair[0] < pair[1]]


def _groups(parts: Sequence[Part], means: Vectors, pairs: Sequence[Pair], params: PersonsParams) -> Groups:
    if not parts or not params.merge:
        return np.arange(len(parts))
    sizes = np.array([len(part.rows) for part in parts])
    overridden = np.array([part.is_overridden for part in parts])
    return merge_groups(means, sizes, overridden, params.same_person_above, pairs)


def _person(parts: Sequence[Part]) -> str:
    ranks = [(not part.is_overridden, not part.first.is_published, not part.is_main) for part in parts]
    return min((rank, part.person_id) for rank, part in zip(ranks, parts, strict=True))[1]


def _decision(groups: Collection[int], overridden: Collection[int], params: PersonsParams) -> str:
    if len(groups) == 1:
        return MERGED
    if not params.merge:
        return LISTED
    return OVERRIDDEN if all(group in overridden for group in groups) else NOT_MERGED
