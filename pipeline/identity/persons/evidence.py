"""The evidence on persons: the compared parts and the decisions on them, one row each."""

from collections.abc import Iterable

from pipeline.core.records.evidence import LISTED, OVERRIDDEN, SAME_PERSON, PersonEvidence
from pipeline.core.records.person import BY_EVIDENCE, BY_OVERRIDE
from pipeline.identity.persons.params import PersonsParams
from pipeline.identity.persons.parts import Comparison

BY_PARAMS = "params"
_DECIDED_BY = {OVERRIDDEN: BY_OVERRIDE, LISTED: BY_PARAMS}


def evidence_of(compared: Iterable[Comparison], params: PersonsParams) -> list[PersonEvidence]:
    """Return one row for each comparison."""
    return [_row(one, params) for one in compared]


def _row(compared: Comparison, params: PersonsParams) -> PersonEvidence:
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
    )
