"""The leakage audit: checks that no person and no medium is in both train and test."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.records.person import TEST, TRAIN, ClipPerson, in_both_splits
from pipeline.identity.persons.embeddings import FaceEmbeddings, numbered
from pipeline.identity.vectors import Vectors, close_pairs, group_means, largest_product

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
    addresses: pa.Array,
    contents: pa.Array,
    embeddings: FaceEmbeddings,
    same_person_above: float,
    kept_apart: Collection[frozenset[str]],
) -> Audit:
    """Return the audit of the split of ``clip_persons``.

    Of each of them: ``addresses`` of the source video, ``contents`` the sha256 of the fetched media; null where there
    is none. Persons whose clips have a mean cosine of ``same_person_above`` or more leak, unless the pair is in
    ``kept_apart``: two persons by override.
    """
    videos = pa.array((address.as_py() and source_video(address.as_py()) for address in addresses), pa.string())
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


def _check_shared(what: str, clip_persons: Sequence[ClipPerson], keys: pa.Array) -> Check:
    """Find the keys that clips of both splits share; a clip whose key is null is not seen."""
    is_train = pa.array((one.split == TRAIN for one in clip_persons), pa.bool_())
    groups = pa.table({"key": keys, "is_train": is_train}).group_by("key", use_threads=False)
    found = groups.aggregate([("is_train", "any"), ("is_train", "all")]).filter(pc.field("key").is_valid())
    is_shared = pc.and_not(found.column("is_train_any"), found.column("is_train_all"))
    firsts: dict[str, dict[str, ClipPerson]] = {key: {} for key in found.column("key").filter(is_shared).to_pylist()}
    rows = pc.indices_nonzero(pc.is_in(keys, value_set=pa.array(list(firsts), pa.string()))).to_pylist()
    for row in sorted(rows, key=lambda row: clip_persons[row].clip_id):
        firsts[keys[row].as_py()].setdefault(clip_persons[row].split, clip_persons[row])
    leaks = [
        f"{splits[TRAIN].clip_id} of '{splits[TRAIN].person_id}' (train) and "
        f"{splits[TEST].clip_id} of '{splits[TEST].person_id}' (test) share {key}"
        for key, splits in sorted(firsts.items())
    ]
    return Check(what, len(found), keys.null_count, leaks)


def _check_faces(
    clip_persons: Sequence[ClipPerson],
    embeddings: FaceEmbeddings,
    above: float,
    kept_apart: Collection[frozenset[str]],
) -> Check:
    """Find persons of different splits whose clips look like one person."""
    by_clip = {one.clip_id: one for one in clip_persons}
    train, test = (_mean_embeddings(by_clip, embeddings, split) for split in (TRAIN, TEST))
    n_clips_unseen = len(by_clip) - sum(one.clip_id in by_clip for one in embeddings.published)
    if not train[0] or not test[0]:
        return Check(
            FACE,
            0,
            n_clips_unseen,
            [],
            "no embeddings to compare" if not embeddings.published else "one split has none",
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
    by_clip: Mapping[str, ClipPerson], embeddings: FaceEmbeddings, split: str
) -> tuple[list[str], Vectors]:
    """Return the persons of one split that have faces, and the mean embedding of each, (N, D)."""
    rows, names = [], []
    for row, one in enumerate(embeddings.published):
        clip_person = by_clip.get(one.clip_id)
        if clip_person is not None and clip_person.split == split:
            rows.append(row)
            names.append(clip_person.person_id)
    if not rows:
        return [], np.empty((0, 0))
    persons, groups = numbered(names)
    return persons, group_means(embeddings.vectors.select(np.array(rows)), groups, len(persons))


def _line(check: Check) -> str:
    unseen = f", {check.n_clips_unseen} clips unseen" if check.n_clips_unseen else ""
    note = f" ({check.note})" if check.note else ""
    return f"  {check.what:<14}{len(check.leaks)} leaks among {check.n_compared}{unseen}{note}"
