"""Decide which identities are one person, and assign each person to train or test."""

from itertools import chain

from pipeline.core.base.errors import SplitLeak
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import read_section
from pipeline.core.records.evidence import SubjectEmbedding
from pipeline.core.storage.atomic import write_text
from pipeline.core.storage.manifest import iterate_manifest
from pipeline.identity.persons.identities import identified_subjects
from pipeline.identity.persons.leakage import leakage_report
from pipeline.identity.persons.overrides import read_overrides
from pipeline.identity.persons.params import networks_of, persons_params
from pipeline.identity.persons.result import (
    ClipSources,
    FurtherEvidence,
    audit_persons,
    decide_persons,
    summary_of,
    write_persons,
)
from pipeline.identity.persons.voices import SubjectVoices, no_voices
from pipeline.identity.same_video.find import SameVideos


def main(at: Layout = Layout()) -> None:
    """Run the stage for all datasets listed in params.yaml; raises SplitLeak when the audit finds a leak."""
    datasets = read_section("datasets", at.params)
    paths = [at.subject_embeddings(name) for name in datasets]
    params = persons_params(read_section("persons", at.params), networks_of(paths), f"{at.params}: section 'persons'")
    subjects = identified_subjects(datasets, at)
    embeddings = chain.from_iterable(iterate_manifest(path, SubjectEmbedding) for path in paths)
    at.persons.parent.mkdir(parents=True, exist_ok=True)
    further = FurtherEvidence(
        voices_of=SubjectVoices(datasets, at) if params.compares_voices else no_voices,
        videos_of=SameVideos(datasets, at, params),
        sources_of=ClipSources(datasets, at),
    )
    overrides = read_overrides(at.person_overrides)
    result = decide_persons(subjects, embeddings, overrides, params, at.persons.parent, further)
    write_persons(result, at)
    print(summary_of(result))
    audit = audit_persons(result, datasets, params, at)
    write_text(at.leakage, leakage_report(audit, result.subject_persons))
    print(f"leakage audit:\n{audit.summary()}")
    if audit.leaks:
        raise SplitLeak(audit.error_message())
