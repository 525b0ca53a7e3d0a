"""Persons: the person of each subject and each published identity, split into train and test by person."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipeline.core.base.draws import draw_unit
from pipeline.core.records.person import BY_EVIDENCE, BY_NAME, BY_OVERRIDE, TEST, TRAIN, Person, SubjectPerson
from pipeline.core.records.subject import clip_of
from pipeline.identity.persons.params import PersonsParams
from pipeline.identity.persons.published import PublishedIdentity
from pipeline.identity.persons.rows import TableRows


@dataclass(frozen=True, slots=True)
class Splits:
    """The split of each person."""

    of: Mapping[str, str]
    note: str
    """Where they are too few for the hash to decide: what was done instead; else empty."""


def split_of(person_id: str, test_share: float, seed: int) -> str:
    """Return the split that a person's hash decides: that of seed and person, so that more persons move nobody.

    The hash takes no dataset: a person has one split in all of them, and each dataset is a draw of its own, whose share
    of test persons is off by ``sqrt(test_share (1 - test_share) / n)`` on average.
    """
    return TEST if draw_unit(seed, person_id) < test_share else TRAIN


def splits_of(person_of: Iterable[str | None], same_split_as: Mapping[str, str], params: PersonsParams) -> Splits:
    """Return the splits of all persons in ``person_of``: by hash, and none of both empty where that is possible.

    A person is in the split of the person that ``same_split_as`` names for it, if any. Where all are in one split by
    hash, the one that is nearest to the limit is moved into the other; a single one is in train. Once the hash puts
    anybody into the other split, it decides on all. Where ``test_share`` is 0, all are in train.
    """
    persons = sorted({person for person in person_of if person is not None})
    named = {person: same_split_as.get(person, person) for person in persons}
    by_hash = {one: split_of(one, params.test_share, params.seed) for one in sorted(set(named.values()))}
    if params.test_share == 0 or len(set(by_hash.values())) != 1:
        return Splits({person: by_hash[one] for person, one in named.items()}, "")
    if len(by_hash) == 1:
        few = "there is one person" if len(persons) == 1 else "all persons may be one, or are in one video"
        return Splits(dict.fromkeys(persons, TRAIN), f"{few}: nobody is in test")
    (full,) = set(by_hash.values())
    empty = TRAIN if full == TEST else TEST
    moved = min(by_hash, key=lambda one: abs(draw_unit(params.seed, one) - params.test_share))
    first = next(person for person, one in named.items() if one == moved)
    note = f"the hash puts all {len(persons)} persons into {full}: '{first}', nearest to the limit, is in {empty}"
    return Splits({person: empty if one == moved else full for person, one in named.items()}, note)


def subject_persons_of(
    published: Iterable[PublishedIdentity], person_of: Iterable[str | None], split: Mapping[str, str]
) -> TableRows[SubjectPerson]:
    """Return the person and split of each subject whose person, in ``person_of``, is not None."""
    subject_persons = (
        SubjectPerson(
            subject_id=one.subject_id,
            clip_id=clip_of(one.subject_id),
            dataset=one.dataset,
            person_id=person,
            split=split[person],
        )
        for one, person in zip(published, person_of, strict=True)
        if person
    )
    return TableRows.of(SubjectPerson, subject_persons)


def persons_of(published: Iterable[PublishedIdentity], subject_persons: Iterable[SubjectPerson]) -> list[Person]:
    """Return one Person for each pair of a published identity and a person that some of its subjects show.

    Both are in the order of subject ids.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    decided_by: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    split: dict[str, str] = {}
    for one, subject_person in _with_person(published, subject_persons):
        key = one.dataset, one.identity, subject_person.person_id
        counts[key] += 1
        decided_by[key].add(_decided_by(one, subject_person.person_id))
        split[subject_person.person_id] = subject_person.split
    main: dict[tuple[str, str], str] = {}
    for dataset, identity, person_id in sorted(counts, key=lambda key: (-counts[key], key)):
        main.setdefault((dataset, identity), person_id)
    return [
        Person(
            dataset_identity=f"{dataset}/{identity}"
            + ("" if main[dataset, identity] == person_id else f"~{person_id}"),
            dataset=dataset,
            identity=identity,
            person_id=person_id,
            split=split[person_id],
            decided_by=next(one for one in (BY_OVERRIDE, BY_EVIDENCE, BY_NAME) if one in decided_by[key]),
            n_clips=n_clips,
        )
        for key, n_clips in sorted(counts.items())
        for dataset, identity, person_id in [key]
    ]


def _with_person(
    published: Iterable[PublishedIdentity], subject_persons: Iterable[SubjectPerson]
) -> Iterator[tuple[PublishedIdentity, SubjectPerson]]:
    """Yield each subject that has a person, with it; both are in the order of subject ids."""
    found = iter(subject_persons)
    subject_person = next(found, None)
    for one in published:
        if subject_person is not None and subject_person.subject_id == one.subject_id:
            yield one, subject_person
            subject_person = next(found, None)


def _decided_by(published: PublishedIdentity, person_id: str) -> str:
    if published.is_overridden:
        return BY_OVERRIDE
    return BY_NAME if person_id == published.name else BY_EVIDENCE
