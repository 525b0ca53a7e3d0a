"""The leakage audit: checks that no person and no medium is in both train and test."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from pipeline.identity.vectors import Vectors, close_pairs, group_means, largest_product
from pipeline.records.person import TEST, TRAIN, ClipPerson, in_both_splits

PERSON = "person"
CONTENT = "media content"
SOURCE_VIDEO = "source video"
FACE = "face"

_MAX_LISTED = 5
_SCORE_DIGITS = 6
# The eleven characters of a YouTube video's id, in the forms in which addresses name it.
_YOUTUBE = re.compile(r"(?:youtube(?:-nocookie)?\.com/(?:watch\?(?:.*&)?v=|embed/|shorts/|v/)|youtu\.be/)([\w-]{11})")


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check: the number of things compared, of clips without such a thing, and every leak."""

    what: str
    n_compared: int
    n_clips_unseen: int
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
        """Return one line for each check: what it compared, and how many clips lacked it."""
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
    clip_persons: Sequence[ClipPerson],
    *,
    addresses: Mapping[str, str],
    contents: Mapping[str, str],
    embeddings: Mapping[str, Vectors],
    same_person_above: float,
    kept_apart: Collection[frozenset[str]],
) -> Audit:
    """Return the audit of the split of ``clip_persons``.

    By clip id: ``addresses`` of the source video, ``contents`` the sha256 of the fetched media, ``embeddings`` the unit
    embedding of the face, (D,); the last two may lack clips. Persons whose clips have a mean cosine of
    ``same_person_above`` or more leak, unless the pair is in ``kept_apart``: two persons by override.
    """
    videos = {clip_id: source_video(address) for clip_id, address in addresses.items()}
    return Audit(
        [
            _check_persons(clip_persons),
            _check_shared(CONTENT, clip_persons, contents),
            _check_shared(SOURCE_VIDEO, clip_persons, videos),
            _check_faces(clip_persons, embeddings, same_person_above, kept_apart),
        ]
    )


def leakage_report(audit: Audit, clip_persons: Iterable[ClipPerson]) -> str:
    """Return the content of leakage.json: all checks, and the share of test persons of each dataset."""
    report = {
        "passes": not audit.leaks,
        "checks": [asdict(check) for check in audit.checks],
        "test_share": _test_shares(clip_persons),
    }
    return json.dumps(report, indent=2, sort_keys=True) + "\n"


def _test_shares(clip_persons: Iterable[ClipPerson]) -> dict[str, dict[str, float]]:
    """Return for each dataset how many persons it has, how many of them are in test, and their share."""
    split_of = {(one.dataset, one.person_id): one.split for one in clip_persons}
    persons = Counter(dataset for dataset, _ in split_of)
    test = Counter(dataset for (dataset, _), split in split_of.items() if split == TEST)
    return {
        dataset: {"persons": n, "test_persons": test[dataset], "test_share": round(test[dataset] / n, 4)}
        for dataset, n in sorted(persons.items())
    }


def source_video(address: str) -> str:
    """Return the id of a source video: that of a YouTube video, else the address as it is."""
    found = _YOUTUBE.search(address)
    return f"youtube:{found[1]}" if found else address


def _check_persons(clip_persons: Iterable[ClipPerson]) -> Check:
    n_persons, both = in_both_splits(clip_persons)
    return Check(PERSON, n_persons, 0, [f"'{person}' is in both splits" for person in both])


def _check_shared(what: str, clip_persons: Iterable[ClipPerson], key_of: Mapping[str, str]) -> Check:
    """Find the keys that clips of both splits share."""
    firsts: dict[str, dict[str, ClipPerson]] = defaultdict(dict)
    n_clips_unseen = 0
    for clip_person in sorted(clip_persons, key=lambda clip_person: clip_person.clip_id):
        key = key_of.get(clip_person.clip_id)
        if key is None:
            n_clips_unseen += 1
        else:
            firsts[key].setdefault(clip_person.split, clip_person)
    leaks = [
        f"{splits[TRAIN].clip_id} of '{splits[TRAIN].person_id}' (train) and "
        f"{splits[TEST].clip_id} of '{splits[TEST].person_id}' (test) share {key}"
        for key, splits in sorted(firsts.items())
        if len(splits) > 1
    ]
    return Check(what, len(firsts), n_clips_unseen, leaks)


def _check_faces(
    clip_persons: Sequence[ClipPerson],
    embeddings: Mapping[str, Vectors],
    above: float,
    kept_apart: Collection[frozenset[str]],
) -> Check:
    """Find persons of different splits whose clips look like one person."""
    train, test = (_mean_embeddings(clip_persons, embeddings, split) for split in (TRAIN, TEST))
    n_clips_unseen = sum(one.clip_id not in embeddings for one in clip_persons)
    if not train[0] or not test[0]:
        return Check(
            FACE, 0, n_clips_unseen, [], "no embeddings to compare" if not embeddings else "one split has none"
        )
    leaks, n_apart = [], 0
    for row, column, score in close_pairs(train[1], test[1], above):
        if frozenset((train[0][row], test[0][column])) in kept_apart:
            n_apart += 1
        else:
            leaks.append(f"'{train[0][row]}' (train) and '{test[0][column]}' (test) look alike, {score:.3f} >= {above}")
    nearest = round(largest_product(train[1], test[1]), _SCORE_DIGITS)
    note = f"largest mean cosine {nearest}, limit {above}; {n_apart} pairs are two persons by override"
    return Check(FACE, len(train[0]) + len(test[0]), n_clips_unseen, leaks, note)


def _mean_embeddings(
    clip_persons: Iterable[ClipPerson], embeddings: Mapping[str, Vectors], split: str
) -> tuple[list[str], Vectors]:
    """Return the persons of one split that have faces, and the mean embedding of each, (N, D)."""
    embedded = [one for one in clip_persons if one.split == split and one.clip_id in embeddings]
    if not embedded:
        return [], np.empty((0, 0))
    persons, groups = np.unique([one.person_id for one in embedded], return_inverse=True)
    vectors = np.stack([embeddings[one.clip_id] for one in embedded])
    return [str(person) for person in persons], group_means(vectors, groups, len(persons))


def _line(check: Check) -> str:
    unseen = f", {check.n_clips_unseen} clips unseen" if check.n_clips_unseen else ""
    note = f" ({check.note})" if check.note else ""
    return f"  {check.what:<14}{len(check.leaks)} leaks among {check.n_compared}{unseen}{note}"
