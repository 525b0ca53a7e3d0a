"""Detect, track and measure the faces of every clip in one decode."""

from functools import partial
from pathlib import Path

from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.clip import Clip
from pipeline.core.records.frame import Frame
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.track import Agreement, Fingerprint, Shot, Track, TrackFace
from pipeline.core.storage.clip_order import in_row_order
from pipeline.core.storage.manifest import count_rows, write_manifest, write_tables
from pipeline.engine.run import run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.face.backends.registry import backend_content
from pipeline.face.tracking.settings import DetectParams
from pipeline.speaker.observe import Observer
from pipeline.video.clip import read_media_clips

VERSION = 15  # of what this step returns: raise it whenever the same input gives another result
# An open file takes 50 kB of memory for each row group of frames, and 100,000 clips have 15 million of them.
_FRAMES_IN_ROW_GROUP = 1 << 16
_FACES_IN_ROW_GROUP = 1 << 10  # of 10 kB each


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(DetectParams, "detect", at.params)
    step = Step(
        name="detect",
        version=VERSION,
        params=params.model_dump(mode="json"),
        function=Observer(params),
        item_id=lambda clip: clip.clip_id,
        inputs=lambda clip: (*clip.content, *backend_content(params.backend, clip.clip_id)),
    )
    clips = read_media_clips(at.clips(dataset), at.media(dataset), at.root)
    run = run_step(
        step,
        clips,
        read_settings(),
        title=f"detect@{dataset}",
        n_items=count_rows(at.clips(dataset), Clip),
        checkout=at.root,
    )
    frames = in_row_order(Frame, run.each_ok_id(), lambda clip_id: run.rows(clip_id, Frame))
    write_tables(at.frames(dataset), Frame, frames, row_group_rows=_FRAMES_IN_ROW_GROUP)
    faces = in_row_order(TrackFace, run.each_ok_id(), partial(run.rows, record=TrackFace))
    write_tables(at.track_faces(dataset), TrackFace, faces, row_group_rows=_FACES_IN_ROW_GROUP)
    others: tuple[tuple[Path, type], ...] = (
        (at.tracks(dataset), Track),
        (at.shots(dataset), Shot),
        (at.agreement(dataset), Agreement),
        (at.fingerprints(dataset), Fingerprint),
    )
    for path, record in others:
        write_tables(path, record, in_row_order(record, run.each_ok_id(), partial(run.rows, record=record)))
    write_manifest(at.ledger("detect", dataset), LedgerRow, run.ledger())
