"""The items of the audio step, read from the manifests of a dataset."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.audio.clip import AudioItem
from pipeline.core.base.layout import Layout
from pipeline.core.records.subject import SubjectTrack
from pipeline.core.records.track import Track
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.video.clip import MediaClip, read_media_clips


def read_audio_items(dataset: str, at: Layout) -> Iterator[AudioItem]:
    """Yield every clip in id order with the times of its main subject, and by how much its sound is out of step."""
    tracks = ClipRows(at.tracks(dataset), Track, ["track_id", "start_s", "end_s", "out_of_step_s"])
    subjects = ClipRows(at.subject_tracks(dataset), SubjectTrack, ["track_id", "is_main"])
    for clip in read_media_clips(at.clips(dataset), at.media(dataset), at.root):
        yield _item(clip, tracks.of(clip.clip_id), subjects.of(clip.clip_id))


def _item(clip: MediaClip, tracks: pa.Table, subjects: pa.Table) -> AudioItem:
    main_ids = subjects.filter(subjects.column("is_main")).column("track_id").combine_chunks()
    main = tracks.filter(pc.is_in(tracks.column("track_id"), main_ids)).sort_by("start_s").to_pylist()
    seen_s = tuple((one["start_s"], one["end_s"]) for one in main)
    return AudioItem(clip, seen_s, main[0]["out_of_step_s"] if main else 0.0)  # alike in all tracks of a clip
