"""Measure the accuracy of the stages on generated talkers, whose ground truth is known.

Run as ``python -m benchmarks.accuracy``. It generates one clip each of three times ``--persons`` talkers of the 'wide'
preset, of another seed than the demo's, and one of each edge case; runs the stages download, detect, crop and select on
them with the numbers of params.yaml; compares with the ground truth; and prints each figure with its target, including
those of the sound (benchmarks/accuracy/sound.py), of persons (benchmarks/accuracy/persons.py) and of the speaker's
voice (benchmarks/accuracy/voice.py). Results of the stages stay in the item store, so that only the results that a
change affects are computed again.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.figures import Figure, list_wide, print_and_exit, process_pool, read_options
from benchmarks.accuracy.persons import measure_persons
from benchmarks.accuracy.sound import measure_sound
from benchmarks.accuracy.voice import measure_voice
from benchmarks.every_face import every_face
from benchmarks.face_truth import (
    LIP_WINDOW_S,
    LIPS_SLACK,
    SAME_TIME_S,
    eyes,
    lips_around,
    lips_error,
    nearest_face,
)
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.face import Face, FaceMeasures, SelectedFace
from pipeline.core.records.frame import Frame
from pipeline.core.records.media import Media
from pipeline.core.records.schema import to_table
from pipeline.core.records.truth import TruthFrame
from pipeline.core.storage.manifest import read_manifest
from pipeline.core.storage.shards import read_columns
from pipeline.face.crops.align import transform
from pipeline.face.crops.crop import CropParams
from pipeline.face.crops.standard import SelectParams, missed_thresholds
from stages.__main__ import run_stage

DATASET = "accuracy"
SIZE_PX = (640, 360)
TIMES_THE_PERSONS = 3  # of other benchmarks, since each person has three or four standard crops only

# A face is frontal up to these true angles, whatever the limits of the stages. A frame selected as standard is correct
# when it exceeds them by no more than the slack, its true lips are shut and still (benchmarks/face_truth.py) ...
FRONTAL_DEG, UPRIGHT_DEG, ANGLE_SLACK_DEG = 10.0, 15.0, 2.0
# ... and its eyes are at least half open.
HALF_OPEN_EYES = 0.5
# Recall is over the frames that are clearly standard.
CLEARLY_SHUT_LIPS, CLEARLY_STILL_LIPS, CLEARLY_OPEN_EYES = 0.02, 0.01, 0.9


@dataclass
class ObservedTruth:
    """The observations of one clip and its ground truth."""

    clip_id: str
    truth: dict[int, list[TruthFrame]]  # by person, in time order
    frames: list[Frame] = field(default_factory=list)
    person_of: dict[str, int | None] = field(default_factory=dict)  # by frame id
    truth_of: dict[str, TruthFrame] = field(default_factory=dict)  # by frame id


def main() -> None:
    """Measure, print and write the figures; exit with status 1 when a target is missed."""
    options = read_options(__doc__, out=Path("build/accuracy.json"))
    with tempfile.TemporaryDirectory() as folder:
        at = Layout(Path(folder))
        list_wide(at, DATASET, TIMES_THE_PERSONS * options.persons, options.seed, SIZE_PX, edge_cases=True)
        figures = measure(at)
        figures += measure_persons(Path(folder) / "persons", options.persons, options.seed)
        figures += measure_voice(Path(folder) / "voice", options.persons, options.seed)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    content = {
        figure.name: {"value": figure.value, "target": figure.target, "passes": figure.passes} for figure in figures
    }
    options.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print_and_exit(figures)


def measure(at: Layout) -> list[Figure]:
    """Run the stages in ``at`` and return the figures."""
    for stage in ("download", "detect", "subjects", "crop"):
        run_stage(stage, DATASET, at)
    run_stage("select", at)
    limits = load_params(SelectParams, "select", at.params)
    crop = load_params(CropParams, "crop", at.params)
    clips = read_observations(at)
    return [
        *detection_figures(clips),
        *eye_figures(at, clips, crop),
        *pose_figures(clips),
        *standard_figures(at, clips, limits, crop),
        selected_figure(at, clips),
        *track_figures(clips),
        *measure_sound(at, DATASET),
    ]


def read_observations(at: Layout) -> list[ObservedTruth]:
    """Return the observations and the truth of every clip whose media could be read."""
    clips = {}
    for path in sorted(at.media_folder(DATASET).glob("*.frames.parquet")):
        truth = defaultdict(list)
        for row in sorted(read_manifest(path, TruthFrame), key=lambda row: row.time_s):
            truth[row.person].append(row)
        clip_id = f"{DATASET}/{path.name.removesuffix('.frames.parquet')}"
        clips[clip_id] = ObservedTruth(clip_id, dict(truth))
    for frame in read_manifest(at.frames(DATASET), Frame):
        _match(clips[frame.clip_id], frame)
    return list(clips.values())


def _match(clip: ObservedTruth, frame: Frame) -> None:
    """Match an observation to the visible person whose eyes are nearest, or to none."""
    clip.frames.append(frame)
    clip.person_of[frame.frame_id] = None
    then = []
    for rows in clip.truth.values():
        times = np.array([row.time_s for row in rows])
        row = rows[int(np.abs(times - frame.time_s).argmin())]
        if abs(row.time_s - frame.time_s) <= SAME_TIME_S:
            then.append(row)
    found = nearest_face(frame, then)
    if found is not None:
        clip.person_of[frame.frame_id] = found.person
        clip.truth_of[frame.frame_id] = found


def _is_frontal(row: TruthFrame, slack_deg: float = 0.0) -> bool:
    turned_deg = max(abs(row.yaw_deg), abs(row.pitch_deg))
    return turned_deg <= FRONTAL_DEG + slack_deg and abs(row.roll_deg) <= UPRIGHT_DEG + slack_deg


def detection_figures(clips: Sequence[ObservedTruth]) -> list[Figure]:
    """Return the recall of true frontal faces, and the false detections."""
    found = frontal = 0
    for clip in clips:
        observed = {row.truth_id for row in clip.truth_of.values()}
        expected = {row.truth_id for rows in clip.truth.values() for row in rows if row.visible and _is_frontal(row)}
        frontal += len(expected)
        found += len(expected & observed)
    no_face = [clip for clip in clips if clip.clip_id.startswith(f"{DATASET}/no_face")]
    false = sum(len(clip.frames) for clip in no_face)
    unmatched = sum(person is None for clip in clips for person in clip.person_of.values())
    n_frames = sum(len(clip.frames) for clip in clips)
    return [
        Figure("frontal faces, recall of observations", 100 * found / frontal, 99.5, True, "%"),
        Figure("false observations in clips without a face", false, 0, False),
        Figure("observations that match no person", 100 * unmatched / n_frames, 0.1, False, "%"),
    ]


def eye_figures(at: Layout, clips: Sequence[ObservedTruth], crop: CropParams) -> list[Figure]:
    """Return the distances of true eye centres from the template's in the crops, in interocular distances."""
    truth = {frame_id: row for clip in clips for frame_id, row in clip.truth_of.items()}
    template = crop.template
    places = np.array([(template.left_eye_x_px, template.eyes_y_px), (template.right_eye_x_px, template.eyes_y_px)])
    table = read_columns(at.faces_folder(DATASET), Face, ["face_id", "alignment"])
    errors: list[float] = []
    frontal: list[float] = []
    for face_id, alignment in zip(table["face_id"].to_pylist(), table["alignment"].to_pylist(), strict=True):
        if face_id in truth:
            mapped = transform(np.array(alignment, np.float64).reshape(2, 3), eyes(truth[face_id]).astype(np.float32))
            apart = np.hypot(*(mapped - places).T) / (template.right_eye_x_px - template.left_eye_x_px)
            errors += list(apart)
            frontal += list(apart) if _is_frontal(truth[face_id]) else []
    return [
        Figure("eye centres in crops, median error", 100 * float(np.median(errors)), 3, False, "%"),
        Figure("eye centres in crops, 95th percentile", 100 * float(np.percentile(errors, 95)), 6, False, "%"),
        Figure("the same, of frontal faces alone", 100 * float(np.percentile(frontal, 95)), 6, False, "%"),
    ]


def pose_figures(clips: Sequence[ObservedTruth]) -> list[Figure]:
    """Return the error of yaw and pitch over all observed frames."""
    pairs = [
        (frame, clip.truth_of[frame.frame_id])
        for clip in clips
        for frame in clip.frames
        if frame.frame_id in clip.truth_of
    ]
    yaw = np.array([frame.yaw_deg - row.yaw_deg for frame, row in pairs])
    pitch = np.array([frame.pitch_deg - row.pitch_deg for frame, row in pairs])
    print(f"pose, all observations: yaw {_percentiles(yaw)}; pitch {_percentiles(pitch)}")
    return [
        Figure("yaw, median absolute error", float(np.median(np.abs(yaw))), 4, False, "°"),
        Figure("pitch, median absolute error", float(np.median(np.abs(pitch))), 4, False, "°"),
    ]


def _percentiles(errors: NDArray[np.float64]) -> str:
    low, middle, high = np.percentile(errors, (5, 50, 95))
    return f"5 % {low:+.1f}, median {middle:+.1f}, 95 % {high:+.1f} deg"


def standard_figures(
    at: Layout, clips: Sequence[ObservedTruth], limits: SelectParams, crop: CropParams
) -> list[Figure]:
    """Return precision and recall of the thresholds, applied to all observations and not only to those cropped."""
    predicted = correct = strictly_correct = expected = found = 0
    errors: dict[str, int] = defaultdict(int)
    missed: dict[str, int] = defaultdict(int)
    path_of = {media.clip_id: at.root / media.path for media in read_manifest(at.media(DATASET), Media)}
    with process_pool() as pool:
        paths, frames = [path_of.get(clip.clip_id, Path()) for clip in clips], [clip.frames for clip in clips]
        measured = list(pool.map(partial(every_face, crop), paths, frames))
    for clip, faces in zip(clips, measured, strict=True):
        reasons = missed_thresholds(to_table(FaceMeasures, faces), limits).to_pylist()
        for face, reason in zip(faces, reasons, strict=True):
            row = clip.truth_of.get(face.face_id)
            rows = clip.truth[row.person] if row else []
            if not reason:
                predicted += 1
                error = _error(row, rows, LIPS_SLACK) if row else "no person"
                correct += not error
                errors[error] += bool(error)
                strictly_correct += row is not None and not _error(row, rows, 0.0)
            if row is not None and _is_clear(row, rows):
                expected += 1
                found += not reason
                missed[reason] += bool(reason)
    print(
        f"standard frames: {predicted} predicted, errors: {_counts_text(errors)}; "
        f"{expected} clear ones, missed: {_counts_text(missed)}"
    )
    print(f"standard frames, precision without slack for lips: {100 * strictly_correct / max(1, predicted):.1f} %")
    return [
        Figure("standard frames, precision", 100 * correct / max(1, predicted), 97, True, "%"),
        Figure("clear standard frames, recall", 100 * found / max(1, expected), 60, True, "%"),
    ]


def selected_figure(at: Layout, clips: Sequence[ObservedTruth]) -> Figure:
    """Return the precision of the crops that the stages select as standard faces."""
    clip_of = {frame_id: clip for clip in clips for frame_id in clip.truth_of}
    selected = [face for face in read_manifest(at.selected_faces, SelectedFace) if face.is_standard]
    correct = 0
    for face in selected:
        if clip := clip_of.get(face.face_id):
            row = clip.truth_of[face.face_id]
            correct += not _error(row, clip.truth[row.person], LIPS_SLACK)
    clips_with_one = len({face.clip_id for face in selected})
    print(f"standard crops: {len(selected)}, from {clips_with_one} of {len(clips)} clips")
    return Figure("standard crops, precision", 100 * correct / max(1, len(selected)), 97, True, "%")


def _error(row: TruthFrame, rows: Sequence[TruthFrame], slack: float) -> str:
    """Return why a frame is by the truth no standard face; empty when it is one."""
    if not _is_frontal(row, ANGLE_SLACK_DEG):
        return "angle"
    error = lips_error(row, lips_around(row, rows), slack)
    return error or ("eyes shut" if row.eye_opening < HALF_OPEN_EYES else "")


def _is_clear(row: TruthFrame, rows: Sequence[TruthFrame]) -> bool:
    """Return whether a frame is clearly a standard face by the truth, with a complete window."""
    lips = lips_around(row, rows)
    visible_s = [one.time_s for one in rows if one.visible]
    return (
        visible_s[0] <= row.time_s - LIP_WINDOW_S + SAME_TIME_S
        and visible_s[-1] >= row.time_s + LIP_WINDOW_S - SAME_TIME_S
        and _is_frontal(row)
        and max(lips) <= CLEARLY_SHUT_LIPS
        and max(lips) - min(lips) <= CLEARLY_STILL_LIPS
        and row.eye_opening >= CLEARLY_OPEN_EYES
    )


def _counts_text(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items(), key=lambda pair: -pair[1]) if n) or "nothing"


def track_figures(clips: Sequence[ObservedTruth]) -> list[Figure]:
    """Return how many tracks mix persons, and the share of each person's observations that is in one track."""
    mixed = largest = observed = 0
    for clip in clips:
        tracks: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for frame in clip.frames:
            if (person := clip.person_of[frame.frame_id]) is not None:
                tracks[frame.track_id][person] += 1
        mixed += sum(len(persons) > 1 for persons in tracks.values())
        for person in clip.truth:
            counts = [persons.get(person, 0) for persons in tracks.values()]
            largest += max(counts, default=0)
            observed += sum(counts)
    return [
        Figure("tracks that mix two persons", mixed, 0, False),
        Figure("a person's observations that are in one track", 100 * largest / observed, 98, True, "%"),
    ]


if __name__ == "__main__":
    main()
