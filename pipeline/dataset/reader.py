"""The built dataset, read back: its lists as tables, its payload shard by shard in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.core.base.arrays import LogMel
from pipeline.core.base.errors import BadInput, BadManifest
from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.dataset import DatasetFace, DatasetSegment, Identity, Pair
from pipeline.core.records.face import Face
from pipeline.core.records.label import Label
from pipeline.core.records.person import TEST, TRAIN
from pipeline.core.records.schema import arrow_schema, check_schema, from_table, key_of
from pipeline.core.records.segment import Segment
from pipeline.core.storage.manifest import iterate_manifest, iterate_tables, read_table

_MANIFESTS = ("identities", "faces", "audio", "pairs")
_PAIRS_PER_BATCH = 1 << 16

Shape = tuple[int, int]
"""Of a log-mel: (n_mels, n_frames)."""


@dataclass(frozen=True, slots=True)
class BuiltDataset:
    """The dataset's lists, of the splits that were opened."""

    at: Layout
    splits: tuple[str, ...]
    """Those that have rows, train first."""
    identities: list[Identity]
    faces: pa.Table
    """Columns of DatasetFace, and the ``licence`` of the clip."""
    segments: pa.Table
    """Columns of DatasetSegment, and the ``licence`` of the clip."""

    @property
    def datasets(self) -> list[str]:
        """The datasets that have rows, in order."""
        return sorted({one.dataset for one in self.identities})


def open_dataset(at: Layout, split: str | None = None) -> BuiltDataset:
    """Return the lists of the built dataset, of one split or of both.

    Raises BadInput when the dataset is not built, or when ``split`` is empty.
    """
    missing = [at.dataset(name) for name in _MANIFESTS if not at.dataset(name).is_file()]
    if missing:
        raise BadInput(f"{missing[0]}: not found: the dataset is not built yet. Run 'dvc repro'.")
    identities = [one for one in iterate_manifest(at.dataset("identities"), Identity) if split in (None, one.split)]
    if not identities:
        raise BadInput(f"{at.dataset('identities')}: nobody is in {split or 'the dataset'}, there is nothing to read.")
    splits = tuple(one for one in (TRAIN, TEST) if one in {identity.split for identity in identities})
    licences = _licences(at, {one.dataset for one in identities})
    return BuiltDataset(
        at=at,
        splits=splits,
        identities=identities,
        faces=_listed(at.dataset("faces"), DatasetFace, splits, licences),
        segments=_listed(at.dataset("audio"), DatasetSegment, splits, licences),
    )


def only_standard(built: BuiltDataset) -> BuiltDataset:
    """Return ``built`` without the faces that are no standard faces; pairs have none of these."""
    return replace(built, faces=built.faces.filter(built.faces.column("is_standard")))


def iterate_faces(built: BuiltDataset) -> Iterator[pa.Table]:
    """Yield the columns of Face and those of ``built.faces``, at most a row group at a time, in shard order."""
    return _iterate_payload(built.at.root, Face, built.faces)


def iterate_segments(built: BuiltDataset) -> Iterator[pa.Table]:
    """Yield the columns of Segment and those of ``built.segments``, at most a row group at a time, in shard order."""
    return _iterate_payload(built.at.root, Segment, built.segments)


def iterate_labels(built: BuiltDataset) -> Iterator[Label]:
    """Yield the labels of ``built.faces``, dataset by dataset in id order; faces without one are skipped.

    Raises BadManifest when labels are missing, or are not all of one network and size.
    """
    kinds = set()
    for dataset in built.datasets:
        path = built.at.labels(dataset)
        wanted = _labelled(built.faces, dataset)
        missing = _Missing()
        for table in iterate_tables(path, Label) if len(wanted) else ():
            n_up_to = _n_up_to(wanted, table.column("face_id")[-1].as_py()) if len(table) else 0
            here, wanted = wanted.slice(0, n_up_to), wanted.slice(n_up_to)
            missing.add(here.filter(pc.invert(pc.is_in(here, value_set=table.column("face_id")))))
            for label in from_table(Label, table.filter(pc.is_in(table.column("face_id"), value_set=here)), str(path)):
                kinds.add((label.recognition_network, len(label.embedding)))
                yield label
        missing.add(wanted)
        if missing.n:
            raise BadManifest(f"{path}: {missing.n} labels are missing, of '{missing.first}' first. Run 'dvc repro'.")
        if len(kinds) > 1:
            raise BadManifest(f"{path}: labels are of several networks: {sorted(kinds)}. Run 'dvc repro'.")


class _Missing:
    """The number of ids, and the first."""

    def __init__(self) -> None:
        self.n, self.first = 0, ""

    def add(self, ids: pa.ChunkedArray) -> None:
        if len(ids):
            self.first = self.first if self.n else ids[0].as_py()
            self.n += len(ids)


def iterate_pairs(built: BuiltDataset, split: str) -> Iterator[pa.Table]:
    """Yield the pairs of ``split`` in id order, columns of Pair, in batches of bounded size."""
    with _opened(built.at.dataset("pairs"), Pair) as file:
        for batch in file.iter_batches(batch_size=_PAIRS_PER_BATCH):
            table = pa.Table.from_batches([batch])
            yield table.filter(pc.equal(table.column("split"), split))


def log_mel_shapes(built: BuiltDataset) -> list[Shape]:
    """Return the shapes of the log-mels in the shards, sorted: one, unless log-mels are not padded."""
    shapes = set()
    for shard in _shards(built.segments):
        table = read_table(built.at.root / shard, Segment, ["n_mels", "n_frames"])
        shapes |= set(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return sorted(shapes)


def log_mels(segments: pa.Table) -> list[LogMel]:
    """Return the log-mel of each row of a table of Segment."""
    columns = (segments.column(name) for name in ("log_mel", "n_mels", "n_frames"))
    return [
        values.values.to_numpy().reshape(n_mels.as_py(), n_frames.as_py())
        for values, n_mels, n_frames in zip(*columns, strict=True)
    ]


def rows_of(ids: pa.ChunkedArray, among: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return the row of each id; raises BadManifest where there is none."""
    rows = pc.index_in(ids, value_set=among)
    if rows.null_count:
        missing = ids.filter(pc.is_null(rows))[0].as_py()
        raise BadManifest(f"the pairs contain '{missing}', which is not in the dataset. Run 'dvc repro'.")
    return np.asarray(rows.to_numpy(), np.int64)


def _licences(at: Layout, datasets: set[str]) -> pa.Table:
    """Return the licence of every clip, columns clip_id and licence."""
    tables = [read_table(at.clips(dataset), Clip, ["clip_id", "licence"]) for dataset in sorted(datasets)]
    return pa.concat_tables(tables).combine_chunks()


def _listed(path: Path, record: type, splits: tuple[str, ...], licences: pa.Table) -> pa.Table:
    wanted = pa.array(splits, pa.string())
    parts = [part.filter(pc.is_in(part.column("split"), value_set=wanted)) for part in iterate_tables(path, record)]
    table = pa.concat_tables(parts) if parts else arrow_schema(record).empty_table()
    places = pc.index_in(table.column("clip_id"), value_set=licences.column("clip_id"))
    licence = pc.fill_null(licences.column("licence").take(places), "")
    return table.append_column("licence", licence).combine_chunks()


def _labelled(faces: pa.Table, dataset: str) -> pa.ChunkedArray:
    """Return the ids of the faces of a dataset that have a label, in order."""
    chosen = pc.and_(faces.column("is_labelled"), pc.equal(faces.column("dataset"), dataset))
    return faces.column("face_id").filter(chosen)


def _n_up_to(ids: pa.ChunkedArray, last: str) -> int:
    """Return how many of ``ids``, which ascend, are at most ``last``."""
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if ids[middle].as_py() <= last else (low, middle)
    return low


def _shards(listed: pa.Table) -> list[str]:
    return sorted(pc.unique(listed.column("shard")).to_pylist())


def _iterate_payload(root: Path, record: type, listed: pa.Table) -> Iterator[pa.Table]:
    for shard in _shards(listed):
        of_shard = listed.filter(pc.equal(listed.column("shard"), shard)).combine_chunks()
        yield from _iterate_shard(root / shard, record, of_shard)


def _iterate_shard(path: Path, record: type, listed: pa.Table) -> Iterator[pa.Table]:
    """Yield the listed rows of one shard; row groups without any are not read."""
    key = key_of(record)
    n_found = 0
    with _opened(path, record) as file:
        for group in range(file.num_row_groups):
            ids = file.read_row_group(group, columns=[key]).column(key)
            places = pc.index_in(ids, value_set=listed.column(key))
            wanted = pc.is_valid(places)
            if pc.any(wanted).as_py():
                payload = file.read_row_group(group).filter(wanted)
                n_found += len(payload)
                yield _joined(payload, listed.take(places.drop_null()))
    if n_found != len(listed):
        raise BadManifest(f"{path}: {len(listed)} rows of the dataset expected, {n_found} found. Run 'dvc repro'.")


def _joined(payload: pa.Table, listed: pa.Table) -> pa.Table:
    for name in listed.schema.names:
        if name not in payload.schema.names:
            payload = payload.append_column(listed.schema.field(name), listed.column(name))
    return payload


def _opened(path: Path, record: type) -> pq.ParquetFile:
    if not path.is_file():
        raise BadManifest(f"{path}: not found. Run 'dvc repro'.")
    file = pq.ParquetFile(path)
    try:
        check_schema(record, file.schema_arrow, str(path))
    except BadManifest:
        file.close()
        raise
    return file
