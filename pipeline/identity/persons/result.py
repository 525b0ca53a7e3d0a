"""The result of the persons stage: decided, written, summarised, audited."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip
from pipeline.core.records.evidence import MERGED, SAME_VIDEO, TWO_SPELLINGS, PersonEvidence, SubjectEmbedding
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.media import Media
from pipeline.core.records.person import TEST, Person, SubjectPerson
from pipeline.core.records.subject import main_subject_id
from pipeline.core.storage.manifest import iterate_tables, write_manifest
from pipeline.identity.persons.decide import Decisions, decide
from pipeline.identity.persons.embeddings import FaceEmbeddings, face_embeddings
from pipeline.identity.persons.evidence import evidence_of, spelling_evidence, video_evidence
from pipeline.identity.persons.identities import IdentifiedSubject
from pipeline.identity.persons.leakage import Audit, audit_leakage, check_videos
from pipeline.identity.persons.overrides import Overrides
from pipeline.identity.persons.params import PersonsParams
from pipeline.identity.persons.persons import persons_of, splits_of, subject_persons_of
from pipeline.identity.persons.published import PublishedIdentity, published_identities
from pipeline.identity.persons.rows import TableRows, texts_of
from pipeline.identity.persons.voices import VoicesOf, no_voices, part_voices
from pipeline.identity.same_video.keep import VideoDecisions


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PersonsResult:
    """The persons of all subjects, and what they were decided from."""

    embeddings: FaceEmbeddings
    decisions: Decisions
    subject_persons: TableRows[SubjectPerson]
    persons: list[Person]
    split_note: str
    """``Splits.note``."""
    evidence: list[PersonEvidence]
    videos: VideoDecisions
    """On the clips that have content in common."""
    dropped: list[tuple[str, Dropped]]
    """(subject id, drop) of those that an override, an outlier's face or a kept clip of the same video drops."""


def no_videos(published: TableRows[PublishedIdentity]) -> VideoDecisions:
    """Return no decision: no two clips have content in common."""
    del published
    return VideoDecisions()


def no_sources(published: TableRows[PublishedIdentity]) -> list[Iterable[str | None]]:
    """Return nothing that tells of source videos."""
    del published
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherEvidence:
    """What persons are decided by besides names and faces; nothing by default."""

    voices_of: VoicesOf = no_voices
    """The voices that are compared where faces are."""
    videos_of: Callable[[TableRows[PublishedIdentity]], VideoDecisions] = no_videos
    sources_of: Callable[[TableRows[PublishedIdentity]], list[Iterable[str | None]]] = no_sources
    """What tells of each subject its source video, one after the other."""


def decide_persons(
    subjects: Iterable[IdentifiedSubject],
    embeddings: Iterable[SubjectEmbedding],
    overrides: Overrides,
    params: PersonsParams,
    folder: Path | None = None,
    further: FurtherEvidence = FurtherEvidence(),
) -> PersonsResult:
    """Return the persons of ``subjects``; raises BadInput when an override names what its dataset does not have.

    The embeddings are kept in a file in ``folder``, by default that for temporary files.
    """
    published, dropped = published_identities(subjects, overrides, params)
    compared = face_embeddings(published, embeddings, params.whitening, folder)
    videos = further.videos_of(published)
    decisions = decide(compared, params, videos, further.sources_of(published))
    splits = splits_of(decisions.person_of, decisions.same_split_as, params)
    subject_persons = subject_persons_of(published, decisions.person_of, splits.of)
    return PersonsResult(
        embeddings=compared,
        decisions=decisions,
        subject_persons=subject_persons,
        persons=persons_of(published, subject_persons),
        split_note=splits.note,
        evidence=[
            *evidence_of(decisions.compared, part_voices(decisions.compared, compared, further.voices_of), params),
            *spelling_evidence(compared, decisions.person_of),
            *video_evidence(videos, published, params),
        ],
        videos=videos,
        dropped=[*dropped, *decisions.dropped],
    )


def write_persons(result: PersonsResult, at: Layout) -> None:
    """Write the manifests and the ledger of the persons stage."""
    write_manifest(at.persons, Person, result.persons)
    write_manifest(at.subject_persons, SubjectPerson, result.subject_persons)
    write_manifest(at.person_evidence, PersonEvidence, result.evidence)
    kept = (ledger_row("persons", one.subject_id) for one in result.subject_persons)
    dropped = (ledger_row("persons", subject_id, drop) for subject_id, drop in result.dropped)
    write_manifest(at.ledger("persons"), LedgerRow, chain(kept, dropped))


def audit_persons(result: PersonsResult, datasets: Sequence[str], params: PersonsParams, at: Layout) -> Audit:
    """Return the leakage audit of ``result``; addresses and content are read from the manifests of ``datasets``."""
    in_order = sorted(datasets, key=lambda name: f"{name}/")  # as clip ids begin
    audit = audit_leakage(
        result.subject_persons,
        addresses=_ClipValues(result.subject_persons, "address", Clip, [at.clips(name) for name in in_order]),
        contents=_ClipValues(result.subject_persons, "sha256", Media, [at.media(name) for name in in_order]),
        embeddings=result.embeddings,
        same_person_above=params.same_person_above,
        kept_apart=result.decisions.kept_apart,
    )
    return Audit([*audit.checks, check_videos(result.subject_persons, result.videos.group_of)])


@dataclass(frozen=True, slots=True)
class ClipSources:
    """What tells the source videos of the clips of some datasets, by their manifests: addresses, and files."""

    datasets: Sequence[str]
    at: Layout

    def __call__(self, published: TableRows[PublishedIdentity]) -> list[Iterable[str | None]]:
        """Return for each subject the address of its clip, and the sha256 of its file; None if it is no main one."""
        in_order = sorted(self.datasets, key=lambda name: f"{name}/")  # as clip ids begin
        return [
            _ClipValues(published, "address", Clip, [self.at.clips(name) for name in in_order]),
            _ClipValues(published, "sha256", Media, [self.at.media(name) for name in in_order]),
        ]


@dataclass(frozen=True, slots=True)
class _ClipValues:
    """The value of a manifest's column for the clip of each of ``subjects``, None where it has no row.

    None too of subjects that are not their clip's main one: they share its value, and are other persons than that. Read
    at each iteration: memory holds those of a few clips. ``subjects`` are in id order, and ``paths`` in that of
    their clips.
    """

    subjects: TableRows[Any]
    """Of a record with the column ``subject_id``."""
    column: str
    record: type
    paths: Sequence[Path]

    def __iter__(self) -> Iterator[str | None]:
        rows = self._in_subject_order()
        subject_id, value = next(rows, ("", None))
        for wanted in texts_of(self.subjects.column("subject_id")):
            while subject_id < wanted and (row := next(rows, None)):
                subject_id, value = row
            yield value if subject_id == wanted else None

    def _in_subject_order(self) -> Iterator[tuple[str, str | None]]:
        """Yield the main subject of each clip and its value: clip 'talk-2' is behind 'talk', 'talk-2-s00' before."""
        first = ""
        gathered: list[tuple[str, str | None]] = []
        for clip_id, value in self._rows():
            if not clip_id.startswith(f"{first}-"):
                yield from sorted(gathered)
                first, gathered = clip_id, []
            gathered.append((main_subject_id(clip_id), value))
        yield from sorted(gathered)

    def _rows(self) -> Iterator[tuple[str, str]]:
        for path in self.paths:
            for table in iterate_tables(path, self.record, ["clip_id", self.column]):
                yield from zip(*(column.to_pylist() for column in table.columns), strict=True)


def summary_of(result: PersonsResult) -> str:
    """Return the numbers of identities, persons and test persons, and the evidence from faces, in one line.

    Another line each says what was done where the persons are few, and how many identities spelling alone merges.
    """
    lines = [_counts(result), result.split_note, _spellings(result)]
    return "\n".join(f"persons: {line}" for line in lines if line)


def _counts(result: PersonsResult) -> str:
    n_identities = len({(person.dataset, person.identity) for person in result.persons})
    split_of = {person.person_id: person.split for person in result.persons}
    n_test = sum(split == TEST for split in split_of.values())
    summary = f"{n_identities} identities are {len(split_of)} persons, {n_test} of them in test"
    if n_videos := len(result.videos.kept_for):
        summary += f"; {n_videos} clips are the same video as another one, which is kept"
    n_embedded = len(result.embeddings)
    if not n_embedded:
        return f"{summary}; by name alone, since no subject has an embedding"
    return f"{summary}; evidence from the faces of {n_embedded} subjects: {_evidence_counts(result)}"


def _evidence_counts(result: PersonsResult) -> str:
    of_faces = (one for one in result.evidence if one.kind not in (TWO_SPELLINGS, SAME_VIDEO))
    counts = Counter(f"{one.kind} {one.decision}" for one in of_faces)
    text = ", ".join(f"{n} {what}" for what, n in sorted(counts.items())) or "nothing against a name"
    if n_doubtful := sum(one.is_doubtful for one in result.evidence):
        text += f"; voices contradict {n_doubtful} of them"
    n_shared = len(result.decisions.same_split_as)
    return text + (f"; {n_shared} persons share the split of one they may be" if n_shared else "")


def _spellings(result: PersonsResult) -> str:
    merged = [one for one in result.evidence if one.kind == TWO_SPELLINGS and one.decision == MERGED]
    if not merged:
        return ""
    first = f"'{merged[0].identity}' as '{merged[0].other_identity}'"
    n_names = len({one.name for one in merged})
    return (
        f"{n_names} names are spelt in several ways, {first} first: person_evidence.parquet lists them, and rows of "
        "manifests/review/persons.csv part them"
    )
