"""Cut faces out as videos with sound, each in one fixed box in which the face moves, where params ask for them."""

import itertools
from collections.abc import Iterator
from functools import partial

from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.clip import Clip
from pipeline.core.records.face import FaceVideo
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.schema import from_table
from pipeline.core.storage.atomic import replacing_folder
from pipeline.core.storage.clip_order import in_row_order
from pipeline.core.storage.manifest import count_rows, write_manifest, write_tables
from pipeline.engine.run import StepRun, run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.face.videos.items import read_face_video_items
from pipeline.face.videos.settings import FaceVideoParams
from pipeline.face.videos.write import FaceVideoItem, write_face_videos
from pipeline.sources.file_links import link_file

_ROW_GROUP_ROWS = 64  # log-mels are large

VERSION = 1  # of what this step returns: raise it whenever the same input gives another result


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``; without ``face_videos.size_px`` there are no items."""
    params = load_params(FaceVideoParams, "face_videos", at.params)
    step = Step(
        name="face_videos",
        version=VERSION,
        params=params.model_dump(mode="json"),
        function=partial(write_face_videos, params=params),
        item_id=lambda item: item.observed.clip.clip_id,
        inputs=lambda item: item.content,
    )
    run = run_step(
        step,
        read_face_video_items(dataset, at) if params.size_px else [],
        read_settings(),
        title=f"face_videos@{dataset}",
        n_items=count_rows(at.clips(dataset), Clip) if params.size_px else 0,
        checkout=at.root,
    )
    with replacing_folder(at.face_videos_folder(dataset)) as folder:
        rows = in_row_order(FaceVideo, run.each_ok_id(), lambda clip_id: run.rows(clip_id, FaceVideo))
        write_tables(folder / "videos.parquet", FaceVideo, rows, row_group_rows=_ROW_GROUP_ROWS)
        for clip_id in run.each_ok_id():
            for name in run.rows(clip_id, FaceVideo).column("path").to_pylist():
                link_file(run.folder(clip_id) / name, folder / name)
    write_manifest(at.ledger("face_videos", dataset), LedgerRow, itertools.chain(run.ledger(), _ends_of_videos(run)))


def _ends_of_videos(run: StepRun[FaceVideoItem]) -> Iterator[LedgerRow]:
    for clip_id in run.each_ok_id():
        for video_id in run.rows(clip_id, FaceVideo).column("video_id").to_pylist():
            yield ledger_row("face_videos", video_id)
        yield from from_table(LedgerRow, run.rows(clip_id, LedgerRow))
