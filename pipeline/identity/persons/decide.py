"""Decide the person of each subject, by its published identity and by the face embeddings of all subjects.

Phases, each a function from values to values: divide the subjects of each name into parts (``parts``), merge the parts
of all names that show one person (``merge``), and decide here on the parts that show another person than most of their
name's subjects. No phase changes what an override decides.
"""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import listed_id
from pipeline.core.records.evidence import DROPPED, LISTED, OUTLIER, OVERRIDDEN, SAME_VIDEO, SEPARATED, TWO_PERSONS
from pipeline.core.records.subject import clip_of
from pipeline.core.storage.vectors import close_pairs, group_means
from pipeline.identity.persons.embeddings import FaceEmbeddings, numbered
from pipeline.identity.persons.leakage import source_hash
from pipeline.identity.persons.merge import Merge, merge_parts
from pipeline.identity.persons.params import PersonsParams
from pipeline.identity.persons.parts import SIMILARITY_DIGITS, Comparison, NameParts, Part, parts_by_name
from pipeline.identity.persons.published import PublishedIdentity
from pipeline.identity.persons.rows import texts_of
from pipeline.identity.same_video.keep import VideoDecisions
from pipeline.identity.same_video.pairs import first_of_groups


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions on all subjects."""

    person_of: list[str | None]
    """The person of each subject, in the order of ``FaceEmbeddings.published``; None of those that are dropped."""
    dropped: list[tuple[str, Dropped]]
    """(subject id, drop) of the outliers that are dropped."""
    kept_apart: set[frozenset[str]]
    """Pairs of persons that look like one person and are two by override."""
    same_split_as: dict[str, str]
    """The person whose split another shares: they may be one but are not similar enough, or are in one source video."""
    compared: tuple[Comparison, ...]
    """The parts of different names that look like one person, then the other parts of each name."""


def decide(
    embeddings: FaceEmbeddings,
    params: PersonsParams,
    videos: VideoDecisions = VideoDecisions(),
    sources: Iterable[Iterable[str | None]] = (),
) -> Decisions:
    """Return the decisions on all subjects; a subject without an embedding goes with its name's main part.

    A person of several names is named after the first of them, or by an override. ``videos``: the decisions on clips of
    the same video; ``sources``: of each subject what tells its source video, one after the other; else None.
    """
    published = embeddings.published
    overridden = {name for one in published if one.is_overridden for name in (one.name, one.original_name) if name}
    parts = parts_by_name(embeddings, overridden, params.other_person_below)
    merge = merge_parts(_parts_to_merge(parts.values(), params), params)
    others = tuple(_decide_part(part, one.main, merge, params) for one in parts.values() for part in one.others)
    main_person = {name: merge.person_of[one.main.subject_id] for name, one in parts.items()}
    person_of = _person_of(embeddings, main_person, merge, others)
    kept_apart = _kept_apart(published, main_person, merge, person_of)
    kept_once, copies = _kept_once(published, person_of, videos)
    return Decisions(
        person_of=kept_once,
        dropped=[*(_drop(other, params) for other in others if other.decision == DROPPED), *copies],
        kept_apart=kept_apart,
        same_split_as=_same_split_as(
            [
                *_maybe_one_person(embeddings, person_of, kept_apart, params.same_split_above),
                *_sharing(_of_one_clip(published), person_of),
                # By hash: of two videos with one hash the persons share a split, no more.
                *chain.from_iterable(_sharing(_hashes(one), person_of) for one in sources),
                *(_sharing(_of_one_video(published, videos), person_of) if videos.group_of else ()),
            ]
        ),
        compared=(*merge.similar, *others),
    )


def _parts_to_merge(parts: Iterable[NameParts], params: PersonsParams) -> list[Part]:
    return [
        part
        for one in parts
        for part in (one.main, *one.others)
        if part.is_main or (params.separate and not part.is_overridden)
    ]


def _decide_part(part: Part, main: Part, merge: Merge, params: PersonsParams) -> Comparison:
    # A single subject is an outlier among several only: of two, either may have the wrong name.
    is_outlier = len(part.rows) == 1 < len(main.rows) and part.subject_id not in merge.merged
    if part.is_overridden:
        decision = OVERRIDDEN
    elif is_outlier:
        decision = DROPPED if params.drop_outliers else LISTED
    else:
        decision = SEPARATED if params.separate else LISTED
    return Comparison(
        kind=OUTLIER if is_outlier else TWO_PERSONS,
        part=part,
        other=main,
        similarity=round(float(part.mean @ main.mean), SIMILARITY_DIGITS),
        decision=decision,
    )


def _person_of(
    embeddings: FaceEmbeddings, main_person: Mapping[str, str], merge: Merge, others: Iterable[Comparison]
) -> list[str | None]:
    names = texts_of(embeddings.published.column("name"))
    # One string for all subjects of a person.
    person_of: list[str | None] = [main_person.get(name) or sys.intern(name) for name in names]
    for other in others:
        if other.decision in (DROPPED, SEPARATED):
            person = None if other.decision == DROPPED else merge.person_of[other.part.subject_id]
            for row in embeddings.rows[other.part.rows].tolist():
                person_of[row] = person
    return person_of


def _drop(other: Comparison, params: PersonsParams) -> tuple[str, Dropped]:
    similarity = f"mean cosine {other.similarity:.2f} with the other subjects of '{other.part.name}'"
    return other.part.subject_id, Dropped.filtered(OUTLIER, f"{similarity}, below {params.other_person_below}")


def _kept_apart(
    published: Iterable[PublishedIdentity],
    main_person: Mapping[str, str],
    merge: Merge,
    person_of: Iterable[str | None],
) -> set[frozenset[str]]:
    """Return the pairs that look like one person and are two by override: of both, or of one subject of them."""
    similar = [
        (merge.person_of[pair.part.subject_id], merge.person_of[pair.other.subject_id])
        for pair in merge.similar
        if pair.decision == OVERRIDDEN
    ]
    moved = [
        (person, main_person[one.original_name])
        for one, person in zip(published, person_of, strict=True)
        if one.original_name is not None and one.original_name in main_person and person is not None
    ]
    return {frozenset(pair) for pair in [*similar, *moved] if pair[0] != pair[1]}


def _same_split_as(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return, for persons that are to share a split (directly, or through others), the first person of each group."""
    return {person: first for person, first in first_of_groups(pairs).items() if person != first}


def _maybe_one_person(
    embeddings: FaceEmbeddings,
    person_of: Sequence[str | None],
    kept_apart: Collection[frozenset[str]],
    same_split_above: float | None,
) -> Iterator[tuple[str, str]]:
    """Yield the persons that may be one.

    An error here changes the split of a person; one in merging changes the person, and neither is a leak.
    """
    if same_split_above is None:
        return
    person_of_row = [person_of[row] for row in embeddings.rows.tolist()]
    rows = np.flatnonzero([person is not None for person in person_of_row])
    if not len(rows):
        return
    persons, groups = numbered(person for person in person_of_row if person is not None)
    means = group_means(embeddings.vectors.select(rows), groups, len(persons))
    for a, b, _ in close_pairs(means, means, same_split_above):
        if a < b and frozenset((persons[a], persons[b])) not in kept_apart:
            yield persons[a], persons[b]


def _kept_once(
    published: Iterable[PublishedIdentity], person_of: Sequence[str | None], videos: VideoDecisions
) -> tuple[list[str | None], list[tuple[str, Dropped]]]:
    """Return ``person_of`` without the subjects of clips for which another of the same video is kept, and the drops."""
    if not videos.kept_for:
        return [*person_of], []
    kept, dropped = [*person_of], []
    for row, one in enumerate(published):
        kept_clip = videos.kept_for.get(listed_id(clip_of(one.subject_id)))
        if kept_clip is not None and kept[row] is not None:
            kept[row] = None
            dropped.append((one.subject_id, Dropped.filtered(SAME_VIDEO, f"{kept_clip} is kept")))
    return kept, dropped


def _of_one_video(published: Iterable[PublishedIdentity], videos: VideoDecisions) -> Iterator[str | None]:
    """Yield for each subject what those of clips that have content in common share."""
    return (videos.group_of.get(listed_id(clip_of(one.subject_id))) for one in published)


def _of_one_clip(published: Iterable[PublishedIdentity]) -> Iterator[str | None]:
    """Yield for each subject what those with the published identity in parts of one clip share.

    Where a guest is seen most in a part, they are two persons.
    """
    for one in published:
        clip_id = clip_of(one.subject_id)
        listed = listed_id(clip_id)
        yield listed if one.is_published and listed != clip_id else None


def _sharing(keys: Iterable[str | int | None], person_of: Iterable[str | None]) -> Iterator[tuple[str, str]]:
    """Yield the persons of subjects with one key, each with the first of them; None is no key."""
    first: dict[str | int, str] = {}
    for key, person in zip(keys, person_of, strict=True):
        if key is not None and person is not None:
            yield first.setdefault(key, person), person


def _hashes(sources: Iterable[str | None]) -> Iterator[int | None]:
    return (None if source is None else source_hash(source) for source in sources)
