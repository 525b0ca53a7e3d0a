"""A dataset split for training and evaluation: random access to faces, labels and log-mels by row.

Shards are made to be read from end to end; a training reads at random. So a split is written once more, to
memory-mapped files in the user's cache, for all trainings and evaluations of the same dataset.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model.data.columns import Column, MappedColumn, Rows, indices_in, read_matrix, read_picture, read_vector
from model.data.split_files import SplitFiles, split_key, write_split_files
from model.settings import SegmentOf
from pipeline.core.base.arrays import FaceEmbedding, FramesRGB, ImageRGB, LogMel
from pipeline.core.base.errors import BadInput
from pipeline.core.base.layout import Layout
from pipeline.core.storage.items import ItemStore, item_key
from pipeline.core.storage.used_items import hold_in_use, record_used
from pipeline.dataset.reader import BuiltDataset, Shape, open_dataset

_STEP = "dataset_split"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of the stored files in ``folder`` a split holds, and how many faces it leaves out."""

    folder: Path
    standard_only: bool
    datasets: tuple[str, ...] | None
    n_faces_left_out: int

    @property
    def content_hash(self) -> str:
        """The hash of the stored files and of the selection."""
        params = {"standard_only": self.standard_only, "datasets": self.datasets and list(self.datasets)}
        return item_key(f"{_STEP} selection", 2, params, [self.folder.name])


@dataclass(frozen=True, kw_only=True, eq=False)
class DatasetSplit:
    """Train or test of a built dataset: N faces with their identity labels, and S segments, of P persons, by row.

    A person is the same one in all datasets. Where the columns are files, a copy for another process is pickled as the
    folder of those files, which that process maps again.
    """

    faces: Column[ImageRGB]
    """(H, W, 3) each, all of one size: 256x256 where they come from a dataset."""
    labels: Column[FaceEmbedding]
    log_mels: Column[LogMel]
    face_ids: Column[str]
    datasets: Column[str]
    """The dataset of each face."""
    segment_ids: Column[str]
    clips: Column[str]
    """The clip of each segment."""
    is_labelled: NDArray[np.bool_]
    """(N,) whether each face has a label."""
    label_size: int
    """Length of a label; 0 when no face has one."""
    log_mel_shape: Shape
    """(n_mels, n_frames) of every log-mel."""
    persons: list[str]
    """Person ids by number, ascending."""
    person_of_face: Rows
    """(N,) number of each face's person."""
    person_of_segment: Rows
    """(S,) number of each segment's person."""
    dataset_of_face: Rows
    """(N,) number of each face's dataset."""
    dataset_of_segment: Rows
    """(S,) number of each segment's dataset."""
    selection: Selection | None = None
    """None: the arrays are in memory, and nothing is left out."""

    @classmethod
    def from_arrays(
        cls,
        faces: FramesRGB,
        log_mels: NDArray[np.float32],
        labels: NDArray[np.float32] | None,
        face_persons: Sequence[str],
        segment_persons: Sequence[str],
        dataset: str = "arrays",
    ) -> Self:
        """Return a split of arrays, in memory or maps of files; each segment is a clip of its own.

        ``faces`` (N, H, W, 3) uint8, ``log_mels`` (S, M, T) float32, ``labels`` (N, D) float32 or None for no labels;
        ``face_persons`` and ``segment_persons`` are the persons of each. Raises BadInput when their lengths differ.
        """
        n_labels = len(faces) if labels is None else len(labels)
        if not len(faces) == n_labels == len(face_persons) or len(log_mels) != len(segment_persons):
            raise BadInput(
                f"found {len(faces)} faces of {len(face_persons)} persons, {n_labels} labels,"
                f" and {len(log_mels)} log-mels of {len(segment_persons)} persons: expected one person for each"
            )
        segment_ids = [f"{dataset}/{person}-a{row:08d}" for row, person in enumerate(segment_persons)]
        persons = sorted({*face_persons, *segment_persons})
        _, n_mels, n_frames = log_mels.shape
        return cls(
            faces=faces,
            labels=np.empty((len(faces), 0), np.float32) if labels is None else labels,
            log_mels=log_mels,
            face_ids=[f"{dataset}/{person}-t00-{row:08d}" for row, person in enumerate(face_persons)],
            datasets=[dataset] * len(faces),
            segment_ids=segment_ids,
            clips=segment_ids,
            is_labelled=np.full(len(faces), labels is not None),
            label_size=0 if labels is None else labels.shape[1],
            log_mel_shape=(n_mels, n_frames),
            persons=persons,
            person_of_face=_numbers(pa.array(face_persons, pa.string()), persons),
            person_of_segment=_numbers(pa.array(segment_persons, pa.string()), persons),
            dataset_of_face=np.zeros(len(faces), np.intp),
            dataset_of_segment=np.zeros(len(log_mels), np.intp),
        )

    @classmethod
    def from_folder(cls, folder: Path, standard_only: bool, datasets: Sequence[str] | None) -> Self:
        """Return a split of stored files, mapped: memory holds only the person of each row.

        ``standard_only`` leaves out the faces that are no standard faces, ``datasets`` (None: all) other datasets.
        Raises BadInput when a file is damaged.
        """
        files = SplitFiles.map(folder)
        faces, labels, segments = files.faces, files.labels, files.segments
        rows, segment_rows = _selected(faces, standard_only, datasets), _selected(segments, False, datasets)
        label_rows = indices_in(faces["face_id"], labels["face_id"])[rows]
        face_persons, segment_persons = (
            _Names.of(faces, "person_id", rows),
            _Names.of(segments, "person_id", segment_rows),
        )
        persons = sorted({*face_persons.names, *segment_persons.names})
        face_datasets, segment_datasets = (
            _Names.of(faces, "dataset", rows),
            _Names.of(segments, "dataset", segment_rows),
        )
        dataset_names = sorted({*face_datasets.names, *segment_datasets.names})
        return cls(
            faces=MappedColumn(faces["pixels"], rows, read_picture),
            labels=MappedColumn(labels["embedding"], label_rows, read_vector),
            log_mels=MappedColumn(segments["log_mel"], segment_rows, partial(read_matrix, files.log_mel_shape)),
            face_ids=MappedColumn(faces["face_id"], rows, str),
            datasets=MappedColumn(faces["dataset"], rows, str),
            segment_ids=MappedColumn(segments["segment_id"], segment_rows, str),
            clips=MappedColumn(segments["clip_id"], segment_rows, str),
            is_labelled=label_rows >= 0,
            label_size=labels["embedding"].type.list_size if (label_rows >= 0).any() else 0,
            log_mel_shape=files.log_mel_shape,
            persons=persons,
            person_of_face=face_persons.numbers(persons),
            person_of_segment=segment_persons.numbers(persons),
            dataset_of_face=face_datasets.numbers(dataset_names),
            dataset_of_segment=segment_datasets.numbers(dataset_names),
            selection=Selection(
                folder, standard_only, None if datasets is None else tuple(datasets), len(faces) - len(rows)
            ),
        )

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle a split of files as their folder and the selection."""
        if self.selection is None:
            return super().__reduce__()
        return DatasetSplit.from_folder, (
            self.selection.folder,
            self.selection.standard_only,
            self.selection.datasets,
        )

    @cached_property
    def content_hash(self) -> str:
        """The sha256, as hex, of all faces, labels and log-mels."""
        if self.selection is not None:
            return self.selection.content_hash
        digest = hashlib.sha256()
        for row in range(self.n_faces):
            _update(digest, self.face_ids[row], self.faces[row], self.labels[row])
        for row in range(self.n_segments):
            _update(digest, self.segment_ids[row], self.log_mels[row])
        return digest.hexdigest()

    @property
    def n_faces(self) -> int:
        """The number of faces."""
        return len(self.person_of_face)

    @property
    def n_segments(self) -> int:
        """The number of segments."""
        return len(self.person_of_segment)

    def faces_of(self, person: int) -> Rows:
        """Return the rows of a person's faces, ascending."""
        return self._rows_of_faces[person]

    def segments_of(self, person: int) -> Rows:
        """Return the rows of a person's segments, ascending."""
        return self._rows_of_segments[person]

    def segments_for(self, face_row: int, segment_of: SegmentOf = "same_dataset") -> Rows:
        """Return the rows of the segments of a face's person, ascending: of the face's dataset, or of all datasets."""
        rows = self.segments_of(int(self.person_of_face[face_row]))
        if segment_of == "same_person":
            return rows
        is_of_dataset = self.dataset_of_segment[rows] == self.dataset_of_face[face_row]
        return np.asarray(rows[is_of_dataset], np.intp)

    def has_segment(self, segment_of: SegmentOf = "same_dataset") -> NDArray[np.bool_]:
        """Return, (N,), for which faces ``segments_for`` has any."""
        of_face, of_segment = self.person_of_face, self.person_of_segment
        if segment_of == "same_dataset":
            n_persons = len(self.persons)
            of_face = of_face + n_persons * self.dataset_of_face
            of_segment = of_segment + n_persons * self.dataset_of_segment
        return np.isin(of_face, of_segment)

    def face(self, row: int) -> ImageRGB:
        """Return a face, (H, W, 3)."""
        return self.faces[row]

    def label(self, row: int) -> FaceEmbedding:
        """Return the label of a face, (D,); raises IndexError when it has none."""
        if not self.is_labelled[row]:
            raise IndexError(f"face '{self.face_ids[row]}' has no label")
        return self.labels[row]

    def log_mel(self, row: int) -> LogMel:
        """Return the log-mel of a segment, (M, T), float32, read-only."""
        return self.log_mels[row]

    def summary(self) -> str:
        """Return in one line the numbers of persons, faces, labels and segments, and of the faces left out."""
        n_labelled = int(self.is_labelled.sum())
        labelled = f"{n_labelled:,} with a label of {self.label_size} values" if n_labelled else "none with a label"
        counts = f"{len(self.persons):,} persons, {self.n_faces:,} faces ({labelled}), {self.n_segments:,} segments"
        selection = self.selection
        if selection is None or not (selection.standard_only or selection.datasets):
            return counts
        reasons = [
            *(["no standard faces"] if selection.standard_only else []),
            *(["of other datasets"] if selection.datasets else []),
        ]
        return f"{counts}; {selection.n_faces_left_out:,} faces left out: {' or '.join(reasons)}"

    @cached_property
    def _rows_of_faces(self) -> list[Rows]:
        return _grouped(self.person_of_face, len(self.persons))

    @cached_property
    def _rows_of_segments(self) -> list[Rows]:
        return _grouped(self.person_of_segment, len(self.persons))


def open_split(
    at: Layout, out: Path, *, split: str, standard_only: bool, datasets: Sequence[str] | None = None
) -> DatasetSplit:
    """Return the faces, labels and log-mels of ``split``, of ``datasets`` (None: all), standard faces alone or all.

    Their files are written under ``out`` unless they exist: once per dataset and split, whatever the selection. Raises
    BadInput when the dataset is not built whole, has nobody in ``split`` or in one of ``datasets``, or has
    faces that are not 256x256 or log-mels of several shapes.
    """
    built = open_dataset(at, split)
    _check_datasets(built, datasets)
    store, key = ItemStore(out), split_key(built, split)
    record_used(out, _STEP, at.root, split, [key])
    hold_in_use(out / _STEP)
    store.sweep(_STEP)
    store.ensure(_STEP, key, lambda folder: write_split_files(built, folder), check_hashes=True)
    sorted_datasets = None if datasets is None else sorted(datasets)
    return DatasetSplit.from_folder(store.folder(_STEP, key), standard_only, sorted_datasets)


def _check_datasets(built: BuiltDataset, datasets: Sequence[str] | None) -> None:
    if datasets is None or (datasets and set(datasets) <= set(built.datasets)):
        return
    raise BadInput(
        f"{built.at.dataset('identities')}: expected some of {built.datasets}, the datasets with anybody in"
        f" {built.splits[0]}, or null for all; found {list(datasets)}"
    )


def _selected(table: pa.Table, standard_only: bool, datasets: Sequence[str] | None) -> Rows:
    """Return the selected rows of ``table`` in the order of ids, its first column, on however many shards they are."""
    is_selected = np.ones(len(table), np.bool_)
    if standard_only:
        is_selected &= table["is_standard"].to_numpy()
    if datasets is not None:
        is_selected &= pc.is_in(table["dataset"], value_set=pa.array(datasets, pa.string())).to_numpy()
    rows = np.flatnonzero(is_selected)
    return np.asarray(rows[pc.sort_indices(table.column(0).take(rows))], np.intp)


@dataclass(frozen=True, slots=True)
class _Names:
    """The value of each of some rows of a column of names: a place among names."""

    names: list[str]
    places: Rows

    @classmethod
    def of(cls, table: pa.Table, column: str, rows: Rows) -> "_Names":
        """Read a column of ``rows`` a part at a time."""
        encoded = table[column].dictionary_encode().unify_dictionaries()
        names = encoded.chunk(0).dictionary.to_pylist() if encoded.num_chunks else []
        indices = [chunk.indices.to_numpy() for chunk in encoded.chunks]
        places = np.concatenate(indices)[rows] if indices else np.empty(0, np.intp)
        used, places = np.unique(places, return_inverse=True)
        return cls([names[name] for name in used], np.asarray(places, np.intp))

    def numbers(self, all_names: list[str]) -> Rows:
        """Return the number of each row's name among ``all_names``."""
        number_of = {name: number for number, name in enumerate(all_names)}
        return np.array([number_of[name] for name in self.names], np.intp)[self.places]


def _numbers(names: pa.Array | pa.ChunkedArray, persons: list[str]) -> Rows:
    """Return the number of each person."""
    return indices_in(names, pa.array(persons, pa.string()))


def _grouped(person_of: Rows, n_persons: int) -> list[Rows]:
    """Return the rows of each person, by number."""
    order = np.argsort(person_of, kind="stable")
    return np.split(order, np.searchsorted(person_of[order], np.arange(1, n_persons)))


def _update(digest: "hashlib._Hash", item_id: str, *arrays: NDArray[Any]) -> None:
    """Hash an item, shapes and dtypes first, so that different arrays never hash alike."""
    digest.update("\n".join([item_id, *(f"{array.shape} {array.dtype}" for array in arrays), ""]).encode())
    for array in arrays:
        digest.update(array.tobytes())
