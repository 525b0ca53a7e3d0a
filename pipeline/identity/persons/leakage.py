"""The leakage audit: checks that no person and no medium is in both train and test."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import compress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.core.records.clip import listed_id
from pipeline.core.records.person import TEST, TRAIN, SubjectPerson, in_both_splits
from pipeline.core.storage.vectors import Vectors, close_pairs, group_means, largest_product
from pipeline.identity.persons.embeddings import FaceEmbeddings, numbered
from pipeline.identity.persons.rows import TableRows, rows_of_ids, texts_of
from pipeline.identity.same_video.source import source_video

PERSON = "person"
CONTENT = "media content"
SOURCE_VIDEO = "source video"
FACE = "face"
VIDEO = "video"

_MAX_LISTED = 5
_SCORE_DIGITS = 6
_HASH_BYTES = 8
_NO_KEY = 0  # no hash of a key, but for one chance in 2 ** 64


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check: the number of things compared, of subjects without such a thing, and every leak."""

    what: str
    n_compared: int
    n_unseen: int
    leaks: list[str]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """All checks of one split."""

    checks: list[Check]

    @property
    def leaks(self) -> list[str]:
        """Every leak that was found, one message each."""
        return [f"{check.what}: {leak}" for check in self.checks for leak in check.leaks]

    def summary(self) -> str:
        """Return one line for each check: what it compared, and how many subjects lacked it."""
        return "\n".join(_line(check) for check in self.checks)

    def error_message(self) -> str:
        """Return the message of the SplitLeak to raise when there are leaks."""
        more = f" and {len(self.leaks) - _MAX_LISTED} more (see leakage.json)" if len(self.leaks) > _MAX_LISTED else ""
        return (
            f"{len(self.leaks)} leaks between train and test: {'; '.join(self.leaks[:_MAX_LISTED])}{more}. In "
            "manifests/review/persons.csv give those who are one person the same 'person', each its own where they are "
            "two, and an empty one to what is to be dropped; then run again."
        )


def audit_leakage(
    subject_persons: Iterable[SubjectPerson],
    *,
    addresses: Iterable[str | None],
    contents: Iterable[str | None],
    embeddings: FaceEmbeddings,
    same_person_above: float,
    kept_apart: Collection[frozenset[str]],
) -> Audit:
    """Return the audit of the split of ``subject_persons``.

    Of each of them: ``addresses`` of the source video, ``contents`` the sha256 of the fetched media; None where there
    is none. They are iterated once, and again where there is a leak. Persons whose subjects have a mean cosine of
    ``same_person_above`` or more leak, unless the pair is in ``kept_apart``: two persons by override.
    """
    rows = TableRows.of(SubjectPerson, subject_persons)
    return Audit(
        [
            _check_persons(rows),
            _check_shared(CONTENT, rows, contents, str),
            _check_shared(SOURCE_VIDEO, rows, addresses, source_video),
            _check_faces(rows, embeddings, same_person_above, kept_apart),
        ]
    )


def check_videos(subject_persons: TableRows[SubjectPerson], group_of: Mapping[str, str]) -> Check:
    """Return the check of clips that have content in common: ``group_of`` has the first of them for each, as listed."""
    return _check_shared(VIDEO, subject_persons, _GroupsOfClips(subject_persons, group_of), str)


def leakage_report(audit: Audit, subject_persons: Iterable[SubjectPerson]) -> str:
    """Return the content of leakage.json: all checks, and the share of test persons of each dataset."""
    report = {
        "passes": not audit.leaks,
        "checks": [asdict(check) for check in audit.checks],
        "test_share": _test_shares(subject_persons),
    }
    return json.dumps(report, indent=2, sort_keys=True) + "\n"


def _test_shares(subject_persons: Iterable[SubjectPerson]) -> dict[str, dict[str, float]]:
    """Return for each dataset how many persons it has, how many of them are in test, and their share."""
    split_of = {(one.dataset, one.person_id): one.split for one in subject_persons}
    persons = Counter(dataset for dataset, _ in split_of)
    test = Counter(dataset for (dataset, _), split in split_of.items() if split == TEST)
    return {
        dataset: {"persons": n, "test_persons": test[dataset], "test_share": round(test[dataset] / n, 4)}
        for dataset, n in sorted(persons.items())
    }


def source_hash(address: str) -> int:
    """Return a hash of the id of a source video."""
    return _hash_of(source_video(address))


def _check_persons(subject_persons: Iterable[SubjectPerson]) -> Check:
    n_persons, both = in_both_splits(subject_persons)
    return Check(PERSON, n_persons, 0, [f"'{person}' is in both splits" for person in both])


def _check_shared(
    what: str, subject_persons: TableRows[SubjectPerson], values: Iterable[str | None], key_of: Callable[[str], str]
) -> Check:
    """Find the keys of values that subjects of both splits share; a subject without a value is not seen.

    Memory holds a hash of each key: of two keys with one hash (one chance in 10 million among a million keys), one is
    not counted, and they are compared themselves before they are called a leak.
    """
    hashes = np.fromiter((_NO_KEY if value is None else _hash_of(key_of(value)) for value in values), np.uint64)
    is_train = _is_in(subject_persons, TRAIN)
    is_seen = hashes != _NO_KEY
    train, test = np.unique(hashes[is_seen & is_train]), np.unique(hashes[is_seen & ~is_train])
    both = np.intersect1d(train, test, assume_unique=True)
    firsts: dict[str, dict[str, SubjectPerson]] = defaultdict(dict)
    if len(both):
        found = compress(zip(subject_persons, values, strict=True), np.isin(hashes, both))
        for subject_person, value in sorted(found, key=lambda one: one[0].subject_id):
            firsts[key_of(str(value))].setdefault(subject_person.split, subject_person)
    leaks = [
        f"{splits[TRAIN].clip_id} of '{splits[TRAIN].person_id}' (train) and "
        f"{splits[TEST].clip_id} of '{splits[TEST].person_id}' (test) share {key}"
        for key, splits in sorted(firsts.items())
        if len(splits) > 1
    ]
    return Check(what, len(train) + len(test) - len(both), int(np.count_nonzero(~is_seen)), leaks)


@dataclass(frozen=True, slots=True)
class _GroupsOfClips:
    """For each of ``subject_persons`` the group of its clip, or None; to be iterated more than once."""

    subject_persons: TableRows[SubjectPerson]
    group_of: Mapping[str, str]

    def __iter__(self) -> Iterator[str | None]:
        return (self.group_of.get(listed_id(clip)) for clip in texts_of(self.subject_persons.column("clip_id")))


def _hash_of(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=_HASH_BYTES).digest())


def _is_in(subject_persons: TableRows[SubjectPerson], split: str) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.equal(subject_persons.column("split"), split).to_numpy()
    return found


def _check_faces(
    subject_persons: TableRows[SubjectPerson],
    embeddings: FaceEmbeddings,
    above: float,
    kept_apart: Collection[frozenset[str]],
) -> Check:
    """Find persons of different splits whose subjects look like one person."""
    rows = _rows_in(subject_persons, embeddings)
    train, test = (_mean_embeddings(subject_persons, rows, embeddings, split) for split in (TRAIN, TEST))
    n_unseen = len(subject_persons) - int(np.count_nonzero(rows >= 0))
    if not train[0] or not test[0]:
        return Check(FACE, 0, n_unseen, [], "one split has none" if len(rows) else "no embeddings to compare")
    leaks, n_apart = [], 0
    for row, column, score in close_pairs(train[1], test[1], above):
        if frozenset((train[0][row], test[0][column])) in kept_apart:
            n_apart += 1
        else:
            leaks.append(f"'{train[0][row]}' (train) and '{test[0][column]}' (test) look alike, {score:.3f} >= {above}")
    nearest = round(largest_product(train[1], test[1]), _SCORE_DIGITS)
    note = f"largest mean cosine {nearest}, limit {above}; {n_apart} pairs are two persons by override"
    return Check(FACE, len(train[0]) + len(test[0]), n_unseen, leaks, note)


def _rows_in(subject_persons: TableRows[SubjectPerson], embeddings: FaceEmbeddings) -> NDArray[np.int64]:
    """Return for each embedding the row of its subject, -1 where that has no person."""
    ids = subject_persons.column("subject_id")
    order = pc.sort_indices(ids)
    rows = rows_of_ids(embeddings.column("subject_id"), ids.take(order))
    has_row = rows >= 0
    rows[has_row] = order.to_numpy()[rows[has_row]]
    return rows


def _mean_embeddings(
    subject_persons: TableRows[SubjectPerson], rows: NDArray[np.int64], embeddings: FaceEmbeddings, split: str
) -> tuple[list[str], Vectors]:
    """Return the persons of one split that have faces, and the mean embedding of each, (N, D).

    ``rows`` are those of the subjects of ``embeddings`` in ``subject_persons``, -1 of those that have no person.
    """
    in_split = np.flatnonzero(rows >= 0)
    in_split = in_split[_is_in(subject_persons, split)[rows[in_split]]]
    if not len(in_split):
        return [], np.empty((0, 0))
    persons, groups = numbered(texts_of(subject_persons.column("person_id").take(pa.array(rows[in_split]))))
    return persons, group_means(embeddings.vectors.select(in_split), groups, len(persons))


def _line(check: Check) -> str:
    unseen = f", {check.n_unseen} unseen" if check.n_unseen else ""
    note = f" ({check.note})" if check.note else ""
    return f"  {check.what:<14}{len(check.leaks)} leaks among {check.n_compared}{unseen}{note}"
