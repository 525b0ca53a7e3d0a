"""The items of the audio step, read from the manifests of a dataset."""

from collections.abc import Iterator

import pyarrow as pa

from pipeline.audio.clip import AudioItem
from pipeline.core.base.layout import Layout
from pipeline.core.records.track import Track
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.video.clip import MediaClip, read_media_clips


def read_audio_items(dataset: str, at: Layout) -> Iterator[AudioItem]:
    """Yield every clip in id order with the time range of its main track, and by how much its sound is out of step."""
    tracks = ClipRows(at.tracks(dataset), Track, ["start_s", "end_s", "out_of_step_s", "is_main"])
    for clip in read_media_clips(at.clips(dataset), at.media(dataset), at.root):
        yield _item(clip, tracks.of(clip.clip_id))


def _item(clip: MediaClip, tracks: pa.Table) -> AudioItem:
    main = tracks.filter(tracks.column("is_main")).to_pylist()
    if not main:
        return AudioItem(clip, None)
    return AudioItem(clip, (main[-1]["start_s"], main[-1]["end_s"]), main[-1]["out_of_step_s"])
