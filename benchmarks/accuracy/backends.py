"""Compare the face backends dlib and mediapipe on a folder of real videos.

``python -m benchmarks.accuracy.backends FOLDER`` runs the stages download, detect, crop and select on the videos once
with each backend, all else as in params.yaml, and prints both side by side: counts, agreement, and the tracks of clips
that show several faces. ``--time N`` also measures the time per frame on N clips. An index (INDEX.tsv in the folder,
columns path and people_seen) lists which clips show one person who talks.

``--sample DIR`` writes crops of both, to be labelled blind; ``--labels FILE`` reads such labels and prints the crops'
precision, with FOLDER also how many of them the current code still makes. Results of the stages stay in the item store.
"""

import argparse
import importlib.util
import tempfile
import time
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.accuracy.figures import list_folder, write_params
from benchmarks.speed.steps import FaceSteps
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.draws import draw_order
from pipeline.core.base.errors import BadInput, FacevoxError
from pipeline.core.base.images import decode_png, encode_png
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import PARAMS_FILE, load_params
from pipeline.core.base.units import MILLISECONDS_PER_S, milliseconds
from pipeline.core.records.clip import Clip
from pipeline.core.records.face import Face, SelectedFace
from pipeline.core.records.frame import Frame
from pipeline.core.records.subject import SubjectTrack, main_subject_id
from pipeline.core.records.track import Track
from pipeline.core.storage.manifest import read_manifest
from pipeline.core.storage.shards import iterate_batches
from pipeline.face.crops.aligned_face import box_of
from pipeline.face.measures.boxes import iou
from pipeline.face.tracking.settings import DetectParams
from pipeline.video.clip import MediaClip, read_media_clips
from pipeline.video.decode import grey_frames
from pipeline.weights.fetch import find_weights
from stages.__main__ import run_stage

DATASET = "clips"
BACKENDS = ("dlib", "mediapipe")

INDEX_FILE = "INDEX.tsv"
SINGLE_SPEAKER = r"one\b.*\btalking"  # people_seen of clips with one person who talks, with sound or without
SAME_FACE_IOU = 0.3
LONG_TRACK_S = 1.0

N_STANDARD, N_SAMPLED = 75, 150  # per backend: standard faces, and crops in all
SHEET_COLUMNS, SHEET_ROWS = 10, 5
TILE_PX, GAP_PX = 150, 2
NUMBER_SCALE, NUMBER_PAD_PX = 0.8, 2

PROPERTIES = ("face", "frontal", "lips_closed", "sharp")  # labels of a crop, 0 or 1, in each of two passes
PASSES = (1, 2)

Row = tuple[str, Sequence[str]]
"""A line of a printed table: its name, and a value per backend."""


def main() -> None:
    """Run the comparison, the sampling or the evaluation of labels that the options select."""
    options = read_options()
    labels = read_labels(options.labels) if options.labels else None
    if labels is not None:
        print_precision(labels)
    if not options.folder:
        return
    with tempfile.TemporaryDirectory() as work:
        backends = usable_backends()
        found = [run_stages(options.folder, backend, Layout(Path(work) / backend)) for backend in backends]
        if labels is not None:
            print_current_crops(found, labels)
        elif options.sample:
            write_sample(found, options.sample, options.seed)
        else:
            index = options.index or options.folder / INDEX_FILE
            print_comparison(found, single_speakers(index) if index.is_file() else None)
            print_costs(found, options.time, options.seed)
            print_tracks(found)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="the videos")
    parser.add_argument("--index", type=Path, help=f"table of the clips; default: {INDEX_FILE} in the folder, if there")
    parser.add_argument("--time", type=int, default=0, metavar="N", help="measure the cost on N clips")
    parser.add_argument("--sample", type=Path, metavar="DIR", help="write a sample of crops to label into this folder")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="print the precision by this table of labels")
    parser.add_argument("--seed", type=int, default=1, help="of all draws")
    options = parser.parse_args()
    if not options.folder and not options.labels:
        parser.error("expected a FOLDER of videos, or --labels FILE")
    return options


# --- The stages, once per backend


@dataclass(frozen=True)
class Found:
    """The results of the stages on the folder with one backend; all tables in id order."""

    backend: str
    folder: Path
    at: Layout

    @cached_property
    def clips(self) -> list[Clip]:
        return read_manifest(self.at.clips(DATASET), Clip)

    @cached_property
    def tracks(self) -> list[Track]:
        return read_manifest(self.at.tracks(DATASET), Track)

    @cached_property
    def main_tracks(self) -> set[str]:
        return {
            row.track_id
            for row in read_manifest(self.at.subject_tracks(DATASET), SubjectTrack)
            if row.subject_id == main_subject_id(row.clip_id)
        }

    @cached_property
    def frames(self) -> list[Frame]:
        return read_manifest(self.at.frames(DATASET), Frame)

    @cached_property
    def faces(self) -> list[SelectedFace]:
        return read_manifest(self.at.selected_faces, SelectedFace)


def run_stages(folder: Path, backend: str, at: Layout) -> Found:
    """Run the face stages in ``at`` on the videos of ``folder``, with the numbers of params.yaml."""
    write_params(at, DATASET, detect={"backend": backend})
    list_folder(at, DATASET, folder)
    for stage in ("download", "detect", "subjects", "crop"):
        run_stage(stage, DATASET, at)
    run_stage("select", at)
    return Found(backend, folder.resolve(), at)


def usable_backends() -> Sequence[str]:
    """Return both backends, or dlib alone after a message on what MediaPipe lacks."""
    # Building the backend would be a check as well, but MediaPipe prints errors when Python exits afterwards.
    if importlib.util.find_spec("mediapipe") is None:
        print("dlib alone: the package mediapipe is not installed; 'make mediapipe' brings it.")
        return BACKENDS[:1]
    try:
        find_weights("face_landmarker")
    except FacevoxError as error:
        print(f"dlib alone: {error}")
        return BACKENDS[:1]
    return BACKENDS


# --- Comparison


def print_comparison(found: Sequence[Found], speakers: set[str] | None) -> None:
    """Print the counts of each backend and, with both, their agreement; ``speakers``: paths of single speakers."""
    print(f"\n{len(found[0].clips)} clips listed; all numbers but detect.backend as in {PARAMS_FILE}")
    columns = [found_counts(one, speakers) for one in found]
    print_table(found, [(name, [column[name] for column in columns]) for name in columns[0]])
    if speakers is not None:
        print(f"single speaker: by the index ('{SINGLE_SPEAKER}', {len(speakers)} clips)")
    if len(found) == len(BACKENDS):
        print_agreement(*(one.frames for one in found))


def print_table(found: Sequence[Found], rows: Iterable[Row]) -> None:
    """Print the rows under the names of the backends."""
    print(f"\n{'':48}" + "".join(f"{one.backend:>12}" for one in found))
    for name, values in rows:
        print(f"{name:48}" + "".join(f"{value:>12}" for value in values))


def found_counts(found: Found, speakers: set[str] | None) -> dict[str, str]:
    """Return the counts of one backend by name, as text."""
    standard = [face for face in found.faces if face.is_standard]
    clips_with_one = {face.clip_id for face in standard}
    counts = {
        "clips with a face": len({track.clip_id for track in found.tracks}),
        "observed frames": len(found.frames),
        "faces cropped": len(found.faces),
        "standard faces": len(standard),
        "clips with a standard face": len(clips_with_one),
    }
    if speakers is not None:
        paths = {clip.clip_id: Path(clip.address).relative_to(found.folder).as_posix() for clip in found.clips}
        single = {clip_id for clip_id, path in paths.items() if path in speakers}
        counts["single-speaker clips with one"] = len(single & clips_with_one)
    return {name: str(count) for name, count in counts.items()}


def single_speakers(index: Path) -> set[str]:
    """Return the paths, relative to the folder, of the clips that by the index show one person who talks."""
    table = pd.read_csv(index, sep="\t", dtype=str, keep_default_na=False)
    if not {"path", "people_seen"} <= set(table.columns):
        raise BadInput(f"{index}: expected the columns path and people_seen, found {list(table.columns)}")
    return set(table.path[table.people_seen.str.match(SINGLE_SPEAKER)])


def print_agreement(dlib: Sequence[Frame], mediapipe: Sequence[Frame]) -> None:
    """Print how the angles and lips of both backends compare where they found the same face in the same frame."""
    pairs = same_faces(dlib, mediapipe)
    if not pairs:
        print("\nno frame in which both found the same face")
        return
    yaw_deg = np.array([[frame.yaw_deg for frame in pair] for pair in pairs])
    lips = np.array([[frame.lip_opening for frame in pair] for pair in pairs])
    low, middle, high = np.percentile(yaw_deg[:, 1] - yaw_deg[:, 0], (5, 50, 95))
    print(f"\nboth found the same face in {len(pairs)} frames (boxes overlap by {SAME_FACE_IOU} or more); there,")
    print(f"  yaw, mediapipe less dlib: median {middle:+.1f} deg, 5 % {low:+.1f}, 95 % {high:+.1f}")
    print(
        f"  lip opening: correlation {np.corrcoef(lips.T)[0, 1]:.3f}, "
        f"mediapipe less dlib {(lips[:, 1] - lips[:, 0]).mean():+.4f} interocular distances on average"
    )


def same_faces(here: Iterable[Frame], there: Iterable[Frame]) -> list[tuple[Frame, Frame]]:
    """Return pairs of one clip and time whose boxes overlap enough; each frame in one pair, the best overlaps first."""
    others: dict[tuple[str, int], list[Frame]] = defaultdict(list)
    for frame in there:
        others[frame.clip_id, milliseconds(frame.time_s)].append(frame)
    overlaps = [
        (iou(box_of(frame), box_of(other)), frame, other)
        for frame in here
        for other in others[frame.clip_id, milliseconds(frame.time_s)]
    ]
    pairs = []
    taken: set[tuple[str, str]] = set()
    for overlap, frame, other in sorted(overlaps, key=lambda pair: -pair[0]):
        ids = {("here", frame.frame_id), ("there", other.frame_id)}
        if overlap >= SAME_FACE_IOU and not ids & taken:
            taken |= ids
            pairs.append((frame, other))
    return pairs


# --- Time per frame


@dataclass(frozen=True)
class Cost:
    """Time of detect and crop for some clips, seconds."""

    wall_s: float
    cpu_s: float  # of all threads

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s)


def print_costs(found: Sequence[Found], n_clips: int, seed: int) -> None:
    """Detect and crop ``n_clips`` in this process with each backend, and print milliseconds per frame."""
    clips = clips_to_time(found, n_clips, seed)
    if not clips:
        return
    n_frames = sum(count_frames(clip, found[0].at) for clip in clips)
    costs = measure_costs([one.at.params for one in found], clips)
    rows = [
        ("detect + crop, ms per frame", [f"{MILLISECONDS_PER_S * cost.wall_s / n_frames:.1f}" for cost in costs]),
        ("  CPU time", [f"{MILLISECONDS_PER_S * cost.cpu_s / n_frames:.1f}" for cost in costs]),
    ]
    print_table(found, rows)
    print(f"on {len(clips)} clips with a face, drawn by hash; {n_frames} frames in one process, without the store")


def measure_costs(params: Sequence[Path], clips: Sequence[MediaClip]) -> list[Cost]:
    """Return the time of all ``clips`` together with each file of params."""
    workers = [FaceSteps(one) for one in params]
    for worker in workers:
        detect_and_crop(worker, clips[0])  # loads the models, as a worker does once
    costs = [Cost(0, 0)] * len(params)
    for clip in clips:  # backends in turn, so that a machine that slows down slows all of them
        costs = [cost + detect_and_crop(worker, clip) for cost, worker in zip(costs, workers, strict=True)]
    return costs


def clips_to_time(found: Sequence[Found], n: int, seed: int) -> list[MediaClip]:
    """Return ``n`` clips in which every backend found a face: those with the lowest hashes of seed and id."""
    at = found[0].at
    with_face = set.intersection(*({track.clip_id for track in one.tracks} for one in found))
    clips = [c for c in read_media_clips(at.clips(DATASET), at.media(DATASET), at.root) if c.clip_id in with_face]
    return sorted(clips, key=lambda clip: draw_order(seed, clip.clip_id))[:n]


def count_frames(clip: MediaClip, at: Layout) -> int:
    """Return how many frames of a clip decode."""
    side_px = load_params(DetectParams, "detect", at.params).max_side_px
    return sum(1 for _ in grey_frames(clip.path, max_side_px=side_px))


def detect_and_crop(steps: FaceSteps, clip: MediaClip) -> Cost:
    """Return the time to detect the faces of one clip, which must have one, and to crop those of its main track."""
    start_s, cpu_start_s = time.perf_counter(), time.process_time()
    steps.crop(clip, steps.detect(clip))
    return Cost(time.perf_counter() - start_s, time.process_time() - cpu_start_s)


# --- Tracks of clips that show several faces


def print_tracks(found: Sequence[Found]) -> None:
    """Print the long tracks of every clip in which a backend has two or more of them."""
    tracks = [long_tracks(one.tracks) for one in found]
    several = sorted({clip_id for one in tracks for clip_id, rows in one.items() if len(rows) > 1})
    print(f"\ntracks of {LONG_TRACK_S:g} s or longer, in the {len(several)} clips that have several with a backend")
    for clip_id in several:
        print(f"\n{clip_id.partition('/')[2]}")
        for one, rows_of in zip(found, tracks, strict=True):
            lines = [track_line(row, is_main=row.track_id in one.main_tracks) for row in rows_of.get(clip_id, [])]
            for line in lines or ["none"]:
                print(f"  {one.backend:10} {line}")


def long_tracks(tracks: Iterable[Track]) -> dict[str, list[Track]]:
    """Return by clip id the tracks that last a second or longer."""
    found = defaultdict(list)
    for track in tracks:
        if track.end_s - track.start_s >= LONG_TRACK_S:
            found[track.clip_id].append(track)
    return dict(found)


def track_line(track: Track, *, is_main: bool) -> str:
    """Return a track in one line."""
    sound = f"covered {track.av_covered_s:5.1f} s"
    if track.av_correlation is not None:
        sound += f", av_correlation {track.av_correlation:+.2f}"
        sound += f" at lag {track.av_lag_s:+.2f} s" if track.av_lag_s is not None else ""
        sound += f", av_zscore {track.av_zscore:4.1f}" if track.av_zscore is not None else ""
    mark = "MAIN" if is_main else "    "
    span = f"{track.start_s:6.2f}-{track.end_s:6.2f} s"
    return f"{track.track_id[-3:]} {mark} {span}, box {track.mean_box_h_px:4.0f} px, {sound}"


# --- A sample of crops to be labelled


@dataclass(frozen=True)
class SampledCrop:
    """A crop that is to be labelled."""

    backend: str
    face_id: str
    is_standard: bool

    @property
    def key(self) -> str:
        """The backend and the face id: both backends may have crops of one id."""
        return f"{self.backend}/{self.face_id}"


def sample_crops(backend: str, faces: Iterable[SelectedFace], seed: int) -> list[SampledCrop]:
    """Return up to 75 standard faces, filled up to 150 by others: those with the lowest hashes of seed and id."""
    crops = [SampledCrop(backend, face.face_id, face.is_standard) for face in faces]
    crops.sort(key=lambda crop: draw_order(seed, crop.key))
    standard = [crop for crop in crops if crop.is_standard][:N_STANDARD]
    others = [crop for crop in crops if not crop.is_standard][: N_SAMPLED - len(standard)]
    return standard + others


def shuffled(crops: Iterable[SampledCrop], seed: int, purpose: str) -> list[SampledCrop]:
    """Return the crops in a random order that depends only on their ids, seed and purpose."""
    return sorted(crops, key=lambda crop: draw_order(seed, f"{purpose}/{crop.key}"))


def write_sample(found: Sequence[Found], folder: Path, seed: int) -> None:
    """Write crops.csv and the sheets of two labelling passes: the same numbered crops in two orders."""
    crops = [crop for one in found for crop in sample_crops(one.backend, one.faces, seed)]
    first, second = shuffled(crops, seed, "first"), shuffled(crops, seed, "second")
    number_of = {crop.key: number for number, crop in enumerate(first, start=1)}
    pictures = {key: picture for one in found for key, picture in read_pictures(one, number_of).items()}
    folder.mkdir(parents=True, exist_ok=True)
    rows = [(number_of[crop.key], crop.backend, crop.face_id, int(crop.is_standard)) for crop in first]
    table = pd.DataFrame(rows, columns=["number", "backend", "face_id", "is_standard"])
    table.to_csv(folder / "crops.csv", index=False)
    for name, order in (("first", first), ("second", second)):
        tiles = [numbered(pictures[crop.key], number_of[crop.key]) for crop in order]
        for sheet, start in enumerate(range(0, len(tiles), SHEET_COLUMNS * SHEET_ROWS), start=1):
            png = encode_png(tiled(tiles[start : start + SHEET_COLUMNS * SHEET_ROWS]))
            (folder / f"{name}-{sheet}.png").write_bytes(png)
    for backend, of_backend in table.groupby("backend"):
        print(f"{backend}: {len(of_backend)} crops in {folder}, {of_backend.is_standard.sum()} of them standard faces")


def read_pictures(found: Found, keys: Container[str]) -> dict[str, ImageRGB]:
    """Return the pictures of those crops of one backend that are in ``keys``."""
    rows = (
        (f"{found.backend}/{row['face_id']}", row["image"]["bytes"])
        for batch in iterate_batches(found.at.faces_folder(DATASET), Face, ["face_id", "image"])
        for row in batch.to_pylist()
    )
    return {key: decode_png(png) for key, png in rows if key in keys}


def numbered(picture: ImageRGB, number: int) -> ImageRGB:
    """Return the picture at a tile's size, its number small in the top left corner."""
    import cv2

    tile = cv2.resize(picture, (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA)
    (width, height), _ = cv2.getTextSize(str(number), cv2.FONT_HERSHEY_PLAIN, NUMBER_SCALE, 1)
    tile[: height + 2 * NUMBER_PAD_PX, : width + 2 * NUMBER_PAD_PX] = 0
    where = (NUMBER_PAD_PX, height + NUMBER_PAD_PX)
    cv2.putText(tile, str(number), where, cv2.FONT_HERSHEY_PLAIN, NUMBER_SCALE, (255, 255, 255), 1, cv2.LINE_AA)
    return np.asarray(tile, np.uint8)


def tiled(tiles: Sequence[ImageRGB]) -> ImageRGB:
    """Return the tiles in rows of ten, (H, W, 3) uint8."""
    cell_px = TILE_PX + GAP_PX
    n_rows = -(-len(tiles) // SHEET_COLUMNS)
    sheet = np.full((n_rows * cell_px, SHEET_COLUMNS * cell_px, 3), 255, np.uint8)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, SHEET_COLUMNS)
        sheet[row * cell_px :, column * cell_px :][:TILE_PX, :TILE_PX] = tile
    return sheet


# --- Precision by labels


def read_labels(path: Path) -> pd.DataFrame:
    """Return the table of labels; raise BadInput when columns are missing or a label is neither 0 nor 1."""
    columns = [f"{name}{number}" for number in PASSES for name in PROPERTIES]
    expected = ["number", "backend", "face_id", "is_standard", *columns]
    try:
        labels = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: expected a CSV file with the columns {expected}: {error}") from None
    missing = [name for name in expected if name not in labels.columns]
    if missing:
        raise BadInput(f"{path}: lacks the columns {missing}")
    unclear = ~labels[["is_standard", *columns]].isin([0, 1]).all(axis="columns")
    if unclear.any():
        raise BadInput(f"{path}: expected 0 or 1 for every label, found others at {list(labels.number[unclear])}")
    return labels


def is_correct(labels: pd.DataFrame, number: int) -> "pd.Series[bool]":
    """Return whether each crop is a standard face by the labels of one pass."""
    return labels[[f"{name}{number}" for name in PROPERTIES]].eq(1).all(axis="columns")


def print_precision(labels: pd.DataFrame) -> None:
    """Print the precision of the labelled crops, and the agreement of the two passes."""
    print(f"\n{len(labels)} labelled crops, {int(labels.is_standard.sum())} of them standard faces")
    print(f"faces, by both passes                 {_share(labels.face1.eq(1) & labels.face2.eq(1))}")
    print(f"standard faces, precision ({', '.join(PROPERTIES)})")
    for backend, rows in labels[labels.is_standard == 1].groupby("backend"):
        first, second = (is_correct(rows, number) for number in PASSES)
        print(f"  {backend}, by the first pass".ljust(38) + _share(first))
        print(f"  {backend}, by the second".ljust(38) + _share(second))
        print(f"  {backend}, by both".ljust(38) + _share(first & second))
    print("agreement of the two passes")
    for name in PROPERTIES:
        print(f"  of {name}".ljust(38) + _share(labels[f"{name}1"] == labels[f"{name}2"]))


def _share(matches: "pd.Series[bool]") -> str:
    return f"{int(matches.sum()):4d} of {len(matches):4d}" + (
        f"   {100 * matches.mean():5.1f} %" if len(matches) else ""
    )


def print_current_crops(found: Sequence[Found], labels: pd.DataFrame) -> None:
    """Print how many labelled crops the current code makes and selects, and the precision of those that it selects."""
    for one in found:
        rows = labels[labels.backend == one.backend]
        standard_ids = {face.face_id for face in one.faces if face.is_standard}
        cropped = rows.face_id.isin([face.face_id for face in one.faces])
        standard = rows.face_id.isin(list(standard_ids))
        correct = is_correct(rows, 1) & is_correct(rows, 2)
        print(f"\n{one.backend}: of the labelled crops, with the current code,")
        print("  still cropped".ljust(38) + _share(cropped))
        print("  standard when sampled, and still".ljust(38) + _share(standard[rows.is_standard == 1]))
        print("  standard now, correct by both passes".ljust(38) + _share(correct[standard]))
        print("  standard now, but without a label".ljust(38) + f"{len(standard_ids - set(rows.face_id)):4d}")
    print("\nThis is the precision of the current code only if no threshold was chosen with these labels.")


if __name__ == "__main__":
    try:
        main()
    except FacevoxError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None
