"""The leakage audit: nobody and nothing stands in both train and test, as far as can be seen."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.identity.vectors import Vectors, close_pairs, group_means, largest_product
from pipeline.records.person import TEST, TRAIN, ClipPerson, on_both_sides

PERSON = "person"
CONTENT = "media content"
SOURCE_VIDEO = "source video"
FACE = "face"

_N_TOLD = 5
_SCORE_DIGITS = 6
# The eleven characters of a YouTube video's id, in the forms in which addresses name it.
_YOUTUBE = re.compile(r"(?:youtube(?:-nocookie)?\.com/(?:watch\?(?:.*&)?v=|embed/|shorts/|v/)|youtu\.be/)([\w-]{11})")


@dataclass(frozen=True, slots=True)
class Check:
    """What one check saw: how many things it compared, how many clips it could not see, and every leak in words."""

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
        """Every leak that was found, in words."""
        return [f"{check.what}: {leak}" for check in self.checks for leak in check.leaks]

    def told(self) -> str:
        """Return in one line a check what was checked, and what could not be."""
        return "\n".join(_line(check) for check in self.checks)

    def refusal(self) -> str:
        """Return what to tell when there are leaks."""
        more = f" and {len(self.leaks) - _N_TOLD} more (see leakage.json)" if len(self.leaks) > _N_TOLD else ""
        return (
            f"{len(self.leaks)} leaks between train and test: {'; '.join(self.leaks[:_N_TOLD])}{more}. In "
            "manifests/review/persons.csv give those who are one person the same 'person', each its own where they are "
            "two, and an empty one to what is to be left out; then run again."
        )


def audit_leakage(
    clip_persons: Sequence[ClipPerson],
    *,
    addresses: Mapping[str, str],
    contents: Mapping[str, str],
    faces: Mapping[str, Vectors],
    same_person_above: float,
    held_apart: Collection[frozenset[str]],
) -> Audit:
    """Return what stands on both sides of the split of ``clip_persons``.

    By clip id: ``addresses`` of the source video, ``contents`` the sha256 of the fetched media, ``faces`` the unit
    embedding (D,); the last two may lack clips. Persons whose clips are alike by ``same_person_above`` or more on
    average leak unless they are among ``held_apart``, of whom a person said that they are two.
    """
    videos = {clip_id: source_video(address) for clip_id, address in addresses.items()}
    return Audit(
        [
            _check_persons(clip_persons),
            _check_shared(CONTENT, clip_persons, contents),
            _check_shared(SOURCE_VIDEO, clip_persons, videos),
            _check_faces(clip_persons, faces, same_person_above, held_apart),
        ]
    )


def source_video(address: str) -> str:
    """Return what tells one source video from another: the id of a YouTube video, else the address as it is."""
    found = _YOUTUBE.search(address)
    return f"youtube:{found[1]}" if found else address


def _check_persons(clip_persons: Iterable[ClipPerson]) -> Check:
    n_persons, both = on_both_sides(clip_persons)
    return Check(PERSON, n_persons, 0, [f"'{person}' stands on both sides" for person in both])


def _check_shared(what: str, clip_persons: Iterable[ClipPerson], key_of: Mapping[str, str]) -> Check:
    """Find what clips of both sides share."""
    firsts: dict[str, dict[str, ClipPerson]] = defaultdict(dict)
    n_unseen = 0
    for clip_person in sorted(clip_persons, key=lambda clip_person: clip_person.clip_id):
        key = key_of.get(clip_person.clip_id)
        if key is None:
            n_unseen += 1
        else:
            firsts[key].setdefault(clip_person.split, clip_person)
    leaks = [
        f"{sides[TRAIN].clip_id} of '{sides[TRAIN].person_id}' (train) and "
        f"{sides[TEST].clip_id} of '{sides[TEST].person_id}' (test) share {key}"
        for key, sides in sorted(firsts.items())
        if len(sides) > 1
    ]
    return Check(what, len(firsts), n_unseen, leaks)


def _check_faces(
    clip_persons: Sequence[ClipPerson],
    faces: Mapping[str, Vectors],
    above: float,
    held_apart: Collection[frozenset[str]],
) -> Check:
    """Find persons of both sides whose clips look like one person's."""
    train, test = (_mean_faces(clip_persons, faces, side) for side in (TRAIN, TEST))
    n_unseen = sum(clip_person.clip_id not in faces for clip_person in clip_persons)
    if not train[0] or not test[0]:
        return Check(FACE, 0, n_unseen, [], "no embeddings to compare" if not faces else "one side has none")
    leaks, n_apart = [], 0
    for row, column, score in close_pairs(train[1], test[1], above):
        if frozenset((train[0][row], test[0][column])) in held_apart:
            n_apart += 1
        else:
            leaks.append(f"'{train[0][row]}' (train) and '{test[0][column]}' (test) look alike, {score:.3f} >= {above}")
    nearest = round(largest_product(train[1], test[1]), _SCORE_DIGITS)
    note = f"the nearest two are {nearest} alike, of {above} allowed; {n_apart} pairs are two persons by override"
    return Check(FACE, len(train[0]) + len(test[0]), n_unseen, leaks, note)


def _mean_faces(
    clip_persons: Iterable[ClipPerson], faces: Mapping[str, Vectors], side: str
) -> tuple[list[str], Vectors]:
    """Return the persons of one side that have faces, and the mean embedding of each, (N, D)."""
    seen = [clip_person for clip_person in clip_persons if clip_person.split == side and clip_person.clip_id in faces]
    if not seen:
        return [], np.empty((0, 0))
    persons, groups = np.unique([clip_person.person_id for clip_person in seen], return_inverse=True)
    vectors = np.stack([faces[clip_person.clip_id] for clip_person in seen])
    return [str(person) for person in persons], group_means(vectors, groups, len(persons))


def _line(check: Check) -> str:
    unseen = f", {check.n_clips_unseen} clips unseen" if check.n_clips_unseen else ""
    note = f" ({check.note})" if check.note else ""
    return f"  {check.what:<14}{len(check.leaks)} leaks among {check.n_compared}{unseen}{note}"
