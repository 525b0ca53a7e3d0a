"""The items of the audio step, read from the manifests of a dataset."""

from pipeline.audio.clip import AudioItem
from pipeline.base.layout import Layout
from pipeline.records.track import Track
from pipeline.storage.manifest import read_manifest
from pipeline.video.clip import read_media_clips


def read_audio_items(dataset: str, at: Layout) -> list[AudioItem]:
    """Return every clip with the time range of its main track, None without one."""
    ranges_s = {
        track.clip_id: (track.start_s, track.end_s)
        for track in read_manifest(at.tracks(dataset), Track)
        if track.is_main
    }
    clips = read_media_clips(at.clips(dataset), at.media(dataset), at.root)
    return [AudioItem(clip, ranges_s.get(clip.clip_id)) for clip in clips]
