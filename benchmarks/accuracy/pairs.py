"""Measure the pairs that footage gives, on montages of real clips (benchmarks/accuracy/montages.py).

``python -m benchmarks.accuracy.pairs FOLDER...`` cuts clips of the folders together, runs the stages download to
dataset on the montages, and prints, with ``--people all`` or ``one``: what is used, how many of the segments and of the
pairs are right, with the 95 % interval over persons, and right pairs for an hour. A segment is right if it is all the
voice of the person whose face goes with it; whether the lips of a face are shut is measured elsewhere
(benchmarks/accuracy/standard_faces.py). ``--at FOLDER`` keeps what it makes there.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.accuracy.figures import list_folder, share_interval, write_params
from benchmarks.accuracy.montages import OWN, Shot
from benchmarks.accuracy.turns import DATASET, MARGIN_S, montage_parser, write_montages
from pipeline.audio.segment import Interval, within
from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.dataset import DatasetFace, DatasetSegment, Pair
from pipeline.core.records.face import SelectedFace
from pipeline.core.records.label import Label
from pipeline.core.records.segment import Segment
from pipeline.core.records.subject import Turn
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.core.storage.shards import iterate_batches
from stages.__main__ import STAGES, run_stage

LEFT_OUT = ("sources", "pretrain_identity", "identify")
LAST = "dataset"
# A segment of 6 s with less of another voice in it is right: cuts are found to a frame, and stretches are of 2 s.
MAX_OTHER_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the dataset has of the montages: of each person by truth, faces and segments, and whether each is right."""

    duration_s: float
    n_persons_seen: int
    faces: Mapping[str, str]
    """The person of each face of a pair, by id."""
    segments: Mapping[str, str | None]
    """Whose voice each segment is, by id; None where it is not one person's, or that person is not seen in it."""
    pairs: Sequence[tuple[str, bool]]
    """Of each pair, the person of the face, and whether it is right."""
    own_s: float
    """Seconds in which the person seen speaks."""
    used_s: float
    """Seconds of sound in segments that are right."""


def main() -> None:
    """Measure and print."""
    parser = montage_parser(__doc__)
    parser.add_argument("--people", choices=["one", "all"], default="all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        at = Layout(options.at or Path(work))
        montages = write_montages(options.folders, at.root / "montages", options.seconds, options.seed)
        run_stages(at, at.root / "montages", options.people)
        print(report(usage(montages, at)))


def run_stages(at: Layout, folder: Path, people: str) -> None:
    """Run the stages from download to dataset on the videos of ``folder``."""
    write_params(at, DATASET, subjects={"people": people})
    list_folder(at, DATASET, folder)
    run_from("download", DATASET, at)


def run_from(first: str, dataset: str, at: Layout) -> None:
    """Run the stages from ``first`` to dataset; no face has a label."""
    write_manifest(at.labels(dataset), Label, [])
    names = [*STAGES]
    for stage in names[names.index(first) : names.index(LAST) + 1]:
        if stage not in LEFT_OUT:
            run_stage(stage, *([dataset] if STAGES[stage][1] else []), at)


def usage(montages: Mapping[str, Sequence[Shot]], at: Layout) -> Usage:
    """Return what the dataset in ``at`` has of the montages."""
    shots_of = {one.clip_id: montages[Path(one.address).name] for one in read_manifest(at.clips(DATASET), Clip)}
    times_s = {one.face_id: (one.clip_id, one.time_s) for one in read_manifest(at.selected_faces, SelectedFace)}
    faces = {
        one.face_id: person_seen(shots_of[times_s[one.face_id][0]], times_s[one.face_id][1])
        for one in read_manifest(at.dataset("faces"), DatasetFace)
        if one.is_standard
    }
    parts_s = segment_parts(DATASET, at)
    kept = read_manifest(at.dataset("audio"), DatasetSegment)
    segments = {one.segment_id: voice_of(shots_of[one.clip_id], parts_s[one.segment_id]) for one in kept}
    pairs = [
        (faces[one.face_id], faces[one.face_id] == segments[one.segment_id])
        for one in read_manifest(at.dataset("pairs"), Pair)
    ]
    shots = [shot for of_clip in shots_of.values() for shot in of_clip]
    return Usage(
        duration_s=sum(shot.end_s - shot.start_s for shot in shots),
        n_persons_seen=len({shot.seen.person for shot in shots}),
        faces=faces,
        segments=segments,
        pairs=pairs,
        own_s=sum(shot.end_s - shot.start_s for shot in shots if shot.voice == OWN),
        used_s=sum(
            end_s - start_s for one, whose in segments.items() if whose is not None for start_s, end_s in parts_s[one]
        ),
    )


def person_seen(shots: Sequence[Shot], time_s: float) -> str:
    """Return the person in the picture at ``time_s``."""
    return next((shot.seen.person for shot in shots if shot.start_s <= time_s < shot.end_s), "")


def voice_of(shots: Sequence[Shot], parts_s: Iterable[Interval]) -> str | None:
    """Return the person who is seen and heard throughout; None where more than MAX_OTHER_S of it is another voice."""
    own_s: dict[str, float] = defaultdict(float)
    whole_s = 0.0
    for start_s, end_s in parts_s:
        whole_s += end_s - start_s
        for shot in shots:
            both_s = min(end_s, shot.end_s + MARGIN_S) - max(start_s, shot.start_s - MARGIN_S)
            if shot.voice == OWN and both_s > 0:
                own_s[shot.seen.person] += both_s
    whose = max(own_s, key=lambda person: own_s[person], default=None)
    return whose if whose is not None and whole_s - own_s[whose] <= MAX_OTHER_S else None


def segment_parts(dataset: str, at: Layout) -> dict[str, list[Interval]]:
    """Return the intervals of the media that each segment was joined of, by id."""
    turns_s: dict[str, list[Interval]] = defaultdict(list)
    for turn in read_manifest(at.turns(dataset), Turn):
        turns_s[turn.subject_id].append((turn.start_s, turn.end_s))
    parts_s: dict[str, list[Interval]] = {}
    for batch in iterate_batches(at.audio_folder(dataset), Segment, ["segment_id", "subject_id", "start_s", "end_s"]):
        for one in batch.to_pylist():
            parts_s[one["segment_id"]] = within(one["start_s"], one["end_s"], turns_s[one["subject_id"]])
    return parts_s


def report(found: Usage) -> str:
    """Return the figures."""
    right = sum(is_right for _, is_right in found.pairs)
    low, high = interval_over_persons(found.pairs)
    n_right_segments = sum(whose is not None for whose in found.segments.values())
    share = 100 * right / len(found.pairs) if found.pairs else 0.0
    return "\n".join(
        [
            f"{found.duration_s:.0f} s of montages, {found.n_persons_seen} persons seen; the person seen speaks for "
            f"{found.own_s:.0f} s, of which {found.used_s:.0f} s are in right segments",
            f"in the dataset: {len(set(found.faces.values()))} persons, {len(found.faces)} standard faces, "
            f"{len(found.segments)} segments, {n_right_segments} of them right",
            f"pairs: {right} of {len(found.pairs)} right, {share:.1f} % (95 % interval over persons {100 * low:.1f} to "
            f"{100 * high:.1f} %); {3600 * right / found.duration_s:.0f} right pairs for an hour",
        ]
    )


def interval_over_persons(pairs: Sequence[tuple[str, bool]]) -> tuple[float, float]:
    """Return the 95 % interval of the share of right pairs, 0-1, by draws of persons (the bootstrap)."""
    of_person: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for person, is_right in pairs:
        of_person[person][0] += is_right
        of_person[person][1] += 1
    counts = np.array([*of_person.values()], float).reshape(-1, 2)
    return share_interval(counts[:, 0], counts[:, 1])


if __name__ == "__main__":
    main()
