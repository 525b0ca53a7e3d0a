"""The evidence on persons: the compared parts and clips and the decisions on them, one row each."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from pipeline.core.records.clip import listed_id
from pipeline.core.records.evidence import LISTED, OVERRIDDEN, SAME_PERSON, SAME_VIDEO, PersonEvidence
from pipeline.core.records.person import BY_EVIDENCE, BY_OVERRIDE
from pipeline.core.records.subject import clip_of
from pipeline.core.storage.vectors import Vectors
from pipeline.identity.persons.params import PersonsParams
from pipeline.identity.persons.parts import SIMILARITY_DIGITS, Comparison
from pipeline.identity.persons.published import PublishedIdentity
from pipeline.identity.same_video.keep import VideoDecisions

BY_PARAMS = "params"
_DECIDED_BY = {OVERRIDDEN: BY_OVERRIDE, LISTED: BY_PARAMS}


def evidence_of(
    compared: Iterable[Comparison], voices: Mapping[str, Vectors], params: PersonsParams
) -> list[PersonEvidence]:
    """Return one row for each comparison; ``voices``: those of the parts that have one, by ``part_voices``."""
    return [_row(one, _voice_score(one, voices), params) for one in compared]


def _voice_score(compared: Comparison, voices: Mapping[str, Vectors]) -> float | None:
    part, other = (voices.get(one.subject_id) for one in (compared.part, compared.other))
    return None if part is None or other is None else round(float(part @ other), SIMILARITY_DIGITS)


def _is_doubtful(is_same_person: bool, voice_score: float | None, params: PersonsParams) -> bool:
    limit = params.other_voice_below if is_same_person else params.same_voice_above
    if limit is None or voice_score is None:
        return False
    return voice_score < limit if is_same_person else voice_score >= limit


def _row(compared: Comparison, voice_score: float | None, params: PersonsParams) -> PersonEvidence:
    part, other, kind = compared.part, compared.other, compared.kind
    subject, other_subject = part.first, other.first
    is_same_person = kind == SAME_PERSON
    return PersonEvidence(
        evidence_id=f"{kind}:{subject.subject_id}" + (f"+{other_subject.subject_id}" if is_same_person else ""),
        kind=kind,
        name=part.name,
        identity=f"{subject.dataset}/{subject.identity}",
        subject_id=subject.subject_id,
        n_subjects=len(part.rows),
        other_name=other.name,
        other_identity=f"{other_subject.dataset}/{other_subject.identity}",
        other_subject_id=other_subject.subject_id,
        n_other_subjects=len(other.rows),
        score=compared.similarity,
        threshold=params.same_person_above if is_same_person else params.other_person_below,
        decision=compared.decision,
        decided_by=_DECIDED_BY.get(compared.decision, BY_EVIDENCE),
        voice_score=voice_score,
        is_doubtful=_is_doubtful(is_same_person, voice_score, params),
    )


def video_evidence(
    videos: VideoDecisions, published: Iterable[PublishedIdentity], params: PersonsParams
) -> Iterator[PersonEvidence]:
    """Yield a row for each pair of clips that have content in common."""
    clips = {*chain.from_iterable((pair.clip_id, pair.other_clip_id) for pair, _ in videos.decided)}
    first: dict[str, PublishedIdentity] = {}
    for one in published if clips else ():
        if one.is_published and (clip := listed_id(clip_of(one.subject_id))) in clips:
            first.setdefault(clip, one)
    for pair, decision in videos.decided:
        one, other = first[pair.clip_id], first[pair.other_clip_id]
        yield PersonEvidence(
            evidence_id=f"{SAME_VIDEO}:{one.subject_id}+{other.subject_id}",
            kind=SAME_VIDEO,
            name=one.name,
            identity=f"{one.dataset}/{one.identity}",
            subject_id=one.subject_id,
            n_subjects=1,
            other_name=other.name,
            other_identity=f"{other.dataset}/{other.identity}",
            other_subject_id=other.subject_id,
            n_other_subjects=1,
            score=round(max(pair.share, pair.other_share), SIMILARITY_DIGITS),
            threshold=params.min_same_share or 1.0,
            decision=decision,
            decided_by=BY_OVERRIDE if decision == OVERRIDDEN else BY_EVIDENCE,
            voice_score=None,
            is_doubtful=False,
        )
