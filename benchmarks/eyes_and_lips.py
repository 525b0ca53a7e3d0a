"""Fit the regressions of pipeline/face/mesh/eyes_and_lips.py to labelled faces of real persons and to drawn talkers.

``python -m benchmarks.eyes_and_lips FOLDER...`` reads the faces of benchmarks/accuracy/labels/faces.csv from the videos
and pictures of the folders, and faces of as many drawn talkers as ``--talkers`` with their truth; prints how well eyes
and lips are told of persons who had no part in the fit (area under the ROC curve, in twenty parts by person), beside
the best measure of the mesh's points; and writes the weights, ``--out``.
"""

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.accuracy.figures import list_wide
from benchmarks.face_truth import eyes
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.images import read_picture_file
from pipeline.core.base.layout import Layout
from pipeline.core.records.truth import TruthFrame
from pipeline.core.storage.manifest import read_manifest
from pipeline.face.crops.verify import FACE_MESH
from pipeline.face.mesh.eyes_and_lips import WEIGHTS_FILE, eye_features, lip_features
from pipeline.face.mesh.face_mesh import FaceMesh
from pipeline.face.mesh.mesh_measures import eye_openings, inner_lip_gap
from pipeline.face.mesh.region import Region
from pipeline.video.decode import rgb_frames_at
from pipeline.weights.fetch import find_weights
from stages.__main__ import run_stage

LABELS = Path(__file__).parent / "accuracy" / "labels" / "faces.csv"
PICTURES = frozenset({".jpg", ".jpeg", ".png"})
EYES = {"open": 0, "half": 1, "closed": 1}
LIPS = {"shut": 0, "parted": 1, "open": 1}
UNKNOWN = -1
MIN_PRESENCE = 0.5
# Of a talker: faces as frontal as this, eyes shut and open, lips shut and parted by the truth; between them, neither.
MOST_ANGLE_DEG = 15.0
SHUT_EYES, OPEN_EYES = 0.5, 0.8
SHUT_LIPS, PARTED_LIPS = 0.04, 0.06
N_SHUT_LIPS, N_PARTED_LIPS, N_BLINKS = 8, 6, 5  # faces of each talker, at most
SIZE_PX = (640, 360)
N_TALKERS, SEED = 60, 4242
N_PARTS = 20
# Of the regressions: the inverse of the penalty, and whether both classes weigh the same.
PENALTY = {"eyes": (0.01, "balanced"), "lips": (0.005, None)}
GAP_SCALE = 10**0.5  # the two columns of the gap are penalised less than those of the picture
N_GAP = 2
LEAST_STD = 1e-6

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LookedAt:
    """A face with its features; ``eyes`` and ``lips``: 1 shut and parted, 0 open and shut, UNKNOWN."""

    person: str
    is_drawn: bool
    eye_features: Floats
    lip_features: Floats
    eyes: int
    lips: int
    eye_opening: float
    lip_gap: float


def main() -> None:
    """Fit, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="folders of the labelled videos and pictures")
    parser.add_argument("--talkers", type=int, default=N_TALKERS, help="how many drawn talkers")
    parser.add_argument("--seed", type=int, default=SEED, help="of the talkers")
    parser.add_argument("--out", type=Path, default=WEIGHTS_FILE, help="where to write the weights")
    options = parser.parse_args()
    faces = fitted_faces(options.folders, options.talkers, options.seed)
    for of in ("eyes", "lips"):
        print_held_out(of, faces)
    eye_weights, lip_weights = (fitted_weights(of, faces).astype(np.float32) for of in ("eyes", "lips"))
    np.savez(options.out, eyes=eye_weights, lips=lip_weights)
    print(f"{options.out}: written")


def fitted_faces(folders: Sequence[Path], n_talkers: int = N_TALKERS, seed: int = SEED) -> list[LookedAt]:
    """Return the faces that the regressions are fitted to."""
    mesh = FaceMesh(find_weights(FACE_MESH))
    with tempfile.TemporaryDirectory() as work:
        return [*real_faces(folders, mesh), *drawn_faces(n_talkers, seed, Path(work), mesh)]


def real_faces(folders: Sequence[Path], mesh: FaceMesh) -> Iterator[LookedAt]:
    """Yield the labelled faces of the files that are in the folders."""
    labels = pd.read_csv(LABELS, dtype=str, keep_default_na=False)
    for name, rows in labels.groupby("file"):
        path = next((folder / str(name) for folder in folders if (folder / str(name)).is_file()), None)
        if path is None:
            print(f"{name}: not in the folders")
            continue
        for row, picture in _pictures(path, rows):
            found = _labelled(
                picture,
                np.array([(row.left_eye_x, row.left_eye_y), (row.right_eye_x, row.right_eye_y)], np.float64),
                mesh,
                person=row.person,
                is_drawn=False,
                eyes=EYES.get(row.eyes_1, UNKNOWN),
                lips=LIPS.get(row.mouth_1, UNKNOWN),
            )
            if found is not None:
                yield found


def _pictures(path: Path, rows: pd.DataFrame) -> Iterator[tuple[Any, ImageRGB]]:
    """Yield each label with its picture."""
    if path.suffix.lower() in PICTURES:
        picture = read_picture_file(path)
        for row in rows.itertuples():
            if picture is not None:
                yield row, picture
        return
    of_time: dict[float, list[Any]] = defaultdict(list)
    for row in rows.itertuples():
        of_time[float(str(row.time_s))].append(row)
    for time_s, picture in rgb_frames_at(path, sorted(of_time)):
        for row in of_time[min(of_time, key=lambda one: abs(one - time_s))]:
            yield row, picture


def drawn_faces(n_talkers: int, seed: int, folder: Path, mesh: FaceMesh) -> Iterator[LookedAt]:
    """Yield faces of generated talkers, with their truth."""
    at, dataset = Layout(folder), "talkers"
    list_wide(at, dataset, n_talkers, seed, SIZE_PX, edge_cases=False)
    run_stage("download", dataset, at)
    random = np.random.default_rng(seed)
    for path in sorted(at.media_folder(dataset).glob("*.frames.parquet")):
        chosen = _chosen(read_manifest(path, TruthFrame), random)
        video = path.with_name(path.name.removesuffix(".frames.parquet") + ".mp4")
        for time_s, picture in rgb_frames_at(video, sorted(chosen)):
            row = chosen[min(chosen, key=lambda one: abs(one - time_s))]
            shut, parted = row.eye_opening < SHUT_EYES, row.lip_opening > PARTED_LIPS
            found = _labelled(
                picture,
                eyes(row),
                mesh,
                person=path.name,
                is_drawn=True,
                eyes=1 if shut else 0 if row.eye_opening > OPEN_EYES else UNKNOWN,
                lips=1 if parted else 0 if row.lip_opening <= SHUT_LIPS else UNKNOWN,
            )
            if found is not None:
                yield found


def _chosen(rows: Sequence[TruthFrame], random: np.random.Generator) -> dict[float, TruthFrame]:
    """Return frames of one talker by time: of shut and of parted lips, and of blinks."""
    frontal = [row for row in rows if row.visible and max(abs(row.yaw_deg), abs(row.pitch_deg)) < MOST_ANGLE_DEG]
    groups = (
        (N_SHUT_LIPS, [row for row in frontal if row.lip_opening <= SHUT_LIPS]),
        (N_PARTED_LIPS, [row for row in frontal if row.lip_opening > PARTED_LIPS]),
        (N_BLINKS, [row for row in frontal if row.eye_opening < SHUT_EYES]),
    )
    return {
        group[number].time_s: group[number]
        for most, group in groups
        for number in random.permutation(len(group))[:most]
    }


def _labelled(picture: ImageRGB, eyes_px: Floats, mesh: FaceMesh, **known: Any) -> LookedAt | None:
    """Return a face with its features; None where the mesh finds none."""
    fit = mesh.fit_again(picture, Region.of_eyes(*eyes_px.astype(np.float32)))
    if fit.presence < MIN_PRESENCE:
        return None
    return LookedAt(
        eye_features=eye_features(picture, fit.points),
        lip_features=lip_features(picture, fit.points),
        eye_opening=min(float(one) for one in eye_openings(fit.points)),
        lip_gap=float(inner_lip_gap(fit.points)),
        **known,
    )


def fitted_weights(of: str, faces: Sequence[LookedAt]) -> Floats:
    """Return the weights of the features of ``of``, 'eyes' or 'lips', and the constant, last."""
    known = _known(of, faces)
    return _fit(of, *_features_and_labels(of, known))


def print_held_out(of: str, faces: Sequence[LookedAt]) -> None:
    """Print what the regression and the best measure of the mesh's points tell of persons it was not fitted to."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold

    known = _known(of, faces)
    features, labels = _features_and_labels(of, known)
    log_odds = np.zeros(len(labels))
    for others, own in GroupKFold(N_PARTS).split(features, labels, [face.person for face in known]):
        weights = _fit(of, features[others], labels[others])
        log_odds[own] = features[own] @ weights[:-1] + weights[-1]
    measure = np.array([-face.eye_opening if of == "eyes" else face.lip_gap for face in known])
    is_drawn = np.array([face.is_drawn for face in known])
    for name, rows in ("real persons", ~is_drawn), ("drawn talkers", is_drawn):
        if 0 < labels[rows].sum() < rows.sum():
            n_persons = len({face.person for face in known if face.is_drawn == (name != "real persons")})
            told, by_mesh = (roc_auc_score(labels[rows], one[rows]) for one in (log_odds, measure))
            print(
                f"{of}, {name}: {rows.sum()} faces of {n_persons}, {labels[rows].sum()} with shut eyes or parted lips;"
                f" area under the curve {told:.4f}, by the mesh's points {by_mesh:.4f}"
            )


def _known(of: str, faces: Sequence[LookedAt]) -> list[LookedAt]:
    return [face for face in faces if getattr(face, of) != UNKNOWN]


def _features_and_labels(of: str, faces: Sequence[LookedAt]) -> tuple[Floats, NDArray[np.int_]]:
    features = [face.eye_features if of == "eyes" else face.lip_features for face in faces]
    return np.array(features), np.array([getattr(face, of) for face in faces])


def _fit(of: str, features: Floats, labels: NDArray[np.int_]) -> Floats:
    from sklearn.linear_model import LogisticRegression

    mean = features.mean(axis=0)
    scale = 1 / np.maximum(features.std(axis=0), LEAST_STD)
    if of == "lips":
        scale[-N_GAP:] *= GAP_SCALE
    penalty, balance = PENALTY[of]
    found = LogisticRegression(C=penalty, class_weight=balance, max_iter=1000).fit((features - mean) * scale, labels)
    weights = found.coef_[0] * scale
    return np.append(weights, found.intercept_[0] - weights @ mean)


if __name__ == "__main__":
    main()
