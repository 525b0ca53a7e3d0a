"""The subjects of every clip of a dataset, from its manifests of tracks and their embeddings."""

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.schema import from_table, to_table
from pipeline.core.records.subject import Subject, SubjectTrack, TrackEmbedding
from pipeline.core.records.track import Track
from pipeline.core.storage.clip_order import in_row_order
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.core.storage.manifest import iterate_tables, write_manifest, write_tables
from pipeline.identity.subjects.link import ClipSubjects, subjects_of
from pipeline.identity.subjects.settings import SubjectsParams

EmbeddingsOf = Callable[[str], list[TrackEmbedding]]
"""Returns the embeddings of a clip's tracks; none of a clip without."""


class DatasetSubjects:
    """The subjects of all clips that have tracks, computed clip by clip."""

    def __init__(self, dataset: str, embeddings_of: EmbeddingsOf, params: SubjectsParams, at: Layout) -> None:
        self._dataset, self._at = dataset, at
        self._tracks = ClipRows(at.tracks(dataset), Track)
        self._embeddings_of = embeddings_of
        self._params = params
        self._last: tuple[str, ClipSubjects] | None = None
        self.n_clips = 0
        """With a subject; known once all is written."""
        self.n_subjects = 0

    def write(self) -> None:
        """Write the manifests of Subject and SubjectTrack, and the ledger."""
        at, dataset = self._at, self._dataset
        tracks = in_row_order(SubjectTrack, self._clip_ids(), self._rows_of_tracks)
        write_tables(at.subject_tracks(dataset), SubjectTrack, tracks)
        subjects = in_row_order(Subject, self._clip_ids(), self._rows_of_subjects)
        write_tables(at.subjects(dataset), Subject, subjects)
        write_manifest(at.ledger("subjects", dataset), LedgerRow, self._ledger())

    def _clip_ids(self) -> Iterator[str]:
        for table in iterate_tables(self._at.clips(self._dataset), Clip, ["clip_id"]):
            for clip_id in table.column("clip_id").to_pylist():
                if len(self._tracks.of(clip_id)):
                    yield clip_id

    def _of(self, clip_id: str) -> ClipSubjects:
        if self._last is None or self._last[0] != clip_id:
            tracks = from_table(Track, self._tracks.of(clip_id))
            embeddings = self._embeddings_of(clip_id)
            vectors = {one.track_id: np.asarray(one.embedding, np.float64) for one in embeddings}
            limit = self._params.limit_of(embeddings[0].network) if embeddings else 1.0
            self._last = clip_id, subjects_of(tracks, vectors, limit, self._params)
        return self._last[1]

    def _rows_of_tracks(self, clip_id: str) -> pa.Table:
        return to_table(SubjectTrack, self._of(clip_id).tracks)

    def _rows_of_subjects(self, clip_id: str) -> pa.Table:
        subjects = self._of(clip_id).subjects
        self.n_clips, self.n_subjects = self.n_clips + 1, self.n_subjects + len(subjects)
        return to_table(Subject, subjects)

    def _ledger(self) -> Iterator[LedgerRow]:
        for table in iterate_tables(self._at.subjects(self._dataset), Subject):
            for subject in from_table(Subject, table):
                yield ledger_row("subjects", subject.subject_id, None if subject.is_main else _not_main(subject))


def _not_main(subject: Subject) -> Dropped:
    return Dropped.filtered("not_main_subject", f"seen for {subject.seen_s:.1f} s")
