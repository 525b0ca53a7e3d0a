"""Who is seen, speaks and is heard in each frame of a generated interview, and whom each of its tracks shows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.face_truth import nearest_face
from pipeline.core.records.frame import Frame
from pipeline.core.records.truth import TruthFrame
from pipeline.interview.truth import InterviewTruth, read_truth

Flags = NDArray[np.bool_]

NOBODY = -1
"""Who is seen or speaks, where it is none of the people."""


@dataclass(frozen=True, slots=True, eq=False)
class Interview:
    """The truth of an interview of T frames and P people, by number."""

    name: str
    """That of its file, without suffix."""
    frame_s: float
    """Length of a frame."""
    kinds: NDArray[np.str_]
    """(T,): the kind of the shot."""
    seen: Flags
    """(P, T): whose face is in the picture."""
    speaking: Flags
    """(P, T): who is seen and speaks, in step with the lips."""
    heard: Flags
    """(P, T): whose voice sounds."""
    silent: Flags
    """(P, T): whose face is in the picture and does not speak in the whole shot."""
    faces: Mapping[int, Sequence[TruthFrame]]
    """The faces of each frame, by its index."""

    @property
    def times_s(self) -> NDArray[np.float64]:
        """Return the time of each frame, (T,)."""
        return np.asarray(np.arange(len(self.kinds)) * self.frame_s)


def read_interview(path: Path) -> Interview:
    """Return the truth beside the interview at ``path``."""
    return interview_of(path.stem, read_truth(path))


def interview_of(name: str, truth: InterviewTruth) -> Interview:
    """Return the truth of an interview frame by frame."""
    last = truth.shots[-1]
    n_frames = last.first_frame + last.n_frames
    frame_s = last.end_s / n_frames
    people = [face.person for face in truth.faces] + [voice.person for voice in truth.voices]
    shape = 1 + max(people, default=0), n_frames
    seen, speaking, heard, silent = (np.zeros(shape, bool) for _ in range(4))
    faces: dict[int, list[TruthFrame]] = defaultdict(list)
    for row in truth.frames:
        faces[row.frame].append(row)
        seen[row.person, row.frame] = row.visible
        speaking[row.person, row.frame] = row.speaking
    for voice in truth.voices:
        first, end = np.ceil(np.array([voice.start_s, voice.end_s]) / frame_s - 1e-6).astype(int)
        heard[voice.person, first:end] = True
    kinds = np.empty(n_frames, dtype=f"U{max(len(shot.kind) for shot in truth.shots)}")
    spans = {}
    for shot in truth.shots:
        spans[shot.shot_id] = slice(shot.first_frame, shot.first_frame + shot.n_frames)
        kinds[spans[shot.shot_id]] = shot.kind
    for face in truth.faces:
        if not face.speaking_s:
            silent[face.person, spans[face.shot_id]] = True
    return Interview(name, frame_s, kinds, seen, speaking, heard, silent, faces)


def people_of_tracks(frames: Iterable[Frame], interview: Interview) -> dict[str, dict[int, int]]:
    """Return for each track, by id, in how many of its ``frames`` it shows whom; or NOBODY."""
    counts: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for frame in frames:
        found = nearest_face(frame, interview.faces.get(frame.frame_index, ()))
        counts[frame.track_id][NOBODY if found is None else found.person] += 1
    return counts


def shows_most(counts: Mapping[int, int]) -> int:
    """Return whom most frames show, given in how many frames whom."""
    return max(counts, key=lambda person: counts[person])
