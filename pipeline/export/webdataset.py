"""Export for WebDataset: tar files of bounded size, one sample per pair, in an order drawn by hash."""

import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.base.draws import draw_order
from pipeline.base.progress import Advance, progress
from pipeline.dataset.reader import (
    BuiltDataset,
    iterate_faces,
    iterate_labels,
    iterate_pairs,
    iterate_segments,
    log_mel_shapes,
    log_mels,
    only_standard,
    rows_of,
)
from pipeline.export.card import LabelKind, render_card
from pipeline.export.encode import encode_npy
from pipeline.export.names import safe_name
from pipeline.export.spool import Spool
from pipeline.export.target import Counts, write_note, writing_export

KIND = "webdataset"
SHARD_BYTES = 500 * 10**6
_FACE, _LABEL, _LOG_MEL, _NOTE = "face.png", "label.npy", "logmel.npy", "json"
_SEED = 0

_OPENING = """\
```python
import webdataset

samples = webdataset.WebDataset("{split}-{{000000..{last:06d}}}.tar", shardshuffle=False).decode("pil")
for picture, log_mel, note in samples.to_tuple("face.png", "logmel.npy", "json"):
    break
```
"""
_CONTENTS = """\
A sample is a pair: a standard face and a segment of the same person. The order of samples is drawn by hash, so the
first samples are of many persons. Of each sample there are

| name | what |
|---|---|
| `<key>.face.png` | the aligned face, RGB, lossless |
| `<key>.logmel.npy` | the log-mel, (n_mels, n_frames) float32 |
| `<key>.label.npy` | the face's identity embedding, float32; absent without a face recognition network |
| `<key>.json` | ids, person, dataset, split, clips with their terms, `n_valid_frames`, `voiced_s`, `same_clip` |
"""


def export_webdataset(
    built: BuiltDataset,
    to: Path,
    *,
    shard_bytes: int = SHARD_BYTES,
    pairs_per_person: int | None = None,
    force: bool = False,
) -> Counts:
    """Write ``built`` as tar files ``<split>-000000.tar`` of at most ``shard_bytes``, of at least one sample each.

    A face is written once for each of its pairs: ``pairs_per_person`` keeps that many of a person in each dataset,
    the first as drawn by hash. Returns the samples and shards of each split. Raises BadInput when ``to`` can't be
    written, BadManifest when a picture, log-mel or label is missing.
    """
    built = only_standard(built)
    n_samples = sum(min(one.n_pairs, pairs_per_person or one.n_pairs) for one in built.identities)
    n_payloads = len(built.faces) + len(built.segments)
    with (
        writing_export(to, force=force) as folder,
        Spool(folder) as spool,
        progress(f"export {KIND}", n_payloads + n_samples) as advance,
    ):
        label = _spool_payload(built, spool, advance)
        counts = {}
        for split in built.splits:
            with TarFiles(folder, split, shard_bytes) as files:
                for note in _drawn(built, split, pairs_per_person):
                    files.add(safe_name(note["pair_id"]), _members(note, spool))
                    advance()
            counts[split] = {"samples": files.n_samples, "shards": files.n_files}
        opening = _OPENING.format(split=built.splits[0], last=counts[built.splits[0]]["shards"] - 1)
        card = render_card(built, opening, _CONTENTS, log_mel_shapes(built), label)
        (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")
        write_note(folder, KIND, counts)
    return counts


class TarFiles:
    """Files ``<name>-000000.tar``, ... of at most ``max_bytes``; the same samples give the same bytes."""

    def __init__(self, folder: Path, name: str, max_bytes: int) -> None:
        self.n_files = self.n_samples = 0
        self._folder, self._name, self._max_bytes = folder, name, max_bytes
        self._tar: tarfile.TarFile | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._close()

    def add(self, key: str, members: dict[str, bytes]) -> None:
        """Add a sample: a file ``<key>.<ending>`` for each ending, in their order."""
        size = sum(tarfile.BLOCKSIZE + _whole(len(content), tarfile.BLOCKSIZE) for content in members.values())
        if self._tar is None or _archive_bytes(self._tar.offset + size) > self._max_bytes:
            self._next()
        assert self._tar is not None
        for ending in sorted(members):
            self._tar.addfile(_member(f"{key}.{ending}", len(members[ending])), io.BytesIO(members[ending]))
        self.n_samples += 1

    def _next(self) -> None:
        self._close()
        path = self._folder / f"{self._name}-{self.n_files:06d}.tar"
        self._tar = tarfile.TarFile(path, "w", format=tarfile.USTAR_FORMAT)
        self.n_files += 1

    def _close(self) -> None:
        if self._tar is not None:
            self._tar.close()
        self._tar = None


def _member(name: str, size: int) -> tarfile.TarInfo:
    """Return a header without time and owner."""
    header = tarfile.TarInfo(name)
    header.size = size
    return header


def _archive_bytes(offset: int) -> int:
    """Return the size of an archive whose members end at ``offset``: two empty blocks end it, records fill it."""
    return _whole(offset + 2 * tarfile.BLOCKSIZE, tarfile.RECORDSIZE)


def _whole(size: int, unit: int) -> int:
    return -(-size // unit) * unit


def _spool_payload(built: BuiltDataset, spool: Spool, advance: Advance) -> LabelKind | None:
    """Spool every standard face, its label and every log-mel, encoded as in a sample."""
    for table in iterate_faces(built):
        for row in table.select(["face_id", "image"]).to_pylist():
            spool.put(_FACE, row["face_id"], row["image"]["bytes"])
            advance()
    for table in iterate_segments(built):
        for segment_id, log_mel in zip(table.column("segment_id").to_pylist(), log_mels(table), strict=True):
            spool.put(_LOG_MEL, segment_id, encode_npy(log_mel))
            advance()
    kind = None
    for label in iterate_labels(built):
        kind = label.recognition_network, len(label.embedding)
        spool.put(_LABEL, label.face_id, encode_npy(label.embedding))
    return kind


def _drawn(built: BuiltDataset, split: str, most: int | None) -> Iterator[dict[str, Any]]:
    """Yield the notes of the pairs of ``split`` by the hash of their ids, at most ``most`` of a person in a dataset."""
    face_rows, segment_rows, draws = _pair_rows(built, split)
    n_kept: Counter[tuple[str, str]] = Counter()
    for place in np.argsort(draws, kind="stable").tolist():
        note = _note(_row(built.faces, face_rows[place]), _row(built.segments, segment_rows[place]))
        person = note["dataset"], note["person_id"]
        if most is None or n_kept[person] < most:
            n_kept[person] += 1
            yield note


def _pair_rows(built: BuiltDataset, split: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    """Return of each pair its row in ``built.faces`` and in ``built.segments``, and its place in the draw.

    Three numbers a pair: there are many more pairs than faces and segments.
    """
    face_ids, segment_ids = built.faces.column("face_id"), built.segments.column("segment_id")
    faces, segments, draws = [], [], []
    for pairs in iterate_pairs(built, split):
        faces.append(rows_of(pairs.column("face_id"), face_ids))
        segments.append(rows_of(pairs.column("segment_id"), segment_ids))
        draw = [int.from_bytes(draw_order(_SEED, pair_id)[:8]) for pair_id in pairs.column("pair_id").to_pylist()]
        draws.append(np.array(draw, np.uint64))
    return np.concatenate(faces), np.concatenate(segments), np.concatenate(draws)


def _row(table: pa.Table, row: int) -> dict[str, Any]:
    found: list[dict[str, Any]] = table.slice(row, 1).to_pylist()
    return found[0]


def _note(face: dict[str, Any], segment: dict[str, Any]) -> dict[str, Any]:
    return {
        "pair_id": f"{face['face_id']}+{segment['segment_id']}",
        "face_id": face["face_id"],
        "segment_id": segment["segment_id"],
        "dataset": face["dataset"],
        "person_id": face["person_id"],
        "split": face["split"],
        "same_clip": face["clip_id"] == segment["clip_id"],
        "face_clip_id": face["clip_id"],
        "face_licence": face["licence"],
        "segment_clip_id": segment["clip_id"],
        "segment_licence": segment["licence"],
        "voiced_s": segment["voiced_s"],
        "n_valid_frames": segment["n_valid_frames"],
    }


def _members(note: dict[str, Any], spool: Spool) -> dict[str, bytes]:
    payload = {
        _FACE: spool.get(_FACE, note["face_id"]),
        _LABEL: spool.get(_LABEL, note["face_id"]),
        _LOG_MEL: spool.get(_LOG_MEL, note["segment_id"]),
        _NOTE: json.dumps(note, ensure_ascii=False).encode(),
    }
    return {ending: content for ending, content in payload.items() if content is not None}
