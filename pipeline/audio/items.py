"""The items of the audio step, read from the manifests of a dataset."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from pipeline.audio.clip import AudioItem, HeardSubject
from pipeline.audio.segment import WHOLE_CLIP, HeardTurn, Interval, StretchShares
from pipeline.core.base.layout import Layout
from pipeline.core.records.subject import StretchSound, SubjectTrack, Turn, main_subject_id
from pipeline.core.records.track import Track
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.video.clip import MediaClip, read_media_clips


def read_audio_items(dataset: str, at: Layout) -> Iterator[AudioItem]:
    """Yield every clip in id order with its subjects, by how much its sound is out of step, and what sounds in it.

    A clip without a face has its main subject all the same; one that has faces, none of them in its published crop,
    has no subject.
    """
    tracks = ClipRows(at.tracks(dataset), Track, ["track_id", "start_s", "end_s", "out_of_step_s"])
    subjects = ClipRows(at.subject_tracks(dataset), SubjectTrack, ["track_id", "subject_id", "is_taken"])
    turns = ClipRows(at.turns(dataset), Turn, ["subject_id", "start_s", "end_s", "log_odds"])
    columns = ["start_s", "end_s", "overlap_share", "music_share"]
    sounds = ClipRows(at.stretch_sounds(dataset), StretchSound, columns)
    for clip in read_media_clips(at.clips(dataset), at.media(dataset), at.root):
        item = _item(clip, tracks.of(clip.clip_id), subjects.of(clip.clip_id), turns.of(clip.clip_id))
        stretches = (StretchShares(**one) for one in sounds.of(clip.clip_id).to_pylist())
        yield replace(item, stretches=tuple(stretches))


def _item(clip: MediaClip, tracks: pa.Table, subjects: pa.Table, turns: pa.Table) -> AudioItem:
    subject_of = {one["track_id"]: one["subject_id"] for one in subjects.to_pylist() if one["is_taken"]}
    if not subject_of and len(tracks):
        return AudioItem(clip, ())
    if not subject_of:
        return AudioItem(clip, (HeardSubject(main_subject_id(clip.clip_id), (), (WHOLE_CLIP,)),))
    seen_s: dict[str, list[Interval]] = defaultdict(list)
    out_of_step_s = 0.0
    for one in tracks.sort_by("start_s").to_pylist():
        if one["track_id"] in subject_of:
            seen_s[subject_of[one["track_id"]]].append((one["start_s"], one["end_s"]))
            out_of_step_s = one["out_of_step_s"]  # alike in all tracks of a clip
    heard: dict[str, list[HeardTurn]] = defaultdict(list)
    for one in turns.sort_by("start_s").to_pylist():
        is_whole = one["log_odds"] is None
        turn = WHOLE_CLIP if is_whole else HeardTurn(one["start_s"], one["end_s"], one["log_odds"])
        heard[one["subject_id"]].append(turn)
    found = tuple(HeardSubject(name, tuple(seen_s[name]), tuple(heard[name])) for name in sorted(seen_s))
    return AudioItem(clip, found, out_of_step_s)
