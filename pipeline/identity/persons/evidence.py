"""Evidence: hold names against faces. One person under two names, two under one, and the clip that shows nobody's face.

First each name's clips are parted, where they show more than one person; then the parts of all names are joined, where
they show one. Who a person says somebody is, nothing here changes.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.base.outcome import Dropped
from pipeline.identity.persons.cluster import link, parts
from pipeline.identity.persons.persons import Claim, PersonsParams
from pipeline.identity.vectors import Pair, Vectors, close_pairs, group_means, unit, whitened
from pipeline.records.evidence import (
    DROPPED,
    LISTED,
    MERGED,
    NOT_MERGED,
    OUTLIER,
    OVERRIDDEN,
    SAME_PERSON,
    SPLIT,
    TWO_PERSONS,
    ClipEmbedding,
    PersonEvidence,
)
from pipeline.records.person import BY_EVIDENCE, BY_OVERRIDE

BY_PARAMS = "params"
_ID_DIGITS = 8
_SCORE_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Faces:
    """What faces there are to compare: clips in id order, and their unit embeddings, (N, D)."""

    claims: list[Claim]
    vectors: Vectors

    @property
    def of_clip(self) -> dict[str, Vectors]:
        """The embeddings by clip id."""
        return {claim.clip.clip_id: vector for claim, vector in zip(self.claims, self.vectors, strict=True)}


@dataclass(frozen=True, slots=True)
class Findings:
    """What the faces say: the person of each clip that is kept, the clips that are not, and every piece of evidence.

    ``held_apart`` are pairs of persons that look like one, and of whom a person says that they are two.
    ``stands_with`` names, for those who may be one person but are not alike enough to be merged, whose side they share.
    """

    person_of: dict[str, str]
    dropped: list[tuple[str, Dropped]]
    evidence: list[PersonEvidence]
    held_apart: set[frozenset[str]]
    stands_with: dict[str, str]


@dataclass(slots=True)
class _Part:
    """Clips of one name that show one person, as rows of Faces: most of them (``is_main``), or some others.

    ``decision`` says what becomes of others: SPLIT ones stand for themselves, all else go with the main part, or go.
    """

    name: str
    rows: NDArray[np.int64]
    mean: Vectors
    is_main: bool
    is_pinned: bool
    person_id: str
    decision: str = ""
    is_outlier: bool = False

    @property
    def stands(self) -> bool:
        return self.is_main or self.decision == SPLIT


def comparable(claims: Sequence[Claim], embeddings: Iterable[ClipEmbedding], whitening: float | None) -> Faces:
    """Return the faces of all claims that have an embedding, whitened around the mean person when asked for."""
    known = {one.clip_id: one.embedding for one in embeddings}
    seen = [claim for claim in claims if claim.clip.clip_id in known]
    if not seen:
        return Faces([], np.empty((0, 0)))
    vectors = unit(np.stack([known[claim.clip.clip_id] for claim in seen]))
    if whitening is not None:
        _, names = np.unique([claim.name for claim in seen], return_inverse=True)
        vectors = whitened(vectors, names, whitening)
    return Faces(seen, vectors)


def weigh(claims: Sequence[Claim], faces: Faces, params: PersonsParams) -> Findings:
    """Return who every clip shows, by its name and by all faces; a clip without a face goes with its name's main part.

    A person joined of several names goes by the first of them, or by the one that an override gave.
    """
    held = {name for claim in claims if claim.is_pinned for name in (claim.name, claim.taken_from) if name}
    parts_of = _part(faces, held, params)
    standing = [part for found in parts_of.values() for part in found if part.stands]
    pairs = _alike(standing, params)
    groups = _join(standing, pairs, params)
    _give_ids(standing, groups)
    _find_outliers(parts_of, standing, groups, params)
    person_of = {claim.clip.clip_id: claim.name for claim in claims}
    for claim in claims:
        if claim.name in parts_of:
            person_of[claim.clip.clip_id] = parts_of[claim.name][0].person_id
    dropped: list[tuple[str, Dropped]] = []
    evidence = _same_persons(standing, pairs, groups, faces, params)
    for name, (main, *others) in parts_of.items():
        for part in others:
            found = _against_name(part, main, faces, params)
            evidence.append(found)
            if part.decision == DROPPED:
                limit = f"below {params.other_person_below}"
                why = f"mean cosine {found.score:.2f} with the other clips of '{name}', {limit}"
                dropped.append((found.clip_id, Dropped.filtered(OUTLIER, why)))
                del person_of[found.clip_id]
            elif part.decision == SPLIT:
                person_of.update({faces.claims[row].clip.clip_id: part.person_id for row in part.rows.tolist()})
    held_apart = _held_apart(claims, parts_of, person_of, evidence)
    together = _stand_together(faces, person_of, held_apart, params)
    return Findings(person_of, dropped, evidence, held_apart, together)


def _held_apart(
    claims: Iterable[Claim],
    parts_of: Mapping[str, list[_Part]],
    person_of: Mapping[str, str],
    evidence: Iterable[PersonEvidence],
) -> set[frozenset[str]]:
    """Return who look like one person and are two by override: each has a row, or one has a clip of the other's."""
    alike = [
        (person_of[one.clip_id], person_of[one.other_clip_id])
        for one in evidence
        if one.kind == SAME_PERSON and one.decision == OVERRIDDEN
    ]
    taken = [
        (person_of[claim.clip.clip_id], parts_of[claim.taken_from][0].person_id)
        for claim in claims
        if claim.taken_from is not None and claim.taken_from in parts_of
    ]
    return {frozenset(pair) for pair in [*alike, *taken] if pair[0] != pair[1]}


def _stand_together(
    faces: Faces, person_of: Mapping[str, str], held_apart: Collection[frozenset[str]], params: PersonsParams
) -> dict[str, str]:
    """Return for every person that may be another one, by however many between, the first of them all.

    An error here costs nothing but a side; one in merging costs a person, and none of both a leak.
    """
    seen = [row for row, claim in enumerate(faces.claims) if claim.clip.clip_id in person_of]
    if not seen or params.same_side_above is None:
        return {}
    owners = [person_of[faces.claims[row].clip.clip_id] for row in seen]
    persons, groups = np.unique(owners, return_inverse=True)
    means = group_means(faces.vectors[seen], groups, len(persons))
    first = np.arange(len(persons))
    for a, b, _ in close_pairs(means, means, params.same_side_above):
        if a < b and frozenset((str(persons[a]), str(persons[b]))) not in held_apart and first[a] != first[b]:
            low, high = sorted((int(first[a]), int(first[b])))
            first[first == high] = low
    return {
        str(person): str(persons[low]) for person, low in zip(persons, first, strict=True) if persons[low] != person
    }


def _part(faces: Faces, held: Collection[str], params: PersonsParams) -> dict[str, list[_Part]]:
    """Return the parts of every name, in name order, the largest first; of equals that of the first clip.

    Clips that a person gave to a name one by one say nothing of how those of that name look. ``held`` are the names of
    which a person said anything: no two of them are merged.
    """
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, claim in enumerate(faces.claims):
        if claim.taken_from is None:
            rows_of[claim.name].append(row)
    return {
        name: _parts_of_name(name, np.array(rows), faces, name in held, params)
        for name, rows in sorted(rows_of.items())
    }


def _parts_of_name(
    name: str, rows: NDArray[np.int64], faces: Faces, is_held: bool, params: PersonsParams
) -> list[_Part]:
    labels = parts(faces.vectors[rows], params.other_person_below)
    found = [rows[labels == label] for label in np.unique(labels)]
    found.sort(key=lambda part: (-len(part), part[0]))
    pinned = [any(faces.claims[row].is_pinned for row in part) for part in found]
    mean = [np.asarray(faces.vectors[part].mean(axis=0)) for part in found]
    main = _Part(name, found[0], mean[0], is_main=True, is_pinned=is_held, person_id=name)
    others = [
        _Part(name, rows, mean, is_main=False, is_pinned=pin, person_id=_id_of_part(name, rows, faces))
        for rows, mean, pin in zip(found[1:], mean[1:], pinned[1:], strict=True)
    ]
    for other in others:
        other.decision = _first_decision(other, main, params)
    return [main, *others]


def _first_decision(other: _Part, main: _Part, params: PersonsParams) -> str:
    """Return what becomes of clips that don't show the person of most, before they are held against other names."""
    if other.is_pinned:
        return OVERRIDDEN
    if params.split:
        return SPLIT
    return DROPPED if _may_be_outlier(other, main) and params.drop_outliers else LISTED


def _may_be_outlier(other: _Part, main: _Part) -> bool:
    """Tell whether a single clip stands against several: of one against one, nobody can tell which is wrong."""
    return len(other.rows) == 1 < len(main.rows)


def _alike(standing: Sequence[_Part], params: PersonsParams) -> list[Pair]:
    """Return the parts that look like one person, two at a time, each two once."""
    if not standing:
        return []
    means = np.stack([part.mean for part in standing])
    return [pair for pair in close_pairs(means, means, params.same_person_above) if pair[0] < pair[1]]


def _join(standing: Sequence[_Part], pairs: Sequence[Pair], params: PersonsParams) -> NDArray[np.int64]:
    """Return the groups of parts that show one person; each by itself where nothing is to be merged."""
    if not standing or not params.merge:
        return np.arange(len(standing))
    weights = np.array([len(part.rows) for part in standing])
    pinned = np.array([part.is_pinned for part in standing])
    return link(np.stack([part.mean for part in standing]), weights, pinned, params.same_person_above, pairs)


def _give_ids(standing: Sequence[_Part], groups: NDArray[np.int64]) -> None:
    """Name every group: after an override, else after the first of its names, else after a part's first clip."""
    members: dict[int, list[_Part]] = defaultdict(list)
    for part, group in zip(standing, groups.tolist(), strict=True):
        members[group].append(part)
    for group_parts in members.values():
        person_id = min((not part.is_pinned, not part.is_main, part.person_id) for part in group_parts)[2]
        for part in group_parts:
            part.person_id = person_id


def _find_outliers(
    parts_of: Mapping[str, list[_Part]], standing: Sequence[_Part], groups: NDArray[np.int64], params: PersonsParams
) -> None:
    """Find single clips whose face is nobody's, and drop these, or let them go with their name."""
    sizes = np.bincount(groups, minlength=len(groups))
    joined = {id(part) for part, group in zip(standing, groups.tolist(), strict=True) if sizes[group] > 1}
    for main, *others in parts_of.values():
        for part in others:
            part.is_outlier = _may_be_outlier(part, main) and id(part) not in joined
            if part.is_outlier and part.decision == SPLIT:
                part.decision = DROPPED if params.drop_outliers else LISTED


def _same_persons(
    standing: Sequence[_Part],
    pairs: Iterable[Pair],
    groups: NDArray[np.int64],
    faces: Faces,
    params: PersonsParams,
) -> list[PersonEvidence]:
    """Return one row for each two names whose clips look like one person's."""
    pinned = {int(group) for part, group in zip(standing, groups, strict=True) if part.is_pinned}
    found = []
    for a, b, score in pairs:
        if standing[a].name != standing[b].name:
            if groups[a] == groups[b]:
                decision = MERGED
            elif not params.merge:
                decision = LISTED
            else:
                decision = OVERRIDDEN if {int(groups[a]), int(groups[b])} <= pinned else NOT_MERGED
            found.append(_row(SAME_PERSON, standing[a], standing[b], faces, score, decision, params.same_person_above))
    return found


def _against_name(part: _Part, main: _Part, faces: Faces, params: PersonsParams) -> PersonEvidence:
    kind = OUTLIER if part.is_outlier else TWO_PERSONS
    return _row(kind, part, main, faces, float(part.mean @ main.mean), part.decision, params.other_person_below)


def _row(
    kind: str, part: _Part, other: _Part, faces: Faces, score: float, decision: str, threshold: float
) -> PersonEvidence:
    clip, other_clip = faces.claims[part.rows[0]].clip, faces.claims[other.rows[0]].clip
    return PersonEvidence(
        evidence_id=f"{kind}:{clip.clip_id}" + (f"+{other_clip.clip_id}" if kind == SAME_PERSON else ""),
        kind=kind,
        person=part.name,
        identity=f"{clip.dataset}/{clip.identity}",
        clip_id=clip.clip_id,
        n_clips=len(part.rows),
        other_person=other.name,
        other_identity=f"{other_clip.dataset}/{other_clip.identity}",
        other_clip_id=other_clip.clip_id,
        n_other_clips=len(other.rows),
        score=round(score, _SCORE_DIGITS),
        threshold=threshold,
        decision=decision,
        decided_by={OVERRIDDEN: BY_OVERRIDE, LISTED: BY_PARAMS}.get(decision, BY_EVIDENCE),
    )


def _id_of_part(name: str, rows: NDArray[np.int64], faces: Faces) -> str:
    """Return an id that no name has, and that stays while the part's first clip does."""
    first = faces.claims[rows[0]].clip.clip_id
    return f"{name}~{hashlib.sha256(first.encode()).hexdigest()[:_ID_DIGITS]}"
