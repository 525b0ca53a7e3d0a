"""The files of a dataset split: faces, labels and log-mels, uncompressed, so that maps of them are random access.

``faces.arrow`` holds the pictures' pixels (196,608 bytes a face, about twice its PNG), ``labels.arrow`` the labels of
the faces that have one, ``segments.arrow`` the log-mels. Rows are in the order of the shards, in batches of at most two
row groups, and memory holds no more.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from pipeline.core.base.errors import BadInput
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.images import decode_png
from pipeline.core.records.label import Label
from pipeline.core.storage.items import item_key
from pipeline.dataset.reader import BuiltDataset, Shape, iterate_faces, iterate_labels, iterate_segments, log_mel_shapes

FACE_PX = 256
"""Side of the networks' input faces."""

_VERSION = 2
_FILES = _FACES, _LABELS, _SEGMENTS = "faces.arrow", "labels.arrow", "segments.arrow"
_LABELS_PER_BATCH = 512
_LEAST_ROWS = 64

_FACE_TEXTS = [(name, pa.string()) for name in ("face_id", "person_id", "dataset")]
_FACE_SCHEMA = pa.schema([*_FACE_TEXTS, ("is_standard", pa.bool_()), ("pixels", pa.binary(3 * FACE_PX**2))])
_SEGMENT_TEXTS = [(name, pa.string()) for name in ("segment_id", "person_id", "dataset", "clip_id")]
_PNG_SIZE = struct.Struct(">16x2I")
"""Signature, length and type of the first chunk; then the picture's width and height."""


def split_key(built: BuiltDataset, split: str) -> str:
    """Return the hash of all inputs of a split: lists, labels, and the shards that hold a row of ``built``.

    Raises BadInput when one of these files is missing.
    """
    at = built.at
    shards = {*pc.unique(built.faces["shard"]).to_pylist(), *pc.unique(built.segments["shard"]).to_pylist()}
    files = [at.dataset("faces"), at.dataset("audio"), *(at.root / shard for shard in sorted(shards))]
    if pc.any(built.faces["is_labelled"]).as_py():
        files += [at.labels(dataset) for dataset in built.datasets]
    if missing := [file for file in files if not file.is_file()]:
        raise BadInput(f"{missing[0]}: missing, and the dataset has rows in it. Run 'dvc repro', or 'dvc checkout'.")
    return item_key("dataset_split", _VERSION, {"split": split}, [sha256_of(file) for file in files])


def write_split_files(built: BuiltDataset, folder: Path) -> None:
    """Write the files of a split; raises BadInput for faces or log-mels that do not fit into one batch."""
    shape = _one_shape(built)
    _write(folder / _FACES, _FACE_SCHEMA, _face_batches(built))
    _write_labels(folder / _LABELS, iterate_labels(built))
    _write(folder / _SEGMENTS, _segment_schema(shape), _segment_batches(built, shape))


@dataclass(frozen=True, slots=True)
class SplitFiles:
    """The memory-mapped files of a split."""

    faces: pa.Table
    """face_id, person_id, dataset, is_standard, pixels."""
    labels: pa.Table
    """face_id, embedding; no rows when no face has a label."""
    segments: pa.Table
    """segment_id, person_id, dataset, clip_id, log_mel."""

    @classmethod
    def map(cls, folder: Path) -> "SplitFiles":
        """Return the files of ``folder``; raises BadInput when one is damaged."""
        try:
            return cls(*(pa.ipc.open_file(pa.memory_map(str(folder / name))).read_all() for name in _FILES))
        except (pa.ArrowInvalid, OSError) as error:  # OSError is also how Arrow reports damaged bytes
            raise BadInput(
                f"{folder}: no readable dataset split ({error}). Delete this folder; it is written again."
            ) from None

    @property
    def log_mel_shape(self) -> Shape:
        """(n_mels, n_frames)."""
        metadata = self.segments.schema.metadata
        return int(metadata[b"n_mels"]), int(metadata[b"n_frames"])


def _write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for table in _gathered(tables):
            writer.write_table(table.cast(schema).combine_chunks())


def _gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield the rows in tables of a row group or more: a map of very many small batches would need much memory."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= _LEAST_ROWS:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _face_batches(built: BuiltDataset) -> Iterator[pa.Table]:
    for table in iterate_faces(built):
        png = pc.struct_field(table["image"], "bytes")
        pixels = [_pixels(*row) for row in zip(table["face_id"].to_pylist(), png, strict=True)]
        texts = table.select(["face_id", "person_id", "dataset", "is_standard"])
        yield texts.append_column("pixels", pa.array(pixels, _FACE_SCHEMA.field("pixels").type))


def _pixels(face_id: str, png: pa.Scalar) -> bytes:
    """Return the bytes of (256, 256, 3) RGB of a PNG cell; its size is read before it is decoded."""
    data = png.as_buffer()
    width, height = _PNG_SIZE.unpack(bytes(data[: _PNG_SIZE.size]))
    if (width, height) != (FACE_PX, FACE_PX):
        raise BadInput(
            f"face '{face_id}' has {width}x{height} px, the networks take {FACE_PX}x{FACE_PX}:"
            f" set 'crop.template.size_px' to {FACE_PX} and run 'dvc repro'."
        )
    return decode_png(data).tobytes()


def _write_labels(path: Path, labels: Iterator[Label]) -> None:
    first = next(labels, None)
    size = 0 if first is None else len(first.embedding)
    schema = pa.schema([("face_id", pa.string()), ("embedding", pa.list_(pa.float32(), size))])
    _write(path, schema, _label_batches(chain([] if first is None else [first], labels), schema))


def _label_batches(labels: Iterator[Label], schema: pa.Schema) -> Iterator[pa.Table]:
    while rows := list(islice(labels, _LABELS_PER_BATCH)):
        values = pa.array(np.concatenate([label.embedding for label in rows]))
        embeddings = pa.FixedSizeListArray.from_arrays(values, type=schema.field("embedding").type)
        yield pa.table([pa.array([label.face_id for label in rows]), embeddings], schema=schema)


def _one_shape(built: BuiltDataset) -> Shape:
    shapes = log_mel_shapes(built)
    if len(shapes) != 1:
        raise BadInput(
            f"log-mels have shapes {shapes}, the networks take one: all of one 'audio.profile', and padded,"
            " 'audio.pad' other than none. Correct params.yaml and run 'dvc repro'."
        )
    return shapes[0]


def _segment_schema(shape: Shape) -> pa.Schema:
    n_mels, n_frames = shape
    log_mel = ("log_mel", pa.list_(pa.float32(), n_mels * n_frames))
    return pa.schema([*_SEGMENT_TEXTS, log_mel], {"n_mels": str(n_mels), "n_frames": str(n_frames)})


def _segment_batches(built: BuiltDataset, shape: Shape) -> Iterator[pa.Table]:
    names = _segment_schema(shape).names
    for table in iterate_segments(built):
        yield table.select(names)
