"""The dataset as trainings read it: any face, label or log-mel of one split by its row, at once.

Shards are made to be read from end to end; a training draws at random. So what it reads is written once more, to the
user's cache, where every training and evaluation of the same dataset finds it.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model.data.columns import Column, MappedColumn, Rows, places, read_matrix, read_picture, read_vector
from model.data.split_files import PackFiles, pack_key, write_pack
from pipeline.base.arrays import FaceEmbedding, FramesRGB, ImageRGB, LogMel
from pipeline.base.errors import BadInput
from pipeline.base.layout import Layout
from pipeline.dataset.reader import Built, Shape, open_built
from pipeline.storage.items import ItemStore, item_key

_STEP = "pack"


class Pack(ABC):
    """N faces, their labels, and S segments; each goes by its row, a person by a number.

    ``face_ids`` and ``datasets`` are of the faces, ``segment_ids`` and ``clips`` of the segments. A person is one in
    all datasets.
    """

    def __init__(
        self,
        *,
        faces: Column[ImageRGB],
        labels: Column[FaceEmbedding],
        log_mels: Column[LogMel],
        face_ids: Column[str],
        datasets: Column[str],
        segment_ids: Column[str],
        clips: Column[str],
        is_labelled: NDArray[np.bool_],
        label_size: int,
        log_mel_shape: Shape,
        face_persons: pa.Array | pa.ChunkedArray,
        segment_persons: pa.Array | pa.ChunkedArray,
    ) -> None:
        self.face_ids, self.datasets = face_ids, datasets
        self.segment_ids, self.clips = segment_ids, clips
        self.is_labelled = is_labelled
        """(N,) whether the face has a label."""
        self.label_size = label_size
        """Values of a label; 0 when no face has one."""
        self.log_mel_shape = log_mel_shape
        """(n_mels, n_frames) of every log-mel."""
        self.persons = sorted({*pc.unique(face_persons).to_pylist(), *pc.unique(segment_persons).to_pylist()})
        """Names by number."""
        self.person_of_face = places(face_persons, pa.array(self.persons, pa.string()))
        self.person_of_segment = places(segment_persons, pa.array(self.persons, pa.string()))
        self._faces, self._labels, self._log_mels = faces, labels, log_mels
        self._faces_of = _grouped(self.person_of_face, len(self.persons))
        self._segments_of = _grouped(self.person_of_segment, len(self.persons))

    @property
    @abstractmethod
    def content_hash(self) -> str:
        """The sha256, as hex, of all that can be read here."""

    @property
    def n_faces(self) -> int:
        """How many faces there are."""
        return len(self.person_of_face)

    @property
    def n_segments(self) -> int:
        """How many segments there are."""
        return len(self.person_of_segment)

    def faces_of(self, person: int) -> Rows:
        """Return the rows of a person's faces, rising."""
        return self._faces_of[person]

    def segments_of(self, person: int) -> Rows:
        """Return the rows of a person's segments, rising."""
        return self._segments_of[person]

    def face(self, row: int) -> ImageRGB:
        """Return a face, (H, W, 3), all of one size: 256x256 where they come from a dataset."""
        return self._faces[row]

    def label(self, row: int) -> FaceEmbedding:
        """Return the label of a face, (D,); raises IndexError when it has none."""
        if not self.is_labelled[row]:
            raise IndexError(f"face '{self.face_ids[row]}' has no label")
        return self._labels[row]

    def log_mel(self, row: int) -> LogMel:
        """Return the log-mel of a segment, (M, T), not to be written to."""
        return self._log_mels[row]

    def summary(self) -> str:
        """Return in one line how many of what there are."""
        n_labelled = int(self.is_labelled.sum())
        labelled = f"{n_labelled:,} with a label of {self.label_size} values" if n_labelled else "none with a label"
        return f"{len(self.persons):,} persons, {self.n_faces:,} faces ({labelled}), {self.n_segments:,} segments"


class ArrayPack(Pack):
    """A pack of arrays, in memory or maps of files.

    ``faces`` (N, H, W, 3) uint8, ``log_mels`` (S, M, T) float32, ``labels`` (N, D) float32 or None for no labels;
    ``face_persons`` and ``segment_persons`` say whose each is. Each segment is a clip of its own. Raises BadInput when
    there are not as many of all that belongs together.
    """

    def __init__(
        self,
        faces: FramesRGB,
        log_mels: NDArray[np.float32],
        labels: NDArray[np.float32] | None,
        face_persons: Sequence[str],
        segment_persons: Sequence[str],
        dataset: str = "arrays",
    ) -> None:
        n_labels = len(faces) if labels is None else len(labels)
        if not len(faces) == n_labels == len(face_persons) or len(log_mels) != len(segment_persons):
            raise BadInput(
                f"found {len(faces)} faces of {len(face_persons)} persons, {n_labels} labels,"
                f" and {len(log_mels)} log-mels of {len(segment_persons)} persons: expected one person for each"
            )
        face_ids = [f"{dataset}/{person}-t00-{row:08d}" for row, person in enumerate(face_persons)]
        segment_ids = [f"{dataset}/{person}-a{row:08d}" for row, person in enumerate(segment_persons)]
        _, n_mels, n_frames = log_mels.shape
        super().__init__(
            faces=faces,
            labels=np.empty((len(faces), 0), np.float32) if labels is None else labels,
            log_mels=log_mels,
            face_ids=face_ids,
            datasets=[dataset] * len(faces),
            segment_ids=segment_ids,
            clips=segment_ids,
            is_labelled=np.full(len(faces), labels is not None),
            label_size=0 if labels is None else labels.shape[1],
            log_mel_shape=(n_mels, n_frames),
            face_persons=pa.array(face_persons, pa.string()),
            segment_persons=pa.array(segment_persons, pa.string()),
        )

    @cached_property
    def content_hash(self) -> str:
        """The sha256 of ids and arrays."""
        digest = hashlib.sha256()
        for row in range(self.n_faces):
            _update(digest, self.face_ids[row], self._faces[row], self._labels[row])
        for row in range(self.n_segments):
            _update(digest, self.segment_ids[row], self._log_mels[row])
        return digest.hexdigest()


class StoredPack(Pack):
    """A pack in the user's cache, mapped: memory holds whose each row is, no more. It is pickled as its path."""

    def __init__(self, folder: Path, standard_only: bool, datasets: Sequence[str] | None) -> None:
        self._arguments = folder, standard_only, datasets
        files = PackFiles.map(folder)
        faces, labels, segments = files.faces, files.labels, files.segments
        self._n_stored_faces = len(faces)
        rows, segment_rows = _chosen(faces, standard_only, datasets), _chosen(segments, False, datasets)
        label_rows = places(faces["face_id"], labels["face_id"])[rows]
        super().__init__(
            faces=MappedColumn(faces["png"], rows, read_picture),
            labels=MappedColumn(labels["embedding"], label_rows, read_vector),
            log_mels=MappedColumn(segments["log_mel"], segment_rows, partial(read_matrix, files.log_mel_shape)),
            face_ids=MappedColumn(faces["face_id"], rows, str),
            datasets=MappedColumn(faces["dataset"], rows, str),
            segment_ids=MappedColumn(segments["segment_id"], segment_rows, str),
            clips=MappedColumn(segments["clip_id"], segment_rows, str),
            is_labelled=label_rows >= 0,
            label_size=labels["embedding"].type.list_size if (label_rows >= 0).any() else 0,
            log_mel_shape=files.log_mel_shape,
            face_persons=faces["person_id"].take(pa.array(rows)),
            segment_persons=segments["person_id"].take(pa.array(segment_rows)),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as where it stands; another process maps the files anew."""
        return StoredPack, self._arguments

    @property
    def content_hash(self) -> str:
        """The hash of what was packed, and of what is chosen of it."""
        folder, standard_only, datasets = self._arguments
        return item_key("pack view", 1, {"standard_only": standard_only, "datasets": datasets}, [folder.name])

    def summary(self) -> str:
        """Return in one line how many of what there are, and what of the split is not among it."""
        _, standard_only, datasets = self._arguments
        why = [*(["no standard faces"] if standard_only else []), *(["of other datasets"] if datasets else [])]
        n_left_out = self._n_stored_faces - self.n_faces
        return super().summary() + (f"; {n_left_out:,} faces left out: {' or '.join(why)}" if why else "")


def pack(
    at: Layout, out: Path, *, split: str, standard_only: bool, datasets: Sequence[str] | None = None
) -> StoredPack:
    """Return the faces, labels and log-mels of ``split``, of ``datasets`` (None: all), standard faces alone or all.

    They are packed under ``out`` unless they are there: once for a dataset and split, whatever is chosen of it. Raises
    BadInput when the dataset is not built whole, has nobody in ``split`` or in one of ``datasets``, or has faces that
    are not 256x256 or log-mels of several shapes.
    """
    built = open_built(at, split)
    _check_datasets(built, datasets)
    store, key = ItemStore(out), pack_key(built, split)
    if not store.has(_STEP, key):
        store.sweep(_STEP)
        with store.adding(_STEP, key) as folder:
            write_pack(built, folder)
    return StoredPack(store.folder(_STEP, key), standard_only, None if datasets is None else sorted(datasets))


def _check_datasets(built: Built, datasets: Sequence[str] | None) -> None:
    if datasets is None or datasets and set(datasets) <= set(built.datasets):
        return
    raise BadInput(
        f"{built.at.dataset('identities')}: expected some of {built.datasets}, the datasets with anybody in"
        f" {built.splits[0]}, or null for all; found {list(datasets)}"
    )


def _chosen(table: pa.Table, standard_only: bool, datasets: Sequence[str] | None) -> Rows:
    """Return the rows of ``table`` that are wanted."""
    wanted = np.ones(len(table), np.bool_)
    if standard_only:
        wanted &= table["is_standard"].to_numpy()
    if datasets is not None:
        wanted &= pc.is_in(table["dataset"], value_set=pa.array(datasets, pa.string())).to_numpy()
    return np.flatnonzero(wanted)


def _grouped(person_of: Rows, n_persons: int) -> list[Rows]:
    """Return the rows of each person."""
    order = np.argsort(person_of, kind="stable")
    return np.split(order, np.searchsorted(person_of[order], np.arange(1, n_persons)))


def _update(digest: "hashlib._Hash", item_id: str, *arrays: NDArray[Any]) -> None:
    """Put an item into the hash; what shapes are told of one can't be read as another's values."""
    digest.update("\n".join([item_id, *(f"{array.shape} {array.dtype}" for array in arrays), ""]).encode())
    for array in arrays:
        digest.update(array.tobytes())
