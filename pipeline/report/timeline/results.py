"""What a run made of one clip: its shots, and of each subject its tracks, turns, faces and segments."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.audio.segment import Interval, within
from pipeline.core.base.layout import Layout
from pipeline.core.records.face import SelectedFace
from pipeline.core.records.schema import from_table
from pipeline.core.records.segment import Segment
from pipeline.core.records.subject import Subject, SubjectTrack, Turn
from pipeline.core.records.track import Shot, Track
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.core.storage.shards import shard_of
from pipeline.report.timeline.ends import ClipEnds, read_ends

_FACE_COLUMNS = ("face_id", "subject_id", "time_s", "sampled_by", "is_standard", "reason")
_SEGMENT_COLUMNS = ("segment_id", "subject_id", "start_s", "end_s", "voiced_s", "n_turns", "skipped_s", "turn_log_odds")
_TRACK_COLUMNS = ("track_id", "start_s", "end_s", "av_zscore")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSeen:
    """A track of a subject: its interval, seconds, and its av_zscore."""

    track_id: str
    interval_s: Interval
    av_zscore: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceTaken:
    """A crop: its time, seconds, how it was sampled, and the threshold that a standard face would have to pass."""

    time_s: float
    sampled_by: str
    is_standard: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTaken:
    """A segment: the intervals of the media that it was joined of, and why the dataset has it not.

    ``left_out``: a reason in snake_case; empty: the dataset has it, or is not built yet.
    """

    segment_id: str
    parts_s: Sequence[Interval]
    voiced_s: float
    skipped_s: float
    log_odds: float | None
    left_out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectResult:
    """A subject, and all that is its own, each in order of time."""

    subject: Subject
    tracks: list[TrackSeen]
    turns: list[Turn]
    faces: list[FaceTaken]
    segments: list[SegmentTaken]

    @property
    def turns_s(self) -> float:
        """Seconds of its turns together."""
        return sum(turn.end_s - turn.start_s for turn in self.turns)

    @property
    def is_alone(self) -> bool:
        """Whether the clip has one shot and one subject: then all its sound is taken as that subject's."""
        return any(turn.log_odds is None for turn in self.turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipResult:
    """A clip: its shots in order of time, its subjects in id order, and how its sound ended."""

    clip_id: str
    shots: list[Interval]
    subjects: list[SubjectResult]
    ends: ClipEnds


class ClipResults:
    """The results of a dataset's clips, read one clip at a time; none where a stage has not run.

    Memory holds a few row groups of each manifest. Raises BadManifest for a file of another schema.
    """

    def __init__(self, dataset: str, at: Layout) -> None:
        """Open the manifests of ``dataset``."""
        self._dataset, self._at = dataset, at
        self._shots = _rows_if_any(at.shots(dataset), Shot, ("start_s", "end_s"))
        self._tracks = _rows_if_any(at.tracks(dataset), Track, _TRACK_COLUMNS)
        self._subject_tracks = _rows_if_any(at.subject_tracks(dataset), SubjectTrack, ("track_id", "subject_id"))
        self._subjects = _rows_if_any(at.subjects(dataset), Subject)
        self._turns = _rows_if_any(at.turns(dataset), Turn)
        self._faces = _rows_if_any(at.selected_faces, SelectedFace, _FACE_COLUMNS)

    def of(self, clip_id: str) -> ClipResult:
        """Return what the run made of ``clip_id``; without subjects where no face is seen in it."""
        subjects = [] if self._subjects is None else from_table(Subject, self._subjects.of(clip_id))
        subject_of = {one["track_id"]: one["subject_id"] for one in _dicts(self._subject_tracks, clip_id)}
        tracks, faces = defaultdict(list), defaultdict(list)
        for one in _dicts(self._tracks, clip_id):
            tracks[subject_of.get(one["track_id"])].append(_track(one))
        for one in _dicts(self._faces, clip_id):
            faces[one["subject_id"]].append(_face(one))
        turns = defaultdict(list)
        for turn in [] if self._turns is None else from_table(Turn, self._turns.of(clip_id)):
            turns[turn.subject_id].append(turn)
        rows = self._segments(clip_id)
        owner_of = {one["segment_id"]: one["subject_id"] for one in rows}
        ends = read_ends(self._dataset, clip_id, owner_of, self._at)
        segments = defaultdict(list)
        for one in rows:
            owner = owner_of[one["segment_id"]]
            segments[owner].append(_segment(one, turns[owner], ends))
        return ClipResult(
            clip_id=clip_id,
            shots=[(one["start_s"], one["end_s"]) for one in _dicts(self._shots, clip_id)],
            subjects=[
                SubjectResult(
                    subject=one,
                    tracks=sorted(tracks[one.subject_id], key=lambda track: track.interval_s),
                    turns=sorted(turns[one.subject_id], key=lambda turn: turn.start_s),
                    faces=sorted(faces[one.subject_id], key=lambda face: face.time_s),
                    segments=sorted(segments[one.subject_id], key=lambda segment: segment.parts_s[0]),
                )
                for one in subjects
            ],
            ends=ends,
        )

    def _segments(self, clip_id: str) -> list[dict[str, Any]]:
        """Return the measures of a clip's segments; their log-mels are not read."""
        shards = sorted(self._at.audio_folder(self._dataset).glob("shard-*.parquet"))
        if not shards:
            return []
        return _dicts(ClipRows(shards[shard_of(clip_id, len(shards))], Segment, _SEGMENT_COLUMNS), clip_id)


def _rows_if_any(path: Path, record: type, columns: Sequence[str] | None = None) -> ClipRows | None:
    return ClipRows(path, record, columns) if path.is_file() else None


def _dicts(rows: ClipRows | None, clip_id: str) -> list[dict[str, Any]]:
    table: pa.Table | None = None if rows is None else rows.of(clip_id)
    return [] if table is None else table.to_pylist()


def _track(row: Mapping[str, Any]) -> TrackSeen:
    return TrackSeen(track_id=row["track_id"], interval_s=(row["start_s"], row["end_s"]), av_zscore=row["av_zscore"])


def _face(row: Mapping[str, Any]) -> FaceTaken:
    kept = ("time_s", "sampled_by", "is_standard", "reason")
    return FaceTaken(**{name: row[name] for name in kept})


def _segment(row: Mapping[str, Any], turns: Sequence[Turn], ends: ClipEnds) -> SegmentTaken:
    start_s, end_s = row["start_s"], row["end_s"]
    parts_s = [(start_s, end_s)]
    if row["n_turns"] > 1:
        parts_s = within(start_s, end_s, ((turn.start_s, turn.end_s) for turn in turns))
    return SegmentTaken(
        segment_id=row["segment_id"],
        parts_s=parts_s,
        voiced_s=row["voiced_s"],
        skipped_s=row["skipped_s"],
        log_odds=row["turn_log_odds"],
        left_out=ends.left_out.get(row["segment_id"], ""),
    )
