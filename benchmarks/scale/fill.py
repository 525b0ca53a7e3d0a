"""Fill the item store with made-up results for one stage, by the stage itself: python -m benchmarks.scale.fill STAGE.

The stage runs in this process with the engine's ``compute`` replaced: what the store lacks is made up, under the key
that the stage asks for. It ends before it writes its outputs.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq

import pipeline.engine.run
from benchmarks.scale.built import VIDEO, face_video_rows, released_rows
from benchmarks.scale.edited import subject_embedding_rows
from benchmarks.scale.names import DATASET, clip_number, person_name, person_number
from benchmarks.scale.rows import (
    VARIANTS,
    Tables,
    embedding_rows,
    end_ms,
    face_rows,
    fingerprint_rows,
    label_rows,
    media_rows,
    observation_rows,
    segment_rows,
)
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.face import FaceVideo
from pipeline.core.records.subject import clip_of
from pipeline.core.records.track import Fingerprint
from pipeline.core.storage.items import ItemStore, put_result

OF_CLIP: Mapping[str, Callable[[str], Tables | Dropped]] = {
    "detect": observation_rows,
    "subjects": lambda clip_id: subject_embedding_rows(clip_id, end_ms()),
    "crop": face_rows,
    "face_videos": face_video_rows,
    "audio": segment_rows,
    "recognise": embedding_rows,
    "identify": label_rows,
    "released_audioface": released_rows,
}
"""The rows of a clip, by id, of each step but download."""

_ALL_DIFFERENT = ("recognise",)  # embeddings of different persons must differ


class _Filled(Exception):
    """Ends a stage that has all its items."""


def fill_store(stage: str) -> None:
    """Make up the results that ``stage`` lacks, in the checkout that is the working directory."""
    module = import_module(f"stages.{stage}")
    run_step = module.run_step

    def run_and_end(*args: Any, **named: Any) -> None:
        run_step(*args, **named)
        raise _Filled

    with (
        patch.object(pipeline.engine.run, "compute", _make_up),
        patch.object(module, "run_step", run_and_end),
        patch.object(os, "fsync", lambda _: None),  # nothing made up must outlive a crash of the machine
        suppress(_Filled),
    ):
        module.main(DATASET)
        raise AssertionError(f"{stage} ran no step")


def _make_up(
    name: str, _function: object, jobs: Iterable[tuple[Any, str]], store: ItemStore, _settings: object
) -> Iterator[tuple[str, Dropped | None]]:
    files = MadeUpFiles(name)
    for item, key in jobs:
        with store.adding(name, key) as folder:
            made_up = files.of(item)
            if isinstance(made_up, Dropped):
                put_result(folder, made_up)
            else:
                for file, content in made_up.items():
                    (folder / file).write_bytes(content)
        yield key, None


class MadeUpFiles:
    """The files of items of one step: Parquet as the store holds it.

    To write a Parquet file takes longer than all else. Clips with equal measures have files that differ in the clip's
    name alone, so one is written for each variant, and the name replaced in its bytes for the other clips.
    """

    def __init__(self, step: str) -> None:
        self._step = step
        self._written: dict[tuple[int, int], tuple[tuple[str, str], dict[str, bytes]]] = {}

    def of(self, item: Any) -> dict[str, bytes] | Dropped:
        """Return the files by name, or the item's drop."""
        if self._step == "download":
            return _parquet_files(media_rows(item))
        clip_id = _clip_id_of(item)
        names = clip_id.rpartition("/")[2], person_name(person_number(clip_id))
        like = clip_number(clip_id) % VARIANTS, len(names[0])
        if like not in self._written or self._step in _ALL_DIFFERENT:
            rows = OF_CLIP[self._step](clip_id)
            if isinstance(rows, Dropped):
                return rows
            self._written[like] = names, _files_of(rows)
        written_names, files = self._written[like]
        made = {}
        for file, content in files.items():
            for written, name in zip(written_names, names, strict=True):  # the clip's, which begins with the person's
                file, content = file.replace(written, name), content.replace(written.encode(), name.encode())
            made[file] = content
        # No two clips are one video.
        return made | (_parquet_files({Fingerprint: fingerprint_rows(clip_id)}) if self._step == "detect" else {})


def _files_of(tables: Tables) -> dict[str, bytes]:
    videos = tables[FaceVideo]["path"].to_pylist() if FaceVideo in tables else []
    return _parquet_files(tables) | dict.fromkeys(videos, VIDEO)


def _clip_id_of(item: Any) -> str:
    if hasattr(item, "subject_id"):
        return clip_of(item.subject_id)
    if hasattr(item, "observed"):
        item = item.observed
    return str(item.clip_id if hasattr(item, "clip_id") else item.clip.clip_id)


def _parquet_files(tables: Tables) -> dict[str, bytes]:
    return {f"{record.__name__}.parquet": _parquet(table) for record, table in tables.items()}


def _parquet(table: pa.Table) -> bytes:
    """Return a Parquet file with texts as they are, and all else compressed; vectors are not encoded, as real ones."""
    columns = {".".join(path) for path in _paths(table.schema)}
    texts = {".".join(path) for path in _paths(table.schema, texts_only=True)}
    written = pa.BufferOutputStream()
    pq.write_table(
        table,
        written,
        compression={column: "NONE" if column in texts else "ZSTD" for column in columns},
        use_dictionary=[column for column in columns if not column.endswith(".element")],
    )
    return bytes(written.getvalue())


def _paths(schema: pa.Schema, *, texts_only: bool = False) -> Iterator[tuple[str, ...]]:
    """Yield the path of each Parquet column."""
    for field in schema:
        if pa.types.is_struct(field.type):
            yield from ((field.name, *path) for path in _paths(pa.schema(field.type), texts_only=texts_only))
        elif pa.types.is_list(field.type) and not texts_only:
            yield field.name, "list", "element"
        elif not texts_only or pa.types.is_string(field.type):
            yield (field.name,)


if __name__ == "__main__":
    fill_store(sys.argv[1])
