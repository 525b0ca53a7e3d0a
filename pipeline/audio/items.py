"""The items of the audio step, read from the manifests of a dataset."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.audio.clip import AudioItem
from pipeline.audio.segment import WHOLE_CLIP, HeardTurn
from pipeline.core.base.layout import Layout
from pipeline.core.records.subject import SubjectTrack, Turn
from pipeline.core.records.track import Track
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.video.clip import MediaClip, read_media_clips


def read_audio_items(dataset: str, at: Layout) -> Iterator[AudioItem]:
    """Yield every clip in id order with the times of its main subject, and by how much its sound is out of step."""
    tracks = ClipRows(at.tracks(dataset), Track, ["track_id", "start_s", "end_s", "out_of_step_s"])
    subjects = ClipRows(at.subject_tracks(dataset), SubjectTrack, ["track_id", "subject_id", "is_main"])
    turns = ClipRows(at.turns(dataset), Turn, ["subject_id", "start_s", "end_s", "log_odds"])
    for clip in read_media_clips(at.clips(dataset), at.media(dataset), at.root):
        yield _item(clip, tracks.of(clip.clip_id), subjects.of(clip.clip_id), turns.of(clip.clip_id))


def _item(clip: MediaClip, tracks: pa.Table, subjects: pa.Table, turns: pa.Table) -> AudioItem:
    main_rows = subjects.filter(subjects.column("is_main"))
    if not len(main_rows):
        return AudioItem(clip, ())
    main_ids = main_rows.column("track_id").combine_chunks()
    main = tracks.filter(pc.is_in(tracks.column("track_id"), main_ids)).sort_by("start_s").to_pylist()
    seen_s = tuple((one["start_s"], one["end_s"]) for one in main)
    own = turns.filter(pc.equal(turns.column("subject_id"), main_rows["subject_id"][0])).sort_by("start_s")
    heard = tuple(
        WHOLE_CLIP if one["log_odds"] is None else HeardTurn(one["start_s"], one["end_s"], one["log_odds"])
        for one in own.to_pylist()
    )
    return AudioItem(clip, seen_s, main[0]["out_of_step_s"], heard)  # alike in all tracks of a clip
