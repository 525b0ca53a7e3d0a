"""The rows of the dataset, person by person: read from all stages' manifests, and written as the dataset's own.

Memory holds the rows of one person, and one row per identity: faces and segments are joined and sorted on the disk.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.base.layout import Layout
from pipeline.core.records.dataset import DatasetFace, DatasetSegment, Identity, Pair
from pipeline.core.records.face import SelectedFace
from pipeline.core.records.label import Label
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.person import SubjectPerson
from pipeline.core.records.schema import arrow_schema, column
from pipeline.core.records.segment import Segment
from pipeline.core.records.subject import Subject
from pipeline.core.storage.atomic import scratch_folder, write_text
from pipeline.core.storage.manifest import RowSpool, iterate_manifest, write_manifest, write_tables
from pipeline.core.storage.query import add_table, query
from pipeline.core.storage.shards import shard_of, shard_paths
from pipeline.dataset.build import PersonDataset, PersonRows, RankedFace
from pipeline.dataset.table1 import Counts, totals

if TYPE_CHECKING:
    import duckdb

Row = TypeVar("Row", DatasetFace, RankedFace, DatasetSegment)
Person = tuple[str, str, int]
"""(dataset, person id, number of clips)"""

_PERSONS = """
    SELECT dataset, person_id, count(*) FROM subject_persons GROUP BY ALL ORDER BY dataset, person_id
"""
_FACES = """
    SELECT face_id, dataset, person_id, split, selected.clip_id, sampled_by, is_standard,
        labels.face_id IS NOT NULL AS is_labelled, shard, standardness
    FROM selected JOIN subjects USING (subject_id) LEFT JOIN labels USING (face_id)
    ORDER BY dataset, person_id, face_id
"""
_SEGMENTS = """
    SELECT segment_id, dataset, person_id, split, segments.clip_id, voiced_s, n_valid_frames, face_seen_share,
        coalesce(av_covered_s, 0.0) AS av_covered_s, av_zscore, turn_log_odds, overlap_share,
        music_share, shard
    FROM segments JOIN subjects USING (subject_id)
        LEFT JOIN (SELECT subject_id, av_covered_s, av_zscore FROM agreement) USING (subject_id)
    ORDER BY dataset, person_id, segment_id
"""
_RELEASED_PERSONS = """
    SELECT dataset, person_id, count(DISTINCT clip_id) FROM (
        SELECT dataset, person_id, clip_id FROM faces UNION ALL SELECT dataset, person_id, clip_id FROM segments
    ) GROUP BY ALL ORDER BY dataset, person_id
"""
_ROWS_PER_PART = 1 << 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _PlacedSubject(SubjectPerson):
    """The person of a subject, and the shard that holds its rows."""

    shard: str = column("relative to the repository root")


def iterate_persons(datasets: Sequence[str], at: Layout) -> Iterator[PersonRows]:
    """Yield all faces and segments of each person in each dataset, persons in order, rows in id order.

    Subjects without a person are left out. Raises BadManifest for a file that is absent, damaged or of another schema.
    """
    if not datasets:
        return
    with query({"subject_persons": (at.subject_persons, SubjectPerson)}) as connection:
        persons: list[Person] = connection.sql(_PERSONS).fetchall()
    with scratch_folder(at.dataset("joined")) as folder:
        faces = iterate_manifest(_save_faces(datasets, at, folder), RankedFace)
        yield from _with_rows(persons, faces, _save_segments(datasets, at, folder))


def iterate_released_persons(datasets: Sequence[str], at: Layout) -> Iterator[PersonRows]:
    """Yield all faces and segments of each person of datasets that were released built, as ``iterate_persons`` does."""
    if not datasets:
        return
    with scratch_folder(at.dataset("joined")) as folder, query({}, folder) as connection:
        add_table(connection, "faces", [at.released_faces(name) for name in datasets], DatasetFace)
        add_table(connection, "segments", [at.released_segments(name) for name in datasets], DatasetSegment)
        persons: list[Person] = connection.sql(_RELEASED_PERSONS).fetchall()
        in_order = "SELECT * FROM {} ORDER BY dataset, person_id, {}"
        _save(connection, in_order.format("faces", "face_id"), folder / "faces", DatasetFace)
        _save(connection, in_order.format("segments", "segment_id"), folder / "segments", DatasetSegment)
        faces = iterate_manifest(folder / "faces", DatasetFace)
        yield from _with_rows(persons, faces, folder / "segments")


def _with_rows(
    persons: Sequence[Person], faces: Iterator[DatasetFace] | Iterator[RankedFace], segments: Path
) -> Iterator[PersonRows]:
    """Yield the persons with their faces, and their segments in a file: in both, persons are in the same order."""
    rows = zip(
        persons,
        _rows_by_person(persons, faces),
        _rows_by_person(persons, iterate_manifest(segments, DatasetSegment)),
        strict=True,
    )
    for (dataset, person_id, n_clips), of_faces, of_segments in rows:
        yield PersonRows(dataset=dataset, person_id=person_id, n_clips=n_clips, faces=of_faces, segments=of_segments)


def iterate_segments(datasets: Sequence[str], at: Layout) -> Iterator[DatasetSegment]:
    """Yield the segments of all subjects with a person, by person, in id order."""
    with scratch_folder(at.dataset("joined")) as folder:
        yield from iterate_manifest(_save_segments(datasets, at, folder), DatasetSegment)


def write_stats(counts: Counts, n_pairs: int, at: Layout) -> None:
    """Write the counts of Table 1, their totals and the number of pairs, JSON; the headlines are the last two."""
    headlines = {**totals(counts), "pairs": n_pairs}
    write_text(at.stats, json.dumps({**counts, "total": headlines}, indent=2) + "\n")
    write_text(at.dataset_headlines, json.dumps(headlines, indent=2) + "\n")


class DatasetWriter:
    """Gathers the rows of all persons on the disk, and writes the dataset's manifests and ledger from them."""

    def __init__(self, folder: Path) -> None:
        self.identities: list[Identity] = []
        """Of the persons added so far that are not dropped."""
        self._spools = {
            record: RowSpool(folder / record.__name__, record)
            for record in (DatasetFace, DatasetSegment, Pair, LedgerRow)
        }

    @property
    def n_pairs(self) -> int:
        """The number of pairs."""
        return sum(identity.n_pairs for identity in self.identities)

    def add(self, person: PersonDataset) -> None:
        """Add the rows of one person."""
        if person.identity is not None:
            self.identities.append(person.identity)
        self._spools[DatasetFace].add(person.faces)
        self._spools[DatasetSegment].add(person.segments)
        self._spools[Pair].add(person.pairs())
        self._spools[LedgerRow].add(ledger_row("dataset", item_id, drop) for item_id, drop in person.ends)

    def write(self, at: Layout) -> None:
        """Write the manifests and the ledger."""
        write_manifest(at.dataset("identities"), Identity, self.identities)
        write_tables(at.dataset("faces"), DatasetFace, self._spools[DatasetFace].tables())
        write_tables(at.dataset("audio"), DatasetSegment, self._spools[DatasetSegment].tables())
        write_tables(at.dataset("pairs"), Pair, self._spools[Pair].tables())
        write_tables(at.ledger("dataset"), LedgerRow, self._spools[LedgerRow].tables())


@contextmanager
def dataset_writer(at: Layout) -> Iterator[DatasetWriter]:
    """Yield a writer whose gathered rows lie beside the dataset's manifests until the block ends."""
    with scratch_folder(at.dataset("rows")) as folder:
        yield DatasetWriter(folder)


def _save_faces(datasets: Sequence[str], at: Layout, folder: Path) -> Path:
    """Return a file of all faces, RankedFace, persons in order."""
    subjects, faces = folder / "subjects_of_faces", folder / "faces"
    _save_subjects(subjects, {name: shard_paths(at.faces_folder(name)) for name in datasets}, at)
    with query({"subjects": (subjects, _PlacedSubject)}, folder) as connection:
        add_table(connection, "selected", [at.selected_faces], SelectedFace)
        add_table(connection, "labels", [at.labels(name) for name in datasets], Label)
        _save(connection, _FACES, faces, RankedFace)
    return faces


def _save_segments(datasets: Sequence[str], at: Layout, folder: Path) -> Path:
    """Return a file of all segments, DatasetSegment, persons in order."""
    subjects, segments = folder / "subjects_of_segments", folder / "segments"
    shards = {name: shard_paths(at.audio_folder(name)) for name in datasets}
    _save_subjects(subjects, shards, at)
    with query({"subjects": (subjects, _PlacedSubject)}, folder) as connection:
        add_table(connection, "segments", [path for paths in shards.values() for path in paths], Segment)
        add_table(connection, "agreement", [at.subjects(name) for name in datasets], Subject)
        _save(connection, _SEGMENTS, segments, DatasetSegment)
    return segments


def _save_subjects(path: Path, shards: Mapping[str, Sequence[Path]], at: Layout) -> None:
    """Write the subjects of the datasets in ``shards``, with the one of those shards that each one's rows are in."""
    names = {name: [shard.relative_to(at.root).as_posix() for shard in paths] for name, paths in shards.items()}
    subjects = (
        _PlacedSubject(**asdict(one), shard=names[one.dataset][shard_of(one.clip_id, len(names[one.dataset]))])
        for one in iterate_manifest(at.subject_persons, SubjectPerson)
        if one.dataset in names
    )
    write_manifest(path, _PlacedSubject, subjects)


def _save(connection: "duckdb.DuckDBPyConnection", sql: str, path: Path, record: type) -> None:
    """Write the result of a query as rows of ``record``."""
    schema = arrow_schema(record)
    with pq.ParquetWriter(path, schema) as writer:
        for batch in connection.sql(sql).to_arrow_reader(_ROWS_PER_PART):
            writer.write_table(pa.Table.from_batches([batch]).cast(schema))


def _rows_by_person(persons: Iterable[Person], rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Yield the rows of each person; both are in the same order of persons, of whom some have no rows."""
    row = next(rows, None)
    for dataset, person_id, _ in persons:
        found = []
        while row is not None and (row.dataset, row.person_id) == (dataset, person_id):
            found.append(row)
            row = next(rows, None)
        yield found
