"""Export for Hugging Face ``datasets``: Parquet with the configs pairs, faces and audio, and a dataset card."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from pipeline.core.base.errors import BadManifest
from pipeline.core.base.progress import Advance, progress
from pipeline.core.records.dataset import Pair
from pipeline.core.records.schema import HUGGINGFACE_KEY, arrow_schema
from pipeline.core.storage.query import query
from pipeline.dataset.reader import (
    BuiltDataset,
    Shape,
    iterate_faces,
    iterate_labels,
    iterate_segments,
    log_mel_shapes,
)
from pipeline.export.card import LabelKind, columns_of, render_card
from pipeline.export.parquet import ParquetFiles
from pipeline.export.rows import ExportedFace, ExportedPair, ExportedSegment
from pipeline.export.spool import Spool
from pipeline.export.target import Counts, write_note, writing_export

KIND = "huggingface"
_RECORDS: dict[str, type] = {"pairs": ExportedPair, "faces": ExportedFace, "audio": ExportedSegment}
_DEFAULT = "pairs"  # the config that opens where none is named
_PAYLOAD_ROWS = 64
_PAIR_ROWS = 1 << 16
_LABEL = "label"

_OPENING = """\
```python
from datasets import load_dataset

folder = "path/of/this/folder"  # or its name on the Hub
pairs, faces, audio = (load_dataset(folder, name, split="{split}") for name in ("pairs", "faces", "audio"))
pair = pairs[0]
picture = faces[pair["face_row"]]["image"]  # PIL
log_mel = audio.with_format("numpy")[pair["segment_row"]]["log_mel"]  # (n_mels, n_frames) float32
```

`face_row` and `segment_row` hold for the rows in their order here. Once rows are filtered or shuffled, join by
`face_id` and `segment_id`.
"""

_JOINED_PAIRS = """
    SELECT pairs.*, faces.number AS face_row, segments.number AS segment_row
    FROM pairs LEFT JOIN faces USING (face_id) LEFT JOIN segments USING (segment_id)
    WHERE split = $split ORDER BY pair_id
"""

Files = dict[str, ParquetFiles]
"""files[split]"""


def export_huggingface(built: BuiltDataset, to: Path, *, force: bool = False) -> Counts:
    """Write ``built`` as a folder that ``datasets.load_dataset`` opens; return the rows of each split and config.

    Raises BadInput when ``to`` can't be written, BadManifest when a row, picture, log-mel or label is missing.
    """
    with (
        writing_export(to, force=force) as folder,
        Spool(folder) as labels,
        progress(f"export {KIND}", len(built.faces) + len(built.segments)) as advance,
    ):
        label = _spool_labels(built, labels)
        shapes = log_mel_shapes(built)
        faces = _write(_faces(built, labels, label), built.splits, folder / "faces", advance)
        audio = _write(_segments(built, shapes), built.splits, folder / "audio", advance)
        files = {"pairs": _write_pairs(built, faces, audio, folder / "pairs"), "faces": faces, "audio": audio}
        counts = {split: {config: of[split].n_rows for config, of in files.items()} for split in built.splits}
        card = render_card(built, _OPENING.format(split=built.splits[0]), _contents(), shapes, label)
        front = _front_matter(built, files, folder)
        (folder / "README.md").write_text(f"---\n{front}---\n\n{card}", encoding="utf-8", newline="\n")
        write_note(folder, KIND, counts)
    return counts


def _spool_labels(built: BuiltDataset, labels: Spool) -> LabelKind | None:
    kind = None
    for label in iterate_labels(built):
        kind = label.recognition_network, len(label.embedding)
        labels.put(_LABEL, label.face_id, label.embedding.tobytes())
    return kind


def _faces(built: BuiltDataset, labels: Spool, label: LabelKind | None) -> Iterator[pa.Table]:
    schema = arrow_schema(ExportedFace, {} if label is None else {"label": label[1]})
    for table in iterate_faces(built):
        payloads = [labels.get(_LABEL, face_id) for face_id in table.column("face_id").to_pylist()]
        values = [None if payload is None else np.frombuffer(payload, np.float32) for payload in payloads]
        table = table.append_column("label", pa.array(values, schema.field("label").type))
        yield table.select(schema.names).cast(schema)


def _segments(built: BuiltDataset, shapes: list[Shape]) -> Iterator[pa.Table]:
    schema = _segment_schema(shapes)
    for table in iterate_segments(built):
        place = table.schema.get_field_index("log_mel")
        yield table.set_column(place, "log_mel", _nested(table)).select(schema.names).cast(schema)


def _segment_schema(shapes: list[Shape]) -> pa.Schema:
    """Return the schema of ExportedSegment with its log-mel as rows, of fixed length where all have one shape."""
    n_mels, n_frames = shapes[0] if len(shapes) == 1 else (-1, -1)
    schema = arrow_schema(ExportedSegment)
    features = json.loads(schema.metadata[HUGGINGFACE_KEY])
    values = features["info"]["features"]["log_mel"]["feature"]
    row = {"feature": values, "length": n_frames, "_type": "List"}
    features["info"]["features"]["log_mel"] = {"feature": row, "length": n_mels, "_type": "List"}
    kind = pa.list_(pa.list_(pa.float32(), n_frames), n_mels)
    place = schema.get_field_index("log_mel")
    return schema.set(place, pa.field("log_mel", kind)).with_metadata({HUGGINGFACE_KEY: json.dumps(features)})


def _nested(table: pa.Table) -> pa.Array:
    """Return the flat log-mels as lists of n_mels lists of n_frames values."""
    n_mels, n_frames = (table.column(name).to_numpy() for name in ("n_mels", "n_frames"))
    values = table.column("log_mel").combine_chunks().flatten()
    rows = pa.ListArray.from_arrays(_ends(np.repeat(n_frames, n_mels)), values)
    return pa.ListArray.from_arrays(_ends(n_mels), rows)


def _ends(lengths: Any) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())


def _write(tables: Iterable[pa.Table], splits: tuple[str, ...], folder: Path, advance: Advance) -> Files:
    """Write all tables, each row to the files of its split."""
    with ExitStack() as stack:
        files = {split: stack.enter_context(ParquetFiles(folder, split, _PAYLOAD_ROWS)) for split in splits}
        for table in tables:
            for split in splits:
                files[split].write(table.filter(pc.equal(table.column("split"), split)))
            for _ in range(len(table)):
                advance()
    return files


def _write_pairs(built: BuiltDataset, faces: Files, audio: Files, folder: Path) -> Files:
    """Write the pairs, each with the rows of its face and its segment; they are joined and sorted on the disk."""
    schema = arrow_schema(ExportedPair)
    files = {}
    for split in built.splits:
        with (
            query({"pairs": (built.at.dataset("pairs"), Pair)}, folder.parent) as connection,
            ParquetFiles(folder, split, _PAIR_ROWS) as files[split],
        ):
            for name, written, key in (("faces", faces, "face_id"), ("segments", audio, "segment_id")):
                numbered = pa.RecordBatchReader.from_batches(_numbered_schema(key), _numbered(written[split], key))
                connection.from_arrow(numbered).create(name)
            pairs = connection.sql(_JOINED_PAIRS, params={"split": split})
            for batch in pairs.to_arrow_reader(_PAIR_ROWS):
                table = pa.Table.from_batches([batch])
                _check_found(table, "face_row", "face_id")
                _check_found(table, "segment_row", "segment_id")
                files[split].write(table.select(schema.names).cast(schema))
    return files


def _numbered(files: ParquetFiles, key: str) -> Iterator[pa.RecordBatch]:
    """Yield the id and the number of each row of ``files``."""
    n_rows = 0
    for path in files.paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=[key]):
                numbers = pa.array(np.arange(n_rows, n_rows + len(batch)))
                yield pa.record_batch([batch.column(0), numbers], schema=_numbered_schema(key))
                n_rows += len(batch)


def _numbered_schema(key: str) -> pa.Schema:
    return pa.schema([(key, pa.string()), ("number", pa.int64())])


def _check_found(pairs: pa.Table, row: str, key: str) -> None:
    if pairs.column(row).null_count:
        missing = pairs.column(key).filter(pc.is_null(pairs.column(row)))[0].as_py()
        raise BadManifest(f"the pairs contain '{missing}', which is not in the dataset. Run 'dvc repro'.")


def _front_matter(built: BuiltDataset, files: dict[str, Files], folder: Path) -> str:
    """Return the YAML by which ``load_dataset`` finds the configs and their files; the files in the rows' order."""
    configs = [
        {
            "config_name": config,
            **({"default": True} if config == _DEFAULT else {}),
            "data_files": [
                {"split": split, "path": [path.relative_to(folder).as_posix() for path in files[config][split].paths]}
                for split in built.splits
            ],
        }
        for config in _RECORDS
    ]
    return yaml.safe_dump({"license": "other", "configs": configs}, sort_keys=False)


def _contents() -> str:
    return "\n".join(f"Config `{config}`:\n\n{columns_of(record)}" for config, record in _RECORDS.items())
