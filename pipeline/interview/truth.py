"""The ground truth of an interview, as rows of records."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipeline.core.records.truth import TruthFace, TruthFrame, TruthShot, TruthSound, TruthVoice
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.interview.plan import Interview
from pipeline.interview.takes import Take, shot_times
from pipeline.synthetic.look.geometry import Camera
from pipeline.synthetic.plan import face_truth
from pipeline.synthetic.script.speech import Speech
from pipeline.synthetic.script.truth import POINTS, ClipTruth, FaceTruth, truth_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class InterviewTruth:
    """Who is seen and heard: ``frames`` has a row for every frame and visible face, the others one for each thing."""

    frames: tuple[TruthFrame, ...]
    shots: tuple[TruthShot, ...]
    faces: tuple[TruthFace, ...]
    voices: tuple[TruthVoice, ...]
    sounds: tuple[TruthSound, ...]


_FILES = {
    "frames": TruthFrame,
    "shots": TruthShot,
    "faces": TruthFace,
    "voices": TruthVoice,
    "sounds": TruthSound,
}


def write_truth(truth: InterviewTruth, beside: Path) -> None:
    """Write the truth of the interview at ``beside`` as ``<its name without suffix>.<frames, shots, ...>.parquet``."""
    for name, record in _FILES.items():
        write_manifest(beside.with_suffix(f".{name}.parquet"), record, getattr(truth, name))


def has_truth(beside: Path) -> bool:
    """Return whether the whole truth of the interview at ``beside``, which is written after it, is there."""
    return all(beside.with_suffix(f".{name}.parquet").exists() for name in _FILES)


def read_truth(beside: Path) -> InterviewTruth:
    """Return what ``write_truth`` wrote beside the interview at ``beside``."""
    return InterviewTruth(
        **{
            name: tuple(read_manifest(beside.with_suffix(f".{name}.parquet"), record))
            for name, record in _FILES.items()
        }
    )


def truth_of(interview: Interview, speeches: Sequence[Speech], takes: Sequence[Sequence[Take]]) -> InterviewTruth:
    """Return the ground truth; ``speeches``: one for each turn; ``takes``: the people of each shot."""
    frames: list[TruthFrame] = []
    faces: list[TruthFace] = []
    for number, people in enumerate(takes):
        for take in people:
            seen = _face_of(interview, number, take)
            frames += _frame_rows(interview, number, seen)
            faces.append(_face_row(interview, number, take, seen))
    return InterviewTruth(
        frames=tuple(sorted(frames, key=lambda row: row.truth_id)),
        shots=_shot_rows(interview),
        faces=tuple(sorted(faces, key=lambda row: row.face_id)),
        voices=_voice_rows(interview, speeches, frames),
        sounds=tuple(
            TruthSound(
                sound_id=f"{number:04d}",
                kind=backing.kind,
                start_s=backing.start_s,
                end_s=backing.end_s,
                level_db=backing.level_db,
            )
            for number, backing in enumerate(interview.backings)
        ),
    )


def _face_of(interview: Interview, number: int, take: Take) -> FaceTruth:
    """Return the truth of a face over the frames of its shot, pixels of the whole picture."""
    camera, box = take.plan.camera, take.panel.box
    in_picture = Camera(x_px=camera.x_px + box.left_px, y_px=camera.y_px + box.top_px, scale_px=camera.scale_px)
    time_s = shot_times(interview, interview.shots[number])
    return face_truth(replace(take.plan, camera=in_picture), time_s, has_voice=True)


def _frame_rows(interview: Interview, number: int, face: FaceTruth) -> list[TruthFrame]:
    shot = interview.shots[number]
    alone = ClipTruth(time_s=shot_times(interview, shot), speech_intervals_s=(), voices=(face.person,), faces=(face,))
    rows = [row | {"frame": row["frame"] + shot.first} for row in truth_rows(alone)]
    return [TruthFrame(truth_id=f"{row['person']}-{row['frame']:06d}", **row) for row in rows]  # type: ignore[arg-type]


def _shot_rows(interview: Interview) -> tuple[TruthShot, ...]:
    fps = interview.spec.fps
    return tuple(
        TruthShot(
            shot_id=f"{number:04d}",
            kind=shot.kind,
            start_s=float(shot.first / fps),
            end_s=float(shot.end / fps),
            first_frame=shot.first,
            n_frames=shot.end - shot.first,
            n_faces=len(shot.seen),
        )
        for number, shot in enumerate(interview.shots)
    )


def _face_row(interview: Interview, number: int, take: Take, face: FaceTruth) -> TruthFace:
    points = np.concatenate([getattr(face, f"{point}_px") for point in POINTS])
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    eyes_px = np.linalg.norm(face.right_eye_px - face.left_eye_px, axis=1)
    return TruthFace(
        face_id=f"{number:04d}-{face.person:02d}",
        shot_id=f"{number:04d}",
        person=face.person,
        is_talker=face.person < interview.n_talkers,
        place=take.panel.place,
        lips=take.seen.lips,
        left_px=float(left),
        top_px=float(top),
        right_px=float(right),
        bottom_px=float(bottom),
        interocular_px=float(np.median(eyes_px)),
        speaking_s=float(face.is_speaking.sum() / interview.spec.fps),
    )


def _voice_rows(
    interview: Interview, speeches: Sequence[Speech], frames: Sequence[TruthFrame]
) -> tuple[TruthVoice, ...]:
    intervals = sorted(
        (start_s, end_s, number, turn.voice)
        for number, (turn, speech) in enumerate(zip(interview.turns, speeches, strict=True))
        for start_s, end_s in speech.bursts_s
    )
    speaking_s = {
        person: np.array(sorted(row.time_s for row in frames if row.person == person and row.speaking))
        for person in range(interview.n_talkers)
    }
    rows = []
    for number, (start_s, end_s, turn, person) in enumerate(intervals):
        others = [(a, b) for a, b, _, other in intervals if other != person]
        in_step = np.searchsorted(speaking_s.get(person, np.empty(0)), [start_s, end_s])
        rows.append(
            TruthVoice(
                voice_id=f"{number:05d}",
                person=person,
                is_talker=person < interview.n_talkers,
                turn=turn,
                start_s=start_s,
                end_s=end_s,
                overlap_s=round(_covered_s(others, start_s, end_s), 4),
                in_step_s=float((in_step[1] - in_step[0]) / interview.spec.fps),
            )
        )
    return tuple(rows)


def _covered_s(intervals: Sequence[tuple[float, float]], start_s: float, end_s: float) -> float:
    """Return for how many seconds of a span at least one of ``intervals`` holds."""
    edges = sorted({start_s, end_s, *(t for interval in intervals for t in interval if start_s < t < end_s)})
    return sum(b - a for a, b in pairwise(edges) if any(s <= a and b <= e for s, e in intervals))
