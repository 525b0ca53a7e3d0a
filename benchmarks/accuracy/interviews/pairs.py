"""The pairs that generated interviews give: whether person, voice, lips and split are right."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.interviews.truth import Interview
from benchmarks.accuracy.pairs import MAX_OTHER_S, segment_parts
from benchmarks.face_truth import LIPS_SLACK, lips_around, lips_error, nearest_face
from pipeline.audio.segment import Interval
from pipeline.core.base.layout import Layout
from pipeline.core.records.dataset import DatasetSegment, Pair
from pipeline.core.records.frame import Frame
from pipeline.core.records.truth import TruthFrame
from pipeline.core.storage.manifest import iterate_manifest, read_manifest

ERRORS = ("person", "voice", "lips", "split")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPair:
    """A pair of the dataset with what is wrong of it, of ERRORS."""

    interview: str
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Face:
    interview: str
    person: int | None
    has_shut_lips: bool


def judge_pairs(dataset: str, interviews: Mapping[str, Interview], at: Layout) -> list[JudgedPair]:
    """Return all pairs of the dataset in ``at``, judged; ``interviews``: by the id of their clip.

    Its person is wrong where the face is of nobody, or of somebody else than most faces of that person in the dataset;
    its voice, where more than MAX_OTHER_S of it is another voice than the face's; its lips, where they are not shut or
    not still; its split, where the same human is in the other split, too.
    """
    pairs = read_manifest(at.dataset("pairs"), Pair)
    faces = _faces({pair.face_id for pair in pairs}, dataset, interviews, at)
    most = _most_often((pair.person_id, _human(faces[pair.face_id])) for pair in pairs)
    splits: dict[tuple[str, int | None], set[str]] = defaultdict(set)
    for pair in pairs:
        splits[_human(faces[pair.face_id])].add(pair.split)
    parts_s = segment_parts(dataset, at)
    clip_of = {one.segment_id: one.clip_id for one in read_manifest(at.dataset("audio"), DatasetSegment)}
    judged = []
    for pair in pairs:
        face = faces[pair.face_id]
        heard_in = interviews[clip_of[pair.segment_id]]
        is_wrong = (
            face.person is None or _human(face) != most[pair.person_id],
            heard_in.name != face.interview or not is_voice_of(face.person, parts_s[pair.segment_id], heard_in),
            not face.has_shut_lips,
            len(splits[_human(face)]) > 1,
        )
        errors = tuple(name for name, wrong in zip(ERRORS, is_wrong, strict=True) if wrong)
        judged.append(JudgedPair(interview=face.interview, errors=errors))
    return judged


def is_voice_of(person: int | None, parts_s: Iterable[Interval], of: Interview) -> bool:
    """Return whether a person is heard in some intervals, and others for at most MAX_OTHER_S of them."""
    if person is None:
        return False
    inside = np.zeros(len(of.kinds), bool)
    for start_s, end_s in parts_s:
        inside |= (of.times_s >= start_s) & (of.times_s < end_s)
    own, others = of.heard[person], np.delete(of.heard, person, axis=0).any(axis=0)
    return bool((own & inside).any() and (others & inside).sum() * of.frame_s <= MAX_OTHER_S)


def _faces(face_ids: set[str], dataset: str, interviews: Mapping[str, Interview], at: Layout) -> dict[str, _Face]:
    found = {}
    for frame in iterate_manifest(at.frames(dataset), Frame):
        if frame.frame_id in face_ids:
            of = interviews[frame.clip_id]
            row = nearest_face(frame, of.faces.get(frame.frame_index, ()))
            person = None if row is None else row.person
            found[frame.frame_id] = _Face(of.name, person, row is not None and _has_shut_lips(row, of))
    return found


def _has_shut_lips(row: TruthFrame, of: Interview) -> bool:
    around = [
        one
        for frame in range(row.frame - 5, row.frame + 6)
        for one in of.faces.get(frame, ())
        if one.person == row.person
    ]
    return not lips_error(row, lips_around(row, around), LIPS_SLACK)


def _human(face: _Face) -> tuple[str, int | None]:
    return face.interview, face.person


def _most_often(of: Iterable[tuple[str, tuple[str, int | None]]]) -> dict[str, tuple[str, int | None]]:
    counts: dict[str, Counter[tuple[str, int | None]]] = defaultdict(Counter)
    for person_id, human in of:
        counts[person_id][human] += 1
    return {person_id: humans.most_common(1)[0][0] for person_id, humans in counts.items()}
