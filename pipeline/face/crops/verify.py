"""Verify the faces that may be standard ones: a face mesh looks at every frame of a window in time around each.

The tracker sees every frame and is cheap, but its landmarks place the lips by a usual mouth: some people's shut lips
read as open, and others' parted ones as shut. The mesh is dearer, so that it looks at these windows only.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.records.face import CANDIDATE, FaceMeasures
from pipeline.core.records.frame import Frame
from pipeline.face.crops.aligned_face import observed_eyes
from pipeline.face.crops.standard import window_ranges
from pipeline.face.mesh.eyes_and_lips import eyes_shut, lips_parted
from pipeline.face.mesh.face_mesh import FaceMesh, MeshFit
from pipeline.face.mesh.lip_line import lip_line_contrast
from pipeline.face.mesh.mesh_measures import MeshPoints, eye_openings, inner_lip_gap, iris_seen, mesh_pose_deg
from pipeline.face.mesh.region import Region

FACE_MESH = "face_landmarker"
"""The weights of the mesh, by name."""

VERIFIED_COLUMNS = (
    "mesh_presence",
    "lip_gap",
    "rest_gap",
    "lip_line",
    "lid_opening",
    "lid_share",
    "iris_seen",
    "lips_parted",
    "eyes_shut",
    "mesh_yaw_deg",
    "mesh_pitch_deg",
)
"""The columns of FaceMeasures that the mesh decides."""

# A face moves so little in this time that the mesh of the frame before tells where to look: one fit instead of two.
_SAME_PLACE_S = 0.1
# Frames of a window that are looked at, at most: lips that part are apart for longer than 0.06 s.
_MAX_WINDOW_FRAMES = 5
# Below it the mesh is of no face, or of one half hidden: it says nothing about lips, lids, or where to look next.
_MIN_PRESENCE = 0.5
# A random face of this standardness may well be a standard one, and is verified though candidates rank before it, as
# they do where a mouth rests for long: of 1,000 faces of 74 real clips, half of those from here on pass, below it 1 %.
_LIKELY_STANDARDNESS = -5.0
_SMALLEST_LID_OPENING = 0.01  # of a clip whose eyes are shut throughout


@dataclass(frozen=True, slots=True)
class Look:
    """What the mesh shows of a face in one frame, in the units of FaceMeasures."""

    presence: float
    lip_gap: float
    lip_line: float
    lid_opening: float  # of the more closed eye
    iris_seen: float  # likewise
    lips_parted: float
    eyes_shut: float | None  # null where the frame is in the window of other faces only
    yaw_deg: float
    pitch_deg: float


class Verifier:
    """Looks at the frames of one subject, in time order, that are in the window of a face to verify.

    A window in which the lips are parted by more than ``max_gap`` is not looked at further: it has no standard face.
    """

    def __init__(self, mesh: FaceMesh, windows: Mapping[float, Sequence[float]], max_gap: float) -> None:
        self._mesh = mesh
        self._windows = windows
        self._max_gap = max_gap
        self._faces_of: dict[float, list[float]] = defaultdict(list)
        for face_s, window_s in windows.items():
            for time_s in window_s:
                self._faces_of[time_s].append(face_s)
        self._parted: set[float] = set()  # faces, by time
        self._looks: dict[float, Look] = {}
        self._last: tuple[float, str, MeshPoints] | None = None

    @property
    def times_s(self) -> set[float]:
        """The frames that may be looked at."""
        return set(self._faces_of)

    def look(self, frame: Frame, picture: ImageRGB) -> None:
        """Look at the face of ``frame``, decoded as ``picture`` (H, W, 3), if a window needs it."""
        time_s = frame.time_s
        faces = self._faces_of.get(time_s, [])
        if all(face_s in self._parted for face_s in faces):
            return
        last = self._last
        if last is not None and time_s - last[0] <= _SAME_PLACE_S and last[1] == frame.track_id:
            fit = self._mesh.fit(picture, Region.of_mesh(last[2]))
        else:
            fit = self._mesh.fit_again(picture, Region.of_eyes(*observed_eyes(frame)))
        self._last = (time_s, frame.track_id, fit.points) if fit.presence >= _MIN_PRESENCE else None
        look = self._looks[time_s] = _look(picture, fit, is_own=time_s in self._windows)
        if look.lip_gap > self._max_gap and fit.presence >= _MIN_PRESENCE:
            self._parted.update(faces)

    def columns(self, face_s: float) -> dict[str, Any]:
        """Return VERIFIED_COLUMNS of the face at ``face_s``, once all frames were looked at.

        All are null where it has no window, or a frame of it did not decode. Where its lips are parted, they are those
        of the frames looked at until then.
        """
        window_s = self._windows.get(face_s, ())
        looks = [self._looks[one] for one in window_s if one in self._looks]
        if not looks or (len(looks) < len(window_s) and face_s not in self._parted):
            return dict.fromkeys(VERIFIED_COLUMNS)
        here = self._looks.get(face_s, looks[-1])
        of_face = [one for one in self._looks.values() if one.presence >= _MIN_PRESENCE] or [*self._looks.values()]
        usual_lid_opening = float(np.median([one.lid_opening for one in of_face]))
        return {
            "mesh_presence": min(one.presence for one in looks),
            "lip_gap": max(one.lip_gap for one in looks),
            "rest_gap": min(one.lip_gap for one in of_face),
            "lip_line": here.lip_line,
            "lid_opening": here.lid_opening,
            "lid_share": here.lid_opening / max(usual_lid_opening, _SMALLEST_LID_OPENING),
            "iris_seen": here.iris_seen,
            "lips_parted": max(one.lips_parted for one in looks),
            "eyes_shut": here.eyes_shut,
            "mesh_yaw_deg": here.yaw_deg,
            "mesh_pitch_deg": here.pitch_deg,
        }


def _look(picture: ImageRGB, fit: MeshFit, *, is_own: bool) -> Look:
    yaw_deg, pitch_deg, _ = mesh_pose_deg(fit.points)
    return Look(
        presence=fit.presence,
        lip_gap=float(inner_lip_gap(fit.points)),
        lip_line=lip_line_contrast(picture, fit.points),
        lid_opening=min(float(one) for one in eye_openings(fit.points)),
        iris_seen=min(float(one) for one in iris_seen(fit.points)),
        lips_parted=lips_parted(picture, fit.points),
        eyes_shut=eyes_shut(picture, fit.points) if is_own else None,
        yaw_deg=float(yaw_deg),
        pitch_deg=float(pitch_deg),
    )


def verified_windows(
    faces: Iterable[FaceMeasures], tracks: Iterable[Sequence[Frame]], half_width_s: float
) -> dict[float, list[float]]:
    """Return the frames to look at, by the time of the face that they are of: all of its window (``window_ranges``).

    ``tracks``: the frames of each track, in time order. Of more than five, five from edge to edge with the face's own.
    Faces are verified that are candidates, or drawn at random and at least as standard as the least standard candidate,
    or likely to be standard.
    """
    known = [(face, face.standardness) for face in faces if face.standardness is not None]
    least = min([_LIKELY_STANDARDNESS, *(value for face, value in known if face.sampled_by == CANDIDATE)])
    ranges_of = [(frames, window_ranges(frames, half_width_s).tolist()) for frames in tracks]
    place_of = {frame.frame_id: (*of, index) for of in ranges_of for index, frame in enumerate(of[0])}
    windows = {}
    for face, value in known:
        frames, ranges, at = place_of[face.face_id]
        first, last = ranges[at]
        if value >= least and first >= 0:
            windows[face.time_s] = [frames[one].time_s for one in _spread(first, last, at)]
    return windows


def _spread(first: int, last: int, at: int) -> list[int]:
    """Return the indices from ``first`` to ``last``; of more than five, five from edge to edge with ``at``."""
    if last - first < _MAX_WINDOW_FRAMES:
        return [*range(first, last + 1)]
    spread = np.linspace(first, last, _MAX_WINDOW_FRAMES).round().astype(int)
    if first < at < last:
        spread[1:-1][np.argmin(np.abs(spread[1:-1] - at))] = at
    return [int(one) for one in np.unique(spread)]
