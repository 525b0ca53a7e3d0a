"""The items of the crop step, read from the manifests of a dataset."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.base.layout import Layout
from pipeline.core.records.frame import Frame
from pipeline.core.records.subject import SubjectTrack
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.face.crops.crop import ObservedClip
from pipeline.video.clip import read_media_clips


def read_crop_items(dataset: str, at: Layout) -> Iterator[ObservedClip]:
    """Yield every clip with a subject, in id order, with the frames of those to take; memory holds a few clips."""
    tracks = ClipRows(at.subject_tracks(dataset), SubjectTrack, ["track_id", "subject_id", "is_taken"])
    frames = ClipRows(at.frames(dataset), Frame)
    for clip in read_media_clips(at.clips(dataset), at.media(dataset), at.root):
        of_clip = tracks.of(clip.clip_id)
        taken = of_clip.filter(of_clip.column("is_taken"))
        observed = _of_tracks(frames.of(clip.clip_id), taken.column("track_id"))
        if len(observed):
            subject_of = zip(taken.column("track_id").to_pylist(), taken.column("subject_id").to_pylist(), strict=True)
            yield ObservedClip(clip, observed, dict(subject_of))


def _of_tracks(frames: pa.Table, track_ids: pa.ChunkedArray) -> pa.Table:
    return frames.filter(pc.is_in(frames.column("track_id"), track_ids.combine_chunks()))
