"""Faces that another program found, one table for each clip: ``detect.backend: precomputed:FOLDER``.

FOLDER is relative to the root of the checkout, and holds ``<clip_id>.parquet`` or ``<clip_id>.csv`` (a clip id begins
with its dataset's name: ``FOLDER/talks/clip7.csv``). One row for each face and frame, in any order:

    time_s              the frame's time stamp, seconds since the first picture (5 ms more or less are the same frame)
    x_0, y_0 ... x_67, y_67   the 68 points of pipeline/face/measures/points.py in their order, pixels of the full
                        frame after its rotation metadata, origin top left; OpenFace's names
    score               optional, higher is surer; 1 where the column is missing

Further columns are not read. Boxes follow from the points. Frames without a row have no face: list every frame, as lip
motion is measured over all frames of a window. A table with no row is a clip without faces.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import inf
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, Landmarks
from pipeline.core.base.errors import BadInput, BadMedia
from pipeline.face.backends.dlib_backend import DlibBackend
from pipeline.face.backends.interface import Detection, FrameReference
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
    """Returns the faces that the table of a clip has for a frame; of a picture it uses the scale alone.

    ``detect`` and ``landmarks`` raise BadMedia where the clip has no table, and BadInput for a table that can't be
    read and for a picture without a frame reference.
    """

    margin = inf
    n_jitters = 1
    min_face_px = 40  # tables hold faces of every size; the search shrinks its pictures by this, which costs little

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise BadInput(f"detect.backend = '{PREFIX}{folder}': no such folder")
        self._folder = folder
        self._table_of = lru_cache(maxsize=1)(self._read_table)  # frames come clip by clip

    def detect(self, grey: ImageGrey, frame: FrameReference | None = None) -> list[Detection]:
        """Return the faces of ``frame``, best first, in pixels of ``grey``."""
        found = [Detection(self.box_around(points), score) for points, score in self._faces(grey, frame)]
        return sorted(found, key=lambda one: -one.score)

    def landmarks(self, grey: ImageGrey, box: Box, frame: FrameReference | None = None) -> Landmarks | None:
        """Return the points of the face of ``frame`` that overlaps ``box`` most, None where none does."""
        faces = (points for points, _ in self._faces(grey, frame))
        points = max(faces, key=lambda one: iou(self.box_around(one), box), default=None)
        return None if points is None or iou(self.box_around(points), box) <= 0 else points

    def box_around(self, points: Landmarks) -> Box:
        """Return the box of a face with these points as dlib's detector would place it."""
        return DlibBackend().box_around(points)

    def _faces(self, grey: ImageGrey, frame: FrameReference | None) -> list[tuple[Landmarks, float]]:
        """Return points, in pixels of ``grey``, and score of each face of ``frame``."""
        if frame is None:
            raise BadInput(f"face backend '{PREFIX}{self._folder}' reads frames of clips only: no frame reference")
        table = self._table_of(frame.clip_id)
        rows = table.at(frame.time_s)
        points = (table.points[rows] * (grey.shape[1] / frame.width_px)).astype(np.float32)
        return list(zip(points, table.scores[rows].tolist(), strict=True))

    def _read_table(self, clip_id: str) -> FaceTable:
        return read_face_table(face_table_path(self._folder, clip_id))


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
