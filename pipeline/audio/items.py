"""The items of the audio step, read from the manifests of a dataset."""

from collections.abc import Iterator

import pyarrow as pa

from pipeline.audio.clip import AudioItem
from pipeline.base.layout import Layout
from pipeline.records.track import Track
from pipeline.storage.clip_rows import ClipRows
from pipeline.video.clip import read_media_clips


def read_audio_items(dataset: str, at: Layout) -> Iterator[AudioItem]:
    """Yield every clip in id order with the time range of its main track, None without one."""
    tracks = ClipRows(at.tracks(dataset), Track, ["start_s", "end_s", "is_main"])
    for clip in read_media_clips(at.clips(dataset), at.media(dataset), at.root):
        yield AudioItem(clip, _main_range_s(tracks.of(clip.clip_id)))


def _main_range_s(tracks: pa.Table) -> tuple[float, float] | None:
    main = tracks.filter(tracks.column("is_main")).to_pylist()
    return (main[-1]["start_s"], main[-1]["end_s"]) if main else None
