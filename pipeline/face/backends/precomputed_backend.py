"""Faces that another program found, read from a table a clip: ``detect.backend: precomputed:FOLDER``.

FOLDER counts from the root of the checkout, and holds ``<clip_id>.parquet`` or ``<clip_id>.csv`` (a clip id has its
dataset's name in front: ``FOLDER/talks/clip7.csv``). One row a face and frame, in any order:

    time_s              the frame's time stamp, seconds since the first picture (5 ms more or less are the same frame)
    x_0, y_0 ... x_67, y_67   the 68 points of pipeline/face/measures/points.py in their order, pixels of the full frame after
                        its rotation metadata, origin top left; OpenFace names its points so, too
    score               optional, higher is surer; 1 where the column is missing

Further columns are not read. Boxes follow from the points. Frames without a row show no face: give every frame, for
whether lips are still is judged over all frames of a window. A table with no row is a clip without faces.
"""

from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.base.arrays import ImageGrey, Landmarks
from pipeline.base.errors import BadInput, BadMedia
from pipeline.face.backends.dlib_backend import DlibBackend
from pipeline.face.backends.interface import Detection
from pipeline.face.measures.boxes import Box, iou
from pipeline.face.measures.points import N_POINTS

PREFIX = "precomputed:"
TIME = "time_s"
SCORE = "score"
POINTS = tuple(f"{axis}_{index}" for index in range(N_POINTS) for axis in "xy")

_TIME_TOLERANCE_S = 0.005
_SUFFIXES = (".parquet", ".csv")


@dataclass(frozen=True, slots=True)
class FaceTable:
    """The faces of one clip by time: (N,) seconds, (N,) scores, (N, 68, 2) pixels of the full frame."""

    times_s: NDArray[np.float64]
    scores: NDArray[np.float64]
    points: NDArray[np.float64]

    def at(self, time_s: float) -> slice:
        """Return the rows of the frame of this time."""
        first, end = np.searchsorted(self.times_s, (time_s - _TIME_TOLERANCE_S, time_s + _TIME_TOLERANCE_S))
        return slice(int(first), int(end))


class PrecomputedBackend:
    """Answers for the clip and frame it was turned to; the pictures it is given tell it the scale alone."""

    margin = inf
    n_looks = 1
    min_face_px = 40  # it knows faces of every size; the search shrinks its pictures by this, which costs little

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise BadInput(f"detect.backend = '{PREFIX}{folder}': no such folder")
        self._folder = folder
        self._clip_id: str | None = None
        self._table = FaceTable(np.empty(0), np.empty(0), np.empty((0, N_POINTS, 2)))
        self._rows = slice(0, 0)
        self._width_px = 1.0

    def turn_to(self, clip_id: str, time_s: float, width_px: float) -> None:
        """Answer for this frame from now on; ``width_px`` is that of the full frame. Raises BadMedia, BadInput."""
        if clip_id != self._clip_id:
            self._table, self._clip_id = read_face_table(face_table_path(self._folder, clip_id)), clip_id
        self._rows, self._width_px = self._table.at(time_s), width_px

    def detect(self, grey: ImageGrey) -> list[Detection]:
        """Return the frame's faces, best first."""
        both = zip(self._faces(grey), self._table.scores[self._rows], strict=True)
        found = [Detection(self.box_around(points), float(score)) for points, score in both]
        return sorted(found, key=lambda one: -one.score)

    def landmarks(self, grey: ImageGrey, box: Box) -> Landmarks | None:
        """Return the points of the face that overlaps ``box`` most, None where none does."""
        points = max(self._faces(grey), key=lambda one: iou(self.box_around(one), box), default=None)
        return None if points is None or iou(self.box_around(points), box) <= 0 else points

    def box_around(self, points: Landmarks) -> Box:
        """Return the box of a face with these points, such as dlib's detector gives."""
        return DlibBackend().box_around(points)

    def _faces(self, grey: ImageGrey) -> list[Landmarks]:
        """Return the frame's points in pixels of ``grey``."""
        if self._clip_id is None:
            raise BadInput(f"face backend '{PREFIX}{self._folder}' was not told which frame it is asked about")
        return list((self._table.points[self._rows] * (grey.shape[1] / self._width_px)).astype(np.float32))


def face_table_path(folder: Path, clip_id: str) -> Path:
    """Return the table of a clip; raise BadMedia, which becomes a ledger row, when there is none."""
    paths = [folder / f"{clip_id}{suffix}" for suffix in _SUFFIXES]
    found = next((path for path in paths if path.is_file()), None)
    if found is None:
        raise BadMedia("no_precomputed_faces", f"neither {paths[0]} nor {paths[1].name} exists")
    return found


def read_face_table(path: Path) -> FaceTable:
    """Return the faces of one clip in time order; raise BadInput for a table that is not as described above."""
    table = _read(path)
    missing = [name for name in (TIME, *POINTS) if name not in table.column_names]
    if missing:
        raise BadInput(f"{path}: expected columns {TIME}, x_0, y_0 ... x_67, y_67; it lacks {', '.join(missing[:4])}")
    scores = _numbers(table, SCORE, path) if SCORE in table.column_names else np.ones(table.num_rows)
    times_s = _numbers(table, TIME, path)
    points = np.stack([_numbers(table, name, path) for name in POINTS], axis=1).reshape(-1, N_POINTS, 2)
    order = np.argsort(times_s, kind="stable")
    return FaceTable(times_s[order], scores[order], points[order])


def _read(path: Path) -> pa.Table:
    import pyarrow.csv
    import pyarrow.parquet

    try:
        return pyarrow.csv.read_csv(path) if path.suffix == ".csv" else pyarrow.parquet.read_table(path)
    except pa.ArrowInvalid as error:
        raise BadInput(f"{path}: can't be read as {path.suffix[1:]}: {error}") from None


def _numbers(table: pa.Table, name: str, path: Path) -> NDArray[np.float64]:
    try:
        values = np.asarray(table[name].cast(pa.float64()).to_numpy(), np.float64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise BadInput(f"{path}: column '{name}': expected numbers, found {table[name].type}") from None
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0]) + 1
        raise BadInput(f"{path}: column '{name}', row {row}: expected a finite number")
    return values
