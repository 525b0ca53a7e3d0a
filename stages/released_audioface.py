"""Read a dataset that is built already, as the paper's authors released it: faces, log-mels, labels and split."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.base.errors import BadInput
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.clip import Clip
from pipeline.core.records.dataset import DatasetFace, DatasetSegment
from pipeline.core.records.face import Face
from pipeline.core.records.label import LABELS_IN_ROW_GROUP, Label
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.segment import Segment
from pipeline.core.storage.clip_order import in_row_order
from pipeline.core.storage.manifest import count_rows, iterate_tables, read_table, write_manifest, write_tables
from pipeline.core.storage.shards import shard_of, shard_paths, write_shards
from pipeline.dataset.released import STAGE, ReleasedClip, read_clip
from pipeline.dataset.released_clips import released_clips
from pipeline.engine.run import StepRun, run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.sources.lists.released_audioface import released_files
from pipeline.sources.lists.settings import ReleasedAudioface

VERSION = 1  # of what this step returns: raise it whenever the same input gives another result

Run = StepRun[ReleasedClip]


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``, a section below ``released_audioface``.

    Raises BadInput where log-mels, or labels, are not all of one shape, and where nobody has a face and a log-mel.
    """
    source = load_params(ReleasedAudioface, f"{STAGE}.{dataset}", at.params)
    step = Step(
        name=STAGE,
        version=VERSION,
        params={},
        function=read_clip,
        item_id=lambda clip: clip.clip_id,
        inputs=lambda clip: clip.content,
    )
    beside = at.clips(dataset).with_name("released_files")
    with released_clips(dataset, Path(source.input), released_files(source), beside) as clips:
        run = run_step(step, clips, read_settings(), title=f"{STAGE}@{dataset}", checkout=at.root)
        write_shards(at.faces_folder(dataset), Face, run.ok_ids, lambda clip_id: run.rows(clip_id, Face))
        write_shards(at.audio_folder(dataset), Segment, run.ok_ids, lambda clip_id: run.rows(clip_id, Segment))
        labels = in_row_order(Label, run.each_ok_id(), lambda clip_id: run.rows(clip_id, Label))
        write_tables(at.labels(dataset), Label, labels, row_group_rows=LABELS_IN_ROW_GROUP)
        write_tables(at.released_faces(dataset), DatasetFace, _placed(run, DatasetFace, at.faces_folder(dataset), at))
        segments = _placed(run, DatasetSegment, at.audio_folder(dataset), at)
        write_tables(at.released_segments(dataset), DatasetSegment, segments)
        write_manifest(at.clips(dataset), Clip, (clip.row(source.licence) for clip in clips))
        ends = itertools.chain(run.ledger(), clips.drops(), run.ledger_of_parts())
        write_manifest(at.ledger(STAGE, dataset), LedgerRow, ends)
    _check(dataset, source, at)


def _placed(run: Run, record: type, folder: Path, at: Layout) -> Iterator[pa.Table]:
    """Yield the dataset's rows of all clips with the shard that each one's payload is in."""
    names = [path.relative_to(at.root).as_posix() for path in shard_paths(folder)]
    for clip_id in run.each_ok_id():
        table = run.rows(clip_id, record)
        shards = pa.array([names[shard_of(clip_id, len(names))]] * len(table), pa.string())
        yield table.set_column(table.schema.get_field_index("shard"), table.schema.field("shard"), shards)


def _check(dataset: str, source: ReleasedAudioface, at: Layout) -> None:
    """Raise BadInput where this is no dataset to train on; say it where no face has a label."""
    shapes = {
        (row["n_mels"], row["n_frames"])
        for path in shard_paths(at.audio_folder(dataset))
        for row in _different(read_table(path, Segment, ["n_mels", "n_frames"]))
    }
    sizes = {
        size
        for part in iterate_tables(at.labels(dataset), Label, ["embedding"])
        for size in pc.unique(pc.list_value_length(part["embedding"])).to_pylist()
    }
    for what, found in (("log-mels", shapes), ("labels", sizes)):
        if len(found) > 1:
            raise BadInput(
                f"{source.input}: {what} of '{dataset}' have {len(found)} shapes, {_listed(found)}: expected one, since"
                " networks take one. Remove the files of other shapes."
            )
    if not shapes or not count_rows(at.released_faces(dataset), DatasetFace):
        raise BadInput(f"{source.input}: expected faces and log-mels of '{dataset}' that can be read, found none")
    if not sizes:
        print(f"{STAGE}@{dataset}: {source.input} has no labels in IDFeat: faces have no identity label")


def _different(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.group_by(table.column_names).aggregate([]).to_pylist()
    return rows


def _listed(found: set[tuple[int, int]] | set[int]) -> str:
    texts: Sequence[str] = sorted(map(str, found))
    return ", ".join(texts[:5]) + (", ..." if len(texts) > 5 else "")
