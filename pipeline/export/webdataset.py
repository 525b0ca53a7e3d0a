"""Export for WebDataset: tar files of bounded size, one sample per pair, in an order drawn by hash."""

import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.core.base.errors import BadManifest
from pipeline.core.base.progress import Advance, progress
from pipeline.core.records.dataset import Pair
from pipeline.core.storage.query import query
from pipeline.dataset.reader import (
    BuiltDataset,
    iterate_faces,
    iterate_labels,
    iterate_segments,
    log_mel_shapes,
    log_mels,
    only_standard,
)
from pipeline.export.card import LabelKind, render_card
from pipeline.export.encode import encode_npy
from pipeline.export.names import safe_name
from pipeline.export.spool import Spool
from pipeline.export.target import Counts, write_note, writing_export

KIND = "webdataset"
SHARD_BYTES = 500 * 10**6
_FACE, _LABEL, _LOG_MEL, _NOTE = "face.png", "label.npy", "logmel.npy", "json"
_FACTS = "facts"
_FACE_COLUMNS = ["face_id", "clip_id", "dataset", "person_id", "split", "licence"]
_SEGMENT_COLUMNS = ["segment_id", "clip_id", "licence", "voiced_s", "n_valid_frames"]
_SEED = 0
_PAIRS_PER_PART = 1 << 12
# As by draw_order.
_PAIRS_IN_DRAW_ORDER = """
    SELECT face_id, segment_id, dataset, person_id FROM pairs WHERE split = $split ORDER BY sha256($seed || pair_id)
"""

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
                for note in _drawn(built, split, pairs_per_person, spool):
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
    """Spool every standard face, its label and every log-mel, encoded as in a sample, and what its note needs."""
    for table in iterate_faces(built):
        facts = table.select(_FACE_COLUMNS).to_pylist()
        for row, image in zip(facts, table.column("image").to_pylist(), strict=True):
            spool.put(_FACE, row["face_id"], image["bytes"])
            spool.put(_FACTS, row["face_id"], json.dumps(row).encode())
            advance()
    for table in iterate_segments(built):
        facts = table.select(_SEGMENT_COLUMNS).to_pylist()
        for row, log_mel in zip(facts, log_mels(table), strict=True):
            spool.put(_LOG_MEL, row["segment_id"], encode_npy(log_mel))
            spool.put(_FACTS, row["segment_id"], json.dumps(row).encode())
            advance()
    kind = None
    for label in iterate_labels(built):
        kind = label.recognition_network, len(label.embedding)
        spool.put(_LABEL, label.face_id, encode_npy(label.embedding))
    return kind


def _drawn(built: BuiltDataset, split: str, most: int | None, spool: Spool) -> Iterator[dict[str, Any]]:
    """Yield the notes of the pairs of ``split`` by the hash of their ids, at most ``most`` of a person in a dataset."""
    n_kept: Counter[tuple[str, str]] = Counter()
    for face_id, segment_id, dataset, person_id in _in_draw_order(built, split, spool.folder):
        if most is None or n_kept[dataset, person_id] < most:
            n_kept[dataset, person_id] += 1
            yield _note(_facts(spool, face_id), _facts(spool, segment_id))


def _in_draw_order(built: BuiltDataset, split: str, folder: Path) -> Iterator[tuple[str, ...]]:
    """Yield (face id, segment id, dataset, person) of the pairs of ``split``; they are sorted on the disk."""
    with query({"pairs": (built.at.dataset("pairs"), Pair)}, folder) as connection:
        pairs = connection.sql(_PAIRS_IN_DRAW_ORDER, params={"split": split, "seed": f"{_SEED}/"})
        for batch in pairs.to_arrow_reader(_PAIRS_PER_PART):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _facts(spool: Spool, item_id: str) -> dict[str, Any]:
    facts = spool.get(_FACTS, item_id)
    if facts is None:
        raise BadManifest(f"the pairs contain '{item_id}', which is not in the dataset. Run 'dvc repro'.")
    found: dict[str, Any] = json.loads(facts)
    return found


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
