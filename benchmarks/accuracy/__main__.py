"""Measure how right the face stages are, on generated people of whom everything is known.

Run as ``python -m benchmarks.accuracy``. It generates one clip each of thrice ``--persons`` persons of the 'wide'
preset, of another seed than the demo's, and one of each edge case; takes them through the stages download, detect,
crop and select with the numbers of params.yaml; compares with the truth; and prints each figure with its target, those
of the sound (benchmarks/accuracy/sound.py), of persons (benchmarks/accuracy/persons.py) and of whose voice is heard
(benchmarks/accuracy/voice.py) with them. Results of the stages stay in the item store, so that only what a change
touches is computed again.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import stages.crop
import stages.detect
import stages.download
import stages.select
from benchmarks.accuracy.figures import Figure, list_wide, read_options, tell
from benchmarks.accuracy.persons import measure_persons
from benchmarks.accuracy.sound import measure_sound
from benchmarks.accuracy.voice import measure_voice
from pipeline.base.layout import Layout
from pipeline.base.params import load_params
from pipeline.face.crops.align import transform
from pipeline.face.crops.crop import CropParams, judge
from pipeline.face.crops.standard import SelectParams, why_not_standard
from pipeline.records.face import Face, FaceMeasures, SelectedFace
from pipeline.records.frame import Frame
from pipeline.records.truth import TruthFrame
from pipeline.storage.manifest import read_manifest
from pipeline.storage.shards import read_columns

DATASET = "accuracy"
SIZE_PX = (640, 360)
TIMES_THE_PERSONS = 3  # of other benchmarks: each person gives three or four standard crops only
SAME_TIME_S = 0.002
NEAR_INTEROCULAR = 0.5  # an observed face is a person's when its eyes' middle lies this near, in interocular distances

# A frame that was called standard is right when in truth its angles miss the limits by no more than this ...
ANGLE_SLACK_DEG = 2.0
# ... its lips are shut in the frame itself, and in the window their opening and motion miss what the design calls
# shut and still by no more than a pixel at an interocular distance of 50 px ...
SHUT_LIPS, STILL_LIPS, LIPS_SLACK = 0.06, 0.03, 0.02
# ... and its eyes are at least half open.
HALF_OPEN_EYES = 0.5
LIP_WINDOW_S = 0.12  # the design's; the stages may look further, to be sure of it
# It ought to have been found when nothing about it is in doubt.
CLEARLY_SHUT_LIPS, CLEARLY_STILL_LIPS, CLEARLY_OPEN_EYES = 0.02, 0.01, 0.9


@dataclass
class Seen:
    """What was observed of one clip, beside the truth."""

    clip_id: str
    truth: dict[int, list[TruthFrame]]  # by person, in time order
    frames: list[Frame] = field(default_factory=list)
    person_of: dict[str, int | None] = field(default_factory=dict)  # by frame id
    truth_of: dict[str, TruthFrame] = field(default_factory=dict)  # by frame id


def main() -> None:
    """Measure, print and write the figures; fail when a target is missed."""
    options = read_options(__doc__, out=Path("build/accuracy.json"))
    with tempfile.TemporaryDirectory() as folder:
        at = Layout(Path(folder))
        list_wide(at, DATASET, TIMES_THE_PERSONS * options.persons, options.seed, SIZE_PX, edge_cases=True)
        figures = measure(at)
        figures += measure_persons(Path(folder) / "persons", options.persons, options.seed)
        figures += measure_voice(Path(folder) / "voice", options.persons, options.seed)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    told = {
        figure.name: {"value": figure.value, "target": figure.target, "passes": figure.passes} for figure in figures
    }
    options.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    tell(figures)


def measure(at: Layout) -> list[Figure]:
    """Run the stages in ``at`` and return the figures."""
    for stage in (stages.download, stages.detect, stages.crop, stages.select):
        stage.main(DATASET, at)
    limits = load_params(SelectParams, "select", at.params)
    crop = load_params(CropParams, "crop", at.params)
    clips = read_seen(at)
    return [
        *detection_figures(clips, limits),
        *eye_figures(at, clips, limits, crop),
        *pose_figures(clips),
        *standard_figures(clips, limits, crop),
        selected_figure(at, clips, limits),
        *track_figures(clips),
        *measure_sound(at, DATASET),
    ]


def read_seen(at: Layout) -> list[Seen]:
    """Return what was observed of every clip whose media could be read, beside its truth."""
    clips = {}
    for path in sorted(at.media_folder(DATASET).glob("*.frames.parquet")):
        truth = defaultdict(list)
        for row in sorted(read_manifest(path, TruthFrame), key=lambda row: row.time_s):
            truth[row.person].append(row)
        clip_id = f"{DATASET}/{path.name.removesuffix('.frames.parquet')}"
        clips[clip_id] = Seen(clip_id, dict(truth))
    for frame in read_manifest(at.frames(DATASET), Frame):
        _match(clips[frame.clip_id], frame)
    return list(clips.values())


def _match(clip: Seen, frame: Frame) -> None:
    """Note whose face a frame shows: the visible person's whose eyes are nearest, or nobody's."""
    clip.frames.append(frame)
    clip.person_of[frame.frame_id] = None
    nearest = NEAR_INTEROCULAR
    for person, rows in clip.truth.items():
        times = np.array([row.time_s for row in rows])
        row = rows[int(np.abs(times - frame.time_s).argmin())]
        if abs(row.time_s - frame.time_s) > SAME_TIME_S or not row.visible:
            continue
        apart = _eyes_middle(frame) - _eyes_middle(row)
        distance = float(np.hypot(*apart) / np.hypot(*(_eyes(row)[1] - _eyes(row)[0])))
        if distance <= nearest:
            nearest = distance
            clip.person_of[frame.frame_id] = person
            clip.truth_of[frame.frame_id] = row


def _eyes(row: Frame | TruthFrame) -> NDArray[np.float64]:
    """Return both eye centres, (2, 2) pixels."""
    return np.array([(row.left_eye_x_px, row.left_eye_y_px), (row.right_eye_x_px, row.right_eye_y_px)])


def _eyes_middle(row: Frame | TruthFrame) -> NDArray[np.float64]:
    return np.asarray(_eyes(row).mean(axis=0))


def _is_frontal(row: TruthFrame, limits: SelectParams, slack_deg: float = 0.0) -> bool:
    return (
        abs(row.yaw_deg) <= limits.max_yaw_deg + slack_deg
        and abs(row.pitch_deg) <= limits.max_pitch_deg + slack_deg
        and abs(row.roll_deg) <= limits.max_roll_deg + slack_deg
    )


def detection_figures(clips: Sequence[Seen], limits: SelectParams) -> list[Figure]:
    """Return how many of the true frontal faces were observed, and what was observed that is no face."""
    found = frontal = 0
    for clip in clips:
        seen = {row.truth_id for row in clip.truth_of.values()}
        wanted = {
            row.truth_id for rows in clip.truth.values() for row in rows if row.visible and _is_frontal(row, limits)
        }
        frontal += len(wanted)
        found += len(wanted & seen)
    no_face = [clip for clip in clips if clip.clip_id.startswith(f"{DATASET}/no_face")]
    false = sum(len(clip.frames) for clip in no_face)
    nobodys = sum(person is None for clip in clips for person in clip.person_of.values())
    n_frames = sum(len(clip.frames) for clip in clips)
    return [
        Figure("true frontal faces observed", 100 * found / frontal, 99.5, True, "%"),
        Figure("observed faces in clips without one", false, 0, False),
        Figure("observed faces that are nobody's", 100 * nobodys / n_frames, 0.1, False, "%"),
    ]


def eye_figures(at: Layout, clips: Sequence[Seen], limits: SelectParams, crop: CropParams) -> list[Figure]:
    """Return how far true eye centres lie from the template's places in the crops, in interocular distances."""
    truth = {frame_id: row for clip in clips for frame_id, row in clip.truth_of.items()}
    template = crop.template
    places = np.array([(template.left_eye_x_px, template.eyes_y_px), (template.right_eye_x_px, template.eyes_y_px)])
    table = read_columns(at.faces_folder(DATASET), Face, ["face_id", "alignment"])
    errors: list[float] = []
    frontal: list[float] = []
    for face_id, alignment in zip(table["face_id"].to_pylist(), table["alignment"].to_pylist(), strict=True):
        if face_id in truth:
            mapped = transform(np.array(alignment, np.float64).reshape(2, 3), _eyes(truth[face_id]).astype(np.float32))
            apart = np.hypot(*(mapped - places).T) / (template.right_eye_x_px - template.left_eye_x_px)
            errors += list(apart)
            frontal += list(apart) if _is_frontal(truth[face_id], limits) else []
    return [
        Figure("eye centres in crops, median error", 100 * float(np.median(errors)), 3, False, "%"),
        Figure("eye centres in crops, 95th percentile", 100 * float(np.percentile(errors, 95)), 6, False, "%"),
        Figure("the same, of frontal faces alone", 100 * float(np.percentile(frontal, 95)), 6, False, "%"),
    ]


def pose_figures(clips: Sequence[Seen]) -> list[Figure]:
    """Return the error of yaw and pitch over all observed frames."""
    pairs = [
        (frame, clip.truth_of[frame.frame_id])
        for clip in clips
        for frame in clip.frames
        if frame.frame_id in clip.truth_of
    ]
    yaw = np.array([frame.yaw_deg - row.yaw_deg for frame, row in pairs])
    pitch = np.array([frame.pitch_deg - row.pitch_deg for frame, row in pairs])
    print(f"pose, all observed: yaw {_spread(yaw)}; pitch {_spread(pitch)}")
    return [
        Figure("yaw, median absolute error", float(np.median(np.abs(yaw))), 4, False, "°"),
        Figure("pitch, median absolute error", float(np.median(np.abs(pitch))), 4, False, "°"),
    ]


def _spread(errors: NDArray[np.float64]) -> str:
    low, middle, high = np.percentile(errors, (5, 50, 95))
    return f"5 % {low:+.1f}, median {middle:+.1f}, 95 % {high:+.1f} deg"


def standard_figures(clips: Sequence[Seen], limits: SelectParams, crop: CropParams) -> list[Figure]:
    """Return how right the thresholds are, applied to every observed frame and not only to those cropped."""
    called = right = strictly_right = wanted = found = 0
    wrong: dict[str, int] = defaultdict(int)
    missed: dict[str, int] = defaultdict(int)
    for clip in clips:
        for face in _judged(clip.frames, crop):
            row = clip.truth_of.get(face.face_id)
            rows = clip.truth[row.person] if row else []
            why_not = why_not_standard(face, limits)
            if not why_not:
                called += 1
                fault = _fault(row, rows, limits, LIPS_SLACK) if row else "nobody's"
                right += not fault
                wrong[fault] += bool(fault)
                strictly_right += row is not None and not _fault(row, rows, limits, 0.0)
            if row is not None and _is_clear(row, rows, limits):
                wanted += 1
                found += not why_not
                missed[why_not] += bool(why_not)
    print(
        f"standard frames: {called} called, of them wrong by {_told(wrong)}; {wanted} clear, missed by {_told(missed)}"
    )
    print(f"standard frames that are right with no slack for lips: {100 * strictly_right / max(1, called):.1f} %")
    return [
        Figure("standard frames that are right", 100 * right / max(1, called), 97, True, "%"),
        Figure("clear standard frames that are found", 100 * found / max(1, wanted), 60, True, "%"),
    ]


def selected_figure(at: Layout, clips: Sequence[Seen], limits: SelectParams) -> Figure:
    """Return how right the crops are that the stages select as standard faces: what a data set gets."""
    owner = {frame_id: clip for clip in clips for frame_id in clip.truth_of}
    selected = [face for face in read_manifest(at.selected_faces(DATASET), SelectedFace) if face.is_standard]
    right = 0
    for face in selected:
        if clip := owner.get(face.face_id):
            row = clip.truth_of[face.face_id]
            right += not _fault(row, clip.truth[row.person], limits, LIPS_SLACK)
    clips_with_one = len({face.clip_id for face in selected})
    print(f"standard crops: {len(selected)}, from {clips_with_one} of {len(clips)} clips")
    return Figure("standard crops that are right", 100 * right / max(1, len(selected)), 97, True, "%")


def _judged(frames: Iterable[Frame], crop: CropParams) -> list[FaceMeasures]:
    tracks: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        tracks[frame.track_id].append(frame)
    ordered = [sorted(track, key=lambda frame: frame.time_s) for track in tracks.values()]
    return [face for track in ordered for face in judge(track, crop)]


def _lips_around(row: TruthFrame, rows: Sequence[TruthFrame]) -> list[float]:
    return [one.lip_opening for one in rows if abs(one.time_s - row.time_s) <= LIP_WINDOW_S + SAME_TIME_S]


def _fault(row: TruthFrame, rows: Sequence[TruthFrame], limits: SelectParams, slack: float) -> str:
    """Return why a frame is in truth no standard face; empty when it is one."""
    lips = _lips_around(row, rows)
    checks = {
        "angle": _is_frontal(row, limits, ANGLE_SLACK_DEG),
        "lips open": row.lip_opening <= SHUT_LIPS and max(lips) <= SHUT_LIPS + slack,
        "lips moving": max(lips) - min(lips) <= STILL_LIPS + slack,
        "eyes shut": row.eye_opening >= HALF_OPEN_EYES,
    }
    return next((fault for fault, passes in checks.items() if not passes), "")


def _is_clear(row: TruthFrame, rows: Sequence[TruthFrame], limits: SelectParams) -> bool:
    """Return whether nothing keeps a frame from being a standard face, its window being complete."""
    lips = _lips_around(row, rows)
    seen = [one.time_s for one in rows if one.visible]
    return (
        seen[0] <= row.time_s - LIP_WINDOW_S + SAME_TIME_S
        and seen[-1] >= row.time_s + LIP_WINDOW_S - SAME_TIME_S
        and _is_frontal(row, limits)
        and max(lips) <= CLEARLY_SHUT_LIPS
        and max(lips) - min(lips) <= CLEARLY_STILL_LIPS
        and row.eye_opening >= CLEARLY_OPEN_EYES
    )


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items(), key=lambda pair: -pair[1]) if n) or "nothing"


def track_figures(clips: Sequence[Seen]) -> list[Figure]:
    """Return how many tracks mix persons, and what share of each person's observed frames is in one track."""
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
        Figure("tracks that hold two persons", mixed, 0, False),
        Figure("a person's observed frames that are in one track", 100 * largest / observed, 98, True, "%"),
    ]


if __name__ == "__main__":
    main()
