"""Persons: from identities as published to the people they are taken to be, split into train and test by person."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import Field, model_validator

from pipeline.base.draws import draw_unit
from pipeline.base.outcome import Dropped
from pipeline.base.params import Params
from pipeline.identity.persons.overrides import DROP, Overrides, check_overrides, overrides_of
from pipeline.records.clip import Clip
from pipeline.records.person import BY_EVIDENCE, BY_NAME, BY_OVERRIDE, TEST, TRAIN, ClipPerson, Person


class PersonsParams(Params):
    """Section ``persons`` of params.yaml; similarities are mean cosines between the clips of two groups."""

    test_share: float = Field(ge=0, lt=1)
    seed: int
    same_name_is_same_person: bool
    whitening: float | None = Field(gt=0)
    same_person_above: float = Field(gt=0, le=1)
    other_person_below: float = Field(ge=-1, lt=1)
    same_side_above: float | None = Field(gt=0, le=1)
    merge: bool
    split: bool
    drop_outliers: bool

    @model_validator(mode="after")
    def _what_is_split_is_not_merged_again(self) -> Self:
        if self.other_person_below > self.same_person_above:
            raise ValueError("'other_person_below' must not be larger than 'same_person_above'")
        return self


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose a clip is by name; ``is_pinned``: because a person says so, and not only its publisher.

    ``taken_from`` is the name that its identity has, where a person's word is about this clip alone.
    """

    clip: Clip
    name: str
    is_pinned: bool
    taken_from: str | None = None


def normalised_name(identity: str) -> str:
    """Return ``identity`` in a form in which two spellings of one name agree.

    Accents and case are dropped, dots vanish, and spaces, hyphens and underscores become one underscore:
    ``A.J._Buckley`` and ``aj-buckley`` both give ``aj_buckley``.
    """
    plain = unicodedata.normalize("NFKD", identity).casefold()
    kept = (c for c in plain if not unicodedata.combining(c) and c not in ".'’")
    words = "".join(c if c.isalnum() else " " for c in kept).split()
    return "_".join(words) or identity


def split_of(person_id: str, test_share: float, seed: int) -> str:
    """Return the side of the split: by the hash of seed and person, so that more people move nobody.

    The hash knows no dataset: a person has one side in all of them, and each dataset is a draw of its own, whose share
    of test persons is off by ``sqrt(test_share (1 - test_share) / n)`` on average.
    """
    return TEST if draw_unit(seed, person_id) < test_share else TRAIN


def claim_clips(
    clips: Iterable[Clip], overrides: Overrides, params: PersonsParams
) -> tuple[list[Claim], list[tuple[str, Dropped]]]:
    """Return whose each clip is by name and override, in id order, and (clip id, why) of those that are left out.

    Raises BadInput when an override names an identity or a clip that is not there.
    """
    ordered = sorted(clips, key=lambda clip: clip.clip_id)
    check_overrides(ordered, overrides)
    claims: list[Claim] = []
    dropped: list[tuple[str, Dropped]] = []
    for clip in ordered:
        own = "" if params.same_name_is_same_person else f"{clip.dataset}:"
        name = own + normalised_name(clip.identity)
        of_identity, of_clip = overrides_of(clip, overrides)
        if of_identity and of_identity.person != DROP:
            name = normalised_name(of_identity.person)
        word = of_clip or of_identity
        if word and word.person == DROP:
            dropped.append((clip.clip_id, Dropped.filtered("left_out_by_override", word.why)))
        elif of_clip:
            claims.append(Claim(clip, normalised_name(of_clip.person), is_pinned=True, taken_from=name))
        else:
            claims.append(Claim(clip, name, is_pinned=of_identity is not None))
    return claims, dropped


def clip_persons_of(
    claims: Iterable[Claim], person_of: Mapping[str, str], stands_with: Mapping[str, str], params: PersonsParams
) -> list[ClipPerson]:
    """Return the owner of every clip that ``person_of`` knows: by name, or whom evidence took it to be.

    A person stands on the side of the one that ``stands_with`` names, if any.
    """
    return [
        ClipPerson(
            clip_id=claim.clip.clip_id,
            dataset=claim.clip.dataset,
            person_id=person_id,
            split=split_of(stands_with.get(person_id, person_id), params.test_share, params.seed),
        )
        for claim in claims
        if (person_id := person_of.get(claim.clip.clip_id))
    ]


def persons_of(claims: Iterable[Claim], clip_persons: Iterable[ClipPerson]) -> list[Person]:
    """Return one Person for each identity and each person that its clips are taken to be."""
    owner_of = {clip_person.clip_id: clip_person for clip_person in clip_persons}
    kept = [(claim, owner_of[claim.clip.clip_id]) for claim in claims if claim.clip.clip_id in owner_of]
    counts = Counter((claim.clip.dataset, claim.clip.identity, clip_person.person_id) for claim, clip_person in kept)
    main: dict[tuple[str, str], str] = {}
    for dataset, identity, person_id in sorted(counts, key=lambda key: (-counts[key], key)):
        main.setdefault((dataset, identity), person_id)
    words: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for claim, clip_person in kept:
        words[claim.clip.dataset, claim.clip.identity, clip_person.person_id].add(
            _decided_by(claim, clip_person.person_id)
        )
    split = {clip_person.person_id: clip_person.split for _, clip_person in kept}
    return [
        Person(
            dataset_identity=f"{dataset}/{identity}"
            + ("" if main[dataset, identity] == person_id else f"~{person_id}"),
            dataset=dataset,
            identity=identity,
            person_id=person_id,
            split=split[person_id],
            decided_by=next(word for word in (BY_OVERRIDE, BY_EVIDENCE, BY_NAME) if word in words[key]),
            n_clips=n_clips,
        )
        for key, n_clips in sorted(counts.items())
        for dataset, identity, person_id in [key]
    ]


def _decided_by(claim: Claim, person_id: str) -> str:
    if claim.is_pinned:
        return BY_OVERRIDE
    return BY_NAME if person_id == claim.name else BY_EVIDENCE
