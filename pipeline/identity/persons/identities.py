"""The subjects of all clips, each with the identity that it goes by: the published one, or one of its own."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.schema import from_table
from pipeline.core.records.subject import Subject, main_subject_id
from pipeline.core.storage.manifest import iterate_manifest, iterate_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifiedSubject:
    """A subject and its identity."""

    subject_id: str
    dataset: str
    identity: str
    """As published, in Unicode's composed form (NFC), of a clip's main subject; of the others their id without the
    dataset."""
    is_published: bool
    """Whether that is the identity that the source published for the clip."""


def identified_subjects(datasets: Iterable[str], at: Layout) -> Iterator[IdentifiedSubject]:
    """Yield the main subject of every clip of the datasets, and the others whose faces and sound are taken."""
    for dataset in datasets:
        yield from main_subjects(iterate_manifest(at.clips(dataset), Clip))
        for table in iterate_tables(at.subjects(dataset), Subject):
            for subject in from_table(Subject, table):
                if subject.is_taken and not subject.is_main:
                    yield IdentifiedSubject(
                        subject_id=subject.subject_id,
                        dataset=dataset,
                        identity=subject.subject_id.removeprefix(f"{dataset}/"),
                        is_published=False,
                    )


def main_subjects(clips: Iterable[Clip]) -> Iterator[IdentifiedSubject]:
    """Yield the main subject of each clip, which has the identity that its source published."""
    for clip in clips:
        yield IdentifiedSubject(
            subject_id=main_subject_id(clip.clip_id),
            dataset=clip.dataset,
            identity=unicodedata.normalize("NFC", clip.identity),
            is_published=True,
        )
