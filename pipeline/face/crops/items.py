"""The items of the crop step, read from the manifests of a dataset."""

from collections import defaultdict

from pipeline.base.layout import Layout
from pipeline.face.crops.crop import ObservedClip
from pipeline.records.frame import Frame
from pipeline.records.track import Track
from pipeline.storage.manifest import read_manifest
from pipeline.video.clip import read_media_clips


def read_crop_items(dataset: str, at: Layout) -> list[ObservedClip]:
    """Return every clip that has a main track, with that track's frames in time order."""
    main_tracks = {track.track_id for track in read_manifest(at.tracks(dataset), Track) if track.is_main}
    frames: dict[str, list[Frame]] = defaultdict(list)
    for frame in read_manifest(at.frames(dataset), Frame):
        if frame.track_id in main_tracks:
            frames[frame.clip_id].append(frame)
    clips = read_media_clips(at.clips(dataset), at.media(dataset), at.root)
    return [ObservedClip(clip, tuple(frames[clip.clip_id])) for clip in clips if clip.clip_id in frames]
