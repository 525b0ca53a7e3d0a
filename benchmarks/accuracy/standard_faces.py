"""Measure how many standard faces of real people are right, by labels made by eye.

``python -m benchmarks.accuracy.standard_faces FOLDER...`` runs the stages download, detect, crop and select on the
videos of the folders with the numbers of params.yaml, and prints the share of right ones among the standard faces that
have labels (benchmarks/accuracy/labels/verified_faces.csv), by groups of people, and in how many of the clips with a
usable moment (moments.csv) one was found. ``--at CHECKOUT`` reads the results of such a run instead.

The figures that count are leave-one-person-out: for each person, the regressions on how eyes and lips look are fitted
to the faces of others (benchmarks/eyes_and_lips.py, of the same folders), the limits on lips and eyes are chosen on all
others, and the standard faces that select takes of that person by them are counted; so are the clips in which there is
one. A label is that of two of up to three passes; where there is none it is ``cant_tell``, which counts as wrong.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.accuracy.figures import list_folder, write_params
from benchmarks.eyes_and_lips import LookedAt, fitted_faces, fitted_weights
from pipeline.core.base.images import decode_png
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.base.units import milliseconds
from pipeline.core.records.clip import Clip
from pipeline.core.records.face import Face, FaceMeasures, SelectedFace
from pipeline.core.records.schema import column_names
from pipeline.core.storage.manifest import read_table
from pipeline.core.storage.shards import iterate_batches
from pipeline.face.crops.align import Template
from pipeline.face.crops.standard import SelectParams, missed_thresholds, select_faces
from pipeline.face.crops.verify import FACE_MESH
from pipeline.face.mesh.eyes_and_lips import Features as Floats
from pipeline.face.mesh.eyes_and_lips import eye_features, lip_features
from pipeline.face.mesh.face_mesh import FaceMesh
from pipeline.face.mesh.region import Region
from pipeline.weights.fetch import find_weights
from stages.__main__ import run_stage

DATASET = "people"
LABELS = Path(__file__).parent / "labels"
RIGHT = {"mouth": "shut", "eyes": "open", "covered": "no", "frontal": "yes", "blurred": "no"}
PASSES = (1, 2, 3)
GROUPS = ("skin", "sex", "beard", "glasses")
CONFIDENCE_Z = 1.96

# What is chosen on the other people, from these values: as many faces as possible with shut lips and open eyes, ...
CHOSEN = {
    "max_lip_gap": (0.02, 0.03, 0.04, 0.05),
    "max_lips_parted": (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0),
    "max_eyes_shut": (-2.5, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0),
}
MIN_RIGHT_SHARE = 0.995  # ... where at least this share of those that pass have both


class Share(NamedTuple):
    """How many of a number are right."""

    right: int
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share (Wilson 1927), 0-1."""
        if self.n == 0:
            return 0.0, 1.0
        p, z2 = self.right / self.n, CONFIDENCE_Z**2
        centre = (p + z2 / (2 * self.n)) / (1 + z2 / self.n)
        half = CONFIDENCE_Z / (1 + z2 / self.n) * np.sqrt(p * (1 - p) / self.n + z2 / (4 * self.n**2))
        return float(centre - half), float(centre + half)

    def text(self) -> str:
        """Return it in words."""
        low, high = self.interval
        percent = 100 * self.right / max(1, self.n)
        return f"{self.right:4d} of {self.n:4d} = {percent:5.1f} % ({100 * low:.1f}-{100 * high:.1f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="folders of videos")
    parser.add_argument("--at", type=Path, help="a checkout whose stages have run on them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        at = Layout(options.at) if options.at else _run_stages(options.folders, Layout(Path(work)))
        _report(at, fitted_faces(options.folders))


def _run_stages(folders: Sequence[Path], at: Layout) -> Layout:
    """Run the face stages on all videos of ``folders``."""
    write_params(at, DATASET)
    list_folder(at, DATASET, link_videos(folders, at))
    for stage in ("download", "detect", "subjects", "crop"):
        run_stage(stage, DATASET, at)
    run_stage("select", at)
    return at


def link_videos(folders: Sequence[Path], at: Layout) -> Path:
    """Return a folder in ``at`` with links to all videos of ``folders``."""
    videos = at.root / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() != ".tsv" and not (videos / path.name).is_symlink():
                (videos / path.name).symlink_to(path.resolve())
    return videos


def _report(at: Layout, fitted: Sequence[LookedAt]) -> None:
    limits = load_params(SelectParams, "select", at.params)
    faces = labelled_faces(at)
    standard = faces[faces.is_standard]
    known = standard[standard.is_labelled]
    print(f"standard faces: {len(standard)} of {standard.file.nunique()} clips, {len(known)} of them with labels")
    print(f"right, all limits as they are      {_share(known).text()}, {known.person.nunique()} persons")
    _print_wrong(known)
    others = with_log_odds_of_others(faces[faces.lip_gap.notna()], at, fitted)
    passing = leave_one_person_out(others, limits)
    taken = passing[passing.is_taken]
    left_out = taken[taken.is_labelled]
    print(f"right, leave-one-person-out        {_share(left_out).text()}, {left_out.person.nunique()} persons")
    _print_wrong(left_out)
    with_near = passing[passing.is_labelled]
    print(f"  with those too close to another  {_share(with_near).text()}, {with_near.person.nunique()} persons")
    _print_wrong(with_near)
    persons = pd.read_csv(LABELS / "persons.csv").set_index("person")
    for group in GROUPS:
        for value, rows in left_out.groupby(left_out.person.map(persons[group])):
            print(f"  {group} {value}".ljust(35) + f"{_share(rows).text()}, {rows.person.nunique()} persons")
    moments = pd.read_csv(LABELS / "moments.csv")
    for name, listed in (("", moments), (", surely", moments[moments.sure == "yes"])):
        usable = set(listed[listed.usable == "yes"].file)
        for limits_of, given in ("all limits as they are", standard), ("leave-one-person-out", taken):
            found = Share(len(usable & set(given.file)), len(usable))
            print(f"clips with a usable moment{name}".ljust(35) + f"{found.text()} have a standard face, {limits_of}")


def labelled_faces(at: Layout) -> pd.DataFrame:
    """Return all cropped faces and their labels: SelectedFace, ``file``, ``person``, ``is_labelled``, ``is_right``."""
    faces: pd.DataFrame = read_table(at.selected_faces, SelectedFace).to_pandas()
    faces["file"] = faces.clip_id.map(file_names(at))
    faces["time_ms"] = faces.time_s.map(milliseconds)
    labels = read_labels(LABELS / "verified_faces.csv")
    faces = faces.merge(labels, on=["file", "time_ms"], how="left")
    # A file's labels are all of one person; a file without any is of a person of its own.
    of_file = labels.drop_duplicates("file").set_index("file").person
    faces["person"] = faces.file.map(of_file).fillna(faces.file)
    faces["is_labelled"] = faces.mouth.notna()
    faces["is_right"] = np.logical_and.reduce([faces[name] == value for name, value in RIGHT.items()])
    return faces


def file_names(at: Layout) -> dict[str, str]:
    """Return the name of the video of each clip, by id."""
    tables = (
        read_table(path, Clip, ["clip_id", "address"]).to_pylist()
        for path in sorted((at.root / "manifests" / "sets").glob("*/clips.parquet"))
    )
    return {row["clip_id"]: Path(row["address"]).name for table in tables for row in table}


def read_labels(path: Path) -> pd.DataFrame:
    """Return file, time_ms, person and the label of each kind that two passes agree on, else ``cant_tell``."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["time_ms"] = table.time_ms.astype(int)
    for name in RIGHT:
        table[name] = [_agreed(row) for row in table[[f"{name}_{number}" for number in PASSES]].itertuples(index=False)]
    return table[["file", "time_ms", "person", *RIGHT]]


def _agreed(labels: Sequence[str]) -> str:
    given = [one for one in labels if one]
    return next((one for one in given if given.count(one) > 1), "cant_tell")


def leave_one_person_out(faces: pd.DataFrame, limits: SelectParams) -> pd.DataFrame:
    """Return the faces of each person that pass the limits chosen on all other persons, and whether they ``is_taken``.

    With those limits MIN_RIGHT_SHARE or more of the others' labelled faces that pass have shut lips and open eyes, and
    as many as possible; where no limits reach that share, it is as large as possible. Those are taken that select
    takes: not those too close to a more standard one.
    """
    combinations = list(_combinations(limits))
    table = _table(faces)
    passes = [_have_no_reason(missed_thresholds(table, one)) for one in combinations]
    is_labelled, persons = faces.is_labelled.to_numpy(), faces.person.to_numpy()
    has_both = ((faces.mouth == RIGHT["mouth"]) & (faces.eyes == RIGHT["eyes"])).to_numpy()
    kept: list[pd.DataFrame] = []
    for person in sorted(set(persons)):
        others = (persons != person) & is_labelled
        found = [(int((one & others & has_both).sum()), int((one & others).sum())) for one in passes]
        best = max(range(len(found)), key=lambda at: _worth(*found[at]))
        own = faces[persons == person]
        is_taken = _have_no_reason(select_faces(_table(own), {}, combinations[best]))
        kept.append(own.assign(is_taken=is_taken)[passes[best][persons == person]])
    return pd.concat(kept)


def _worth(right: int, n: int) -> tuple[float, int]:
    """Return what limits are compared by: the share that is right, as far as it is asked for, and how many are."""
    return min(right / n, MIN_RIGHT_SHARE) if n else 0.0, right


def with_log_odds_of_others(faces: pd.DataFrame, at: Layout, fitted: Sequence[LookedAt]) -> pd.DataFrame:
    """Return the faces with ``lips_parted`` and ``eyes_shut`` by regressions fitted to no face of their person.

    Of the other frames in a face's window ``lips_parted`` is that of the weights as they are, since the crop alone is
    stored; it counts where it is larger.
    """
    mesh = FaceMesh(find_weights(FACE_MESH))
    template = load_params(Template, "crop.template", at.params)
    left, right = (
        np.array([x, template.eyes_y_px], np.float32) for x in (template.left_eye_x_px, template.right_eye_x_px)
    )
    features: dict[str, tuple[Floats, Floats]] = {}
    wanted = set(faces.face_id)
    for batch in iterate_batches(at.faces_folder(DATASET), Face, ["face_id", "image"]):
        for row in batch.to_pylist():
            if row["face_id"] in wanted:
                picture = decode_png(row["image"]["bytes"])
                points = mesh.fit_again(picture, Region.of_eyes(left, right)).points
                features[row["face_id"]] = eye_features(picture, points), lip_features(picture, points)
    columns: dict[str, dict[str, float]] = {"eyes_shut": {}, "lips_parted": {}}
    for person, own in faces.groupby("person"):
        others = [one for one in fitted if one.person != person]
        for column, of, place in ("eyes_shut", "eyes", 0), ("lips_parted", "lips", 1):
            weights = fitted_weights(of, others)
            for face_id in own.face_id:
                columns[column][face_id] = float(features[face_id][place] @ weights[:-1] + weights[-1])
    lips, eyes = (faces.face_id.map(columns[name]) for name in ("lips_parted", "eyes_shut"))
    return faces.assign(lips_parted=np.maximum(lips, faces.lips_parted), eyes_shut=eyes)


def _combinations(limits: SelectParams) -> Iterator[SelectParams]:
    """Yield each combination of the limits that are chosen; the others are those of ``limits``."""
    for values in product(*CHOSEN.values()):
        changed: dict[str, Any] = dict(zip(CHOSEN, values, strict=True))
        yield limits.model_copy(update=changed)


def _table(faces: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(faces[column_names(FaceMeasures)], preserve_index=False)


def _have_no_reason(reasons: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.array([not reason for reason in reasons.to_pylist()], np.bool_)


def _share(faces: pd.DataFrame) -> Share:
    return Share(int(faces.is_right.sum()), len(faces))


def _print_wrong(faces: pd.DataFrame) -> None:
    wrong = [f"{name} {value} {n}" for name, right in RIGHT.items() for value, n in _others(faces[name], right)]
    print(f"  wrong: {', '.join(wrong) or 'none'}")


def _others(labels: "pd.Series[str]", right: str) -> list[tuple[str, int]]:
    return [(str(value), int(n)) for value, n in labels[labels != right].value_counts().items()]


if __name__ == "__main__":
    main()
