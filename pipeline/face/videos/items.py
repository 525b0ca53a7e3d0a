"""The items of the step that writes face videos, read from the manifests of a dataset."""

from collections.abc import Iterator

from pipeline.core.base.layout import Layout
from pipeline.core.records.track import Shot, Track
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.face.crops.items import read_crop_items
from pipeline.face.videos.write import FaceVideoItem


def read_face_video_items(dataset: str, at: Layout) -> Iterator[FaceVideoItem]:
    """Yield every clip with a subject whose faces are taken, in id order; memory holds a few clips."""
    shots = ClipRows(at.shots(dataset), Shot, ["start_s"])
    tracks = ClipRows(at.tracks(dataset), Track, ["track_id", "out_of_step_s"])
    for observed in read_crop_items(dataset, at):
        clip_id = observed.clip.clip_id
        of_clip = tracks.of(clip_id).to_pylist()
        late_s = {row["out_of_step_s"] for row in of_clip if row["track_id"] in observed.subject_of}
        cuts_s = sorted(shots.of(clip_id).column("start_s").to_pylist())
        yield FaceVideoItem(observed, tuple(cuts_s), max(late_s, key=abs))  # alike in all tracks of a clip
