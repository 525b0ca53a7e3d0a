"""The evidence on persons: compared parts, spellings of one name, and clips of one video, with the decision on them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.records.clip import listed_id
from pipeline.core.records.evidence import (
    DROPPED,
    LISTED,
    MERGED,
    OVERRIDDEN,
    SAME_PERSON,
    SAME_VIDEO,
    SEPARATED,
    TWO_SPELLINGS,
    PersonEvidence,
)
from pipeline.core.records.person import BY_EVIDENCE, BY_NAME, BY_OVERRIDE
from pipeline.core.records.subject import clip_of
from pipeline.core.storage.vectors import Vectors
from pipeline.identity.persons.embeddings import FaceEmbeddings
from pipeline.identity.persons.params import PersonsParams
from pipeline.identity.persons.parts import SIMILARITY_DIGITS, Comparison
from pipeline.identity.persons.published import PublishedIdentity
from pipeline.identity.persons.rows import TableRows, texts_of
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


@dataclass(slots=True)
class _Spelling:
    """The subjects of one name whose published identity is spelt in one way."""

    name: str
    identity: str
    first_subject_id: str
    n_subjects: int
    persons: set[str] = field(default_factory=set)
    rows: list[int] = field(default_factory=list)
    """Among the embeddings."""


def spelling_evidence(embeddings: FaceEmbeddings, person_of: Sequence[str | None]) -> list[PersonEvidence]:
    """Return a row for each spelling of a name but the most frequent one, which it is compared with.

    ``person_of``: the person of each subject of ``embeddings.published``, None of dropped ones. Identities whose person
    an override names are left out.
    """
    found = _several_spellings(embeddings)
    if not found:
        return []
    published = embeddings.published
    for name, identity, person in zip(*_names_and_identities(published), person_of, strict=True):
        if person is not None and (spelling := found.get((name, identity))):
            spelling.persons.add(person)
    for row, key in enumerate(zip(*_names_and_identities(embeddings), strict=True)):
        if spelling := found.get(key):
            spelling.rows.append(row)
    evidence = []
    for _, spellings in groupby(found.values(), lambda one: one.name):
        most, *others = sorted(spellings, key=lambda one: (-one.n_subjects, one.first_subject_id))
        evidence += [_spelling_row(one, most, embeddings) for one in others]
    return evidence


def _several_spellings(embeddings: FaceEmbeddings) -> dict[tuple[str, str], _Spelling]:
    """Return the spellings of the names that have several, by name and identity, in order of names."""
    columns = {name: embeddings.published.column(name) for name in ("name", "identity", "subject_id")}
    is_by_name = pc.and_not(*(embeddings.published.column(name) for name in ("is_published", "is_overridden")))
    spellings = (
        pa.table(columns)
        .filter(is_by_name)
        .group_by(["name", "identity"])
        .aggregate([("subject_id", "min"), ("subject_id", "count")])
    )
    is_one_of_several = pc.is_in(spellings["name"], value_set=_repeated(spellings["name"]))
    rows = spellings.filter(is_one_of_several).sort_by("name").to_pylist()
    return {
        (row["name"], row["identity"]): _Spelling(
            row["name"], row["identity"], row["subject_id_min"], row["subject_id_count"]
        )
        for row in rows
    }


def _repeated(texts: pa.ChunkedArray) -> pa.Array:
    counts = pc.value_counts(texts)
    return counts.field("values").filter(pc.greater(counts.field("counts"), 1))


def _names_and_identities(rows: FaceEmbeddings | TableRows[PublishedIdentity]) -> tuple[Iterator[str], Iterator[str]]:
    return texts_of(rows.column("name")), texts_of(rows.column("identity"))


def _spelling_row(spelling: _Spelling, most: _Spelling, embeddings: FaceEmbeddings) -> PersonEvidence:
    score = None
    if spelling.rows and most.rows:
        means = [embeddings.vectors[np.array(one.rows)].mean(axis=0) for one in (spelling, most)]
        score = round(float(means[0] @ means[1]), SIMILARITY_DIGITS)
    decision = MERGED if spelling.persons & most.persons else SEPARATED if spelling.persons else DROPPED
    return PersonEvidence(
        evidence_id=f"{TWO_SPELLINGS}:{spelling.first_subject_id}",
        kind=TWO_SPELLINGS,
        name=spelling.name,
        identity=_dataset_identity(spelling),
        subject_id=spelling.first_subject_id,
        n_subjects=spelling.n_subjects,
        other_name=most.name,
        other_identity=_dataset_identity(most),
        other_subject_id=most.first_subject_id,
        n_other_subjects=most.n_subjects,
        score=score,
        threshold=None,
        decision=decision,
        decided_by=BY_NAME if decision == MERGED else BY_EVIDENCE,
        voice_score=None,
        is_doubtful=False,
    )


def _dataset_identity(spelling: _Spelling) -> str:
    return f"{spelling.first_subject_id.partition('/')[0]}/{spelling.identity}"


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
