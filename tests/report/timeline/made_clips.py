"""Clips of two shots and two subjects, made by hand; the main subject's segment is joined of two turns."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

import pyarrow as pa

from pipeline.audio.segment import Interval
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.units import milliseconds
from pipeline.core.records.face import CANDIDATE, RANDOM, SelectedFace
from pipeline.core.records.schema import to_table
from pipeline.core.records.segment import Segment
from pipeline.core.records.subject import Subject, SubjectTrack, Turn, main_subject_id
from pipeline.core.records.track import Shot, Track
from pipeline.core.storage.manifest import write_manifest
from pipeline.core.storage.shards import write_shards
from tests.face.faces import PERFECT_FACE
from tests.face.tracks import a_shot, a_subject, a_subject_track, a_track, a_turn
from tests.report.made_run import HOSTILE, SET, made_segment, write_ledger

TALK = f"{SET}/talk"
SHOTS_S = ((0.0, 10.0), (10.0, 20.0))
# A track's subject and interval; it ends with its last frame, 0.04 s before the cut.
TRACKS = ((0, 0.0, 9.96), (1, 10.0, 14.96), (0, 15.0, 19.96))
TURNS = ((0, 0.0, 4.0), (1, 10.0, 14.0), (0, 15.0, 19.0))
FACES = ((0, 1.0, CANDIDATE, ""), (2, 16.0, RANDOM, "lips_open"))


def joined_of(clip_id: str) -> str:
    """Return the id of the clip's segment."""
    return f"{clip_id}-a00000000"


def make_clips(at: Layout, clip_ids: Iterable[str] = (TALK,)) -> None:
    """Write all that the stages up to ``audio`` find in such clips."""
    clip_ids = sorted(clip_ids)
    make_subjects(at, clip_ids)
    write_manifest(at.selected_faces, SelectedFace, [_face(one, *face) for one in clip_ids for face in FACES])
    write_joined(at, clip_ids)
    write_audio_ledger(at, dict.fromkeys([*clip_ids, *map(joined_of, clip_ids)]))


def make_subjects(at: Layout, clip_ids: list[str]) -> None:
    """Write shots, tracks, subjects and turns of such clips."""
    write_shots(at, dict.fromkeys(clip_ids, SHOTS_S))
    write_subjects(at, dict.fromkeys(clip_ids, 2))
    write_manifest(at.tracks(SET), Track, [_track(one, place) for one in clip_ids for place in range(len(TRACKS))])
    owners = [
        a_subject_track(one, place, is_taken=subject == 0, subject=subject)
        for one in clip_ids
        for place, (subject, _, _) in enumerate(TRACKS)
    ]
    write_manifest(at.subject_tracks(SET), SubjectTrack, owners)
    write_manifest(at.turns(SET), Turn, [a_turn(one, *turn) for one in clip_ids for turn in TURNS])


def write_audio_ledger(at: Layout, ends: Mapping[str, Dropped | None]) -> None:
    write_ledger(at, "audio", SET, ends.items())


def write_shots(at: Layout, shots_of: Mapping[str, Iterable[Interval]]) -> None:
    shots = [
        replace(a_shot(clip_id, place, end_s), start_s=start_s)
        for clip_id, shots_s in shots_of.items()
        for place, (start_s, end_s) in enumerate(shots_s)
    ]
    write_manifest(at.shots(SET), Shot, shots)


def write_subjects(at: Layout, n_of: Mapping[str, int]) -> None:
    """Write so many subjects of each clip."""
    write_manifest(at.subjects(SET), Subject, [_subject(one, place) for one, n in n_of.items() for place in range(n)])


def write_joined(at: Layout, clip_ids: list[str]) -> None:
    """Write a segment of each clip: its sound from 0 to 4 s and from 15 to 17 s."""

    def rows_of(clip_id: str) -> pa.Table:
        joined = {"start_s": 0.0, "end_s": 17.0, "n_turns": 2, "skipped_s": 11.0, "voiced_s": 5.5, "turn_log_odds": 2.5}
        return to_table(
            Segment,
            [
                replace(
                    made_segment(HOSTILE),
                    segment_id=joined_of(clip_id),
                    clip_id=clip_id,
                    subject_id=main_subject_id(clip_id),
                    **joined,
                )
            ],
        )

    write_shards(at.audio_folder(SET), Segment, clip_ids, rows_of)


def _subject(clip_id: str, number: int) -> Subject:
    subject = a_subject(clip_id, number, is_main=number == 0)
    return replace(subject, n_tracks=2, seen_s=14.9, av_zscore=3.25) if number == 0 else subject


def _track(clip_id: str, number: int) -> Track:
    _, start_s, end_s = TRACKS[number]
    return replace(a_track(clip_id, number), start_s=start_s, end_s=end_s, av_zscore=3.5)


def _face(clip_id: str, track: int, time_s: float, sampled_by: str, reason: str) -> SelectedFace:
    track_id = f"{clip_id}-t{track:02}"
    face = replace(
        PERFECT_FACE,
        face_id=f"{track_id}-{milliseconds(time_s):08}",
        clip_id=clip_id,
        subject_id=f"{clip_id}-s{TRACKS[track][0]:02}",
        track_id=track_id,
        time_s=time_s,
        sampled_by=sampled_by,
    )
    return SelectedFace(**asdict(face), is_standard=not reason, is_resting=False, reason=reason)
