"""Decide the persons of clips that are given as the person that each shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip
from pipeline.core.records.evidence import PersonEvidence, SubjectEmbedding
from pipeline.core.records.person import TEST, TRAIN
from pipeline.core.records.subject import main_subject_id
from pipeline.identity.persons.identities import main_subjects
from pipeline.identity.persons.overrides import WHOLE_IDENTITY, Overrides
from pipeline.identity.persons.params import PersonsParams
from pipeline.identity.persons.persons import split_of
from pipeline.identity.persons.result import decide_persons
from tests.identity.clips import clip

SIZE = 64
NONE: Overrides = {}
PARAMS = PersonsParams(
    test_share=0.2,
    seed=1,
    same_name_is_same_person=True,
    whitening=None,
    same_person_above=0.5,
    other_person_below=0.3,
    same_split_above=None,
    merge=True,
    separate=True,
    drop_outliers=True,
    other_voice_below=0.6,
    same_voice_above=0.75,
    min_same_share=0.8,
    min_common_s=5.0,
    max_sound_bits=12,
    max_picture_bits=18,
)


def name_in(side: str, start: str = "n") -> str:
    """A name that the hash puts on this side."""
    return next(name for i in range(1000) if split_of(name := f"{start}{i}", PARAMS.test_share, PARAMS.seed) == side)


ON_BOTH_SIDES = tuple(name_in(side, "side") for side in (TRAIN, TEST))
"""Among these and any others, the hash alone decides on splits."""


@dataclass(frozen=True)
class Found:
    """The decisions on some clips, and the evidence."""

    person_of: dict[str, str]
    dropped: list[tuple[str, Dropped]]
    kept_apart: set[frozenset[str]]
    same_split_as: dict[str, str]
    evidence: list[PersonEvidence]


def faces_of(truth: Mapping[str, int], std: float = 0.06, seed: int = 1) -> list[SubjectEmbedding]:
    """One embedding a clip, near that of the person it shows; two clips of a person have a cosine of about 0.8."""
    centres = np.random.default_rng(0).normal(size=(100, SIZE)) / SIZE**0.5
    found = []
    for clip_id, person in sorted(truth.items()):
        noise = np.random.default_rng([seed, sum(clip_id.encode()), len(clip_id)]).normal(size=SIZE)
        vector = centres[person] / np.linalg.norm(centres[person]) + std * noise
        vector /= np.linalg.norm(vector)
        embedding = vector.astype(np.float32)
        found.append(
            SubjectEmbedding(
                subject_id=main_subject_id(clip_id),
                clip_id=clip_id,
                network="n",
                n_faces=1,
                spherical_variance=0.0,
                embedding=embedding,
            )
        )
    return found


def decide_shown(
    shown: Mapping[tuple[str, str], int | None], overrides: Overrides = NONE, **changes: object
) -> tuple[Found, dict[str, str]]:
    """Decide on clips given as (identity, name): the person that they show, or None where no face was found."""
    params = PARAMS.model_copy(update=changes)
    clips = [clip("set", identity, name) for identity, name in shown]
    truth = {f"set/{name}": person for (_, name), person in shown.items() if person is not None}
    return decide_clips(clips, faces_of(truth), overrides, params)


def decide_clips(
    clips: Sequence[Clip], embeddings: Sequence[SubjectEmbedding], overrides: Overrides, params: PersonsParams
) -> tuple[Found, dict[str, str]]:
    """Return what is decided, and the person of each clip by its name."""
    result = decide_persons(main_subjects(clips), embeddings, overrides, params)
    decisions = result.decisions
    found = Found(
        {one.clip_id: one.person_id for one in result.subject_persons},
        decisions.dropped,
        decisions.kept_apart,
        decisions.same_split_as,
        result.evidence,
    )
    return found, {clip_id.removeprefix("set/"): person for clip_id, person in found.person_of.items()}


def summary(found: Found) -> list[tuple[str, str, str, str]]:
    """Return kind, subject and decision of each row of evidence."""
    return [(one.kind, one.subject_id, one.decision, one.decided_by) for one in found.evidence]


def one_of(found: Found) -> PersonEvidence:
    """Return the only row of evidence."""
    (row,) = found.evidence
    return row


def whole(identity: str) -> tuple[str, str, str]:
    """Return the key of an override of all clips of ``identity``."""
    return ("set", identity, WHOLE_IDENTITY)
