"""One face in one frame, and how a track stores it: as the numbers of its row, without its points."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import Landmarks, Profile
from pipeline.core.base.units import milliseconds
from pipeline.core.records.frame import Frame
from pipeline.face.measures.boxes import Box
from pipeline.face.measures.measures import (
    asymmetry,
    changes_from_shut,
    eye_opening,
    inside_share,
    lip_opening,
    lip_to_chin,
    mouth_height,
    mouth_width,
    nose_to_lip,
)
from pipeline.face.measures.points import eye_centres, interocular_px
from pipeline.face.measures.pose import head_pose_deg
from pipeline.face.tracking.kept_faces import KeptFaces

Numbers: TypeAlias = NDArray[np.void]
"""(T,) with a field for each column of Frame that holds a number, of the same name: 225 bytes an observation."""

_NUMBERS = np.dtype([(one.name, one.type) for one in fields(Frame) if one.type in (bool, int, float)])
_NAMES = _NUMBERS.names or ()
_TAKEN_OVER = ("frame_index", "time_s", "detected", "score", "mouth_change", "eye_change", "sharpness", "brightness")
# Observations that are measured together: one by one, numpy's calls would take fifteen times as long.
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class Observation:
    """One face in one frame: what is measured there, without the picture; pixels are those of the shrunk frame."""

    frame_index: int
    time_s: float
    width_px: int
    height_px: int
    scale: float
    box: Box
    points: Landmarks
    score: float
    detected: bool
    sharpness: float
    brightness: float
    mouth_change: float
    eye_change: float  # both since the track's frames up to the tracker's ``look_back_s`` before
    mouth_profile: Profile


class TrackObservations:
    """The observations of one track, in time order: the latest in full, the others as numbers, to save memory."""

    def __init__(self, first: Observation) -> None:
        self.first = self.last = first
        self.faces = KeptFaces()
        self._latest = [first]
        self._measured: list[Numbers] = []
        self._profiles: list[NDArray[np.uint8]] = []  # of the mouth, until the track ends

    def add(self, following: Iterable[Observation]) -> None:
        """Append observations, in time order."""
        self._latest += following
        self.last = self._latest[-1]
        if len(self._latest) >= _BLOCK:
            self._measure()

    def end(self) -> None:
        """Measure the rest, compare each mouth with the shut mouth of the whole track, and free points and profiles."""
        if self._latest:
            self._measure()
        if self._profiles:
            self._compare_with_shut()

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the numbers of each observation of an ended track by their names in Frame; pixels of the full frame."""
        for block in self._measured:
            for row in block.tolist():
                yield dict(zip(_NAMES, row, strict=True))

    def _measure(self) -> None:
        self._measured.append(_numbers(self._latest))
        profiles = np.stack([one.mouth_profile for one in self._latest])
        self._profiles.append(np.rint(profiles).astype(np.uint8))
        self._latest = []

    def _compare_with_shut(self) -> None:
        heights = np.concatenate([block["mouth_height"] for block in self._measured])
        changed = changes_from_shut(np.concatenate(self._profiles), heights)
        ends = np.cumsum([len(block) for block in self._measured])
        for block, part in zip(self._measured, np.split(changed, ends[:-1]), strict=True):
            block["mouth_from_shut"] = part
        self._profiles = []


def track_frames(clip_id: str, track_id: str, track: TrackObservations) -> list[Frame]:
    """Return the frames of an ended track."""
    return [
        Frame(
            frame_id=f"{track_id}-{milliseconds(numbers['time_s']):08d}", clip_id=clip_id, track_id=track_id, **numbers
        )
        for numbers in track.rows()
    ]


def _numbers(observations: list[Observation]) -> Numbers:
    points = np.stack([one.points for one in observations])
    scale = np.array([one.scale for one in observations])
    boxes = [one.box.scaled(one.scale) for one in observations]
    left_eye, right_eye = eye_centres(points)
    yaw, pitch, roll = head_pose_deg(points)
    columns: dict[str, Any] = {
        **{name: [getattr(one, name) for one in observations] for name in _TAKEN_OVER},
        "box_x_px": [box.x for box in boxes],
        "box_y_px": [box.y for box in boxes],
        "box_w_px": [box.w for box in boxes],
        "box_h_px": [box.h for box in boxes],
        "left_eye_x_px": left_eye[:, 0] * scale,
        "left_eye_y_px": left_eye[:, 1] * scale,
        "right_eye_x_px": right_eye[:, 0] * scale,
        "right_eye_y_px": right_eye[:, 1] * scale,
        "interocular_px": interocular_px(points) * scale,
        "yaw_deg": yaw,
        "pitch_deg": pitch,
        "roll_deg": roll,
        "asymmetry": asymmetry(points),
        "lip_opening": lip_opening(points),
        "mouth_height": mouth_height(points),
        "mouth_width": mouth_width(points),
        "nose_to_lip": nose_to_lip(points),
        "lip_to_chin": lip_to_chin(points),
        "eye_opening": eye_opening(points),
        "inside_share": [inside_share(one.box, one.width_px, one.height_px) for one in observations],
    }
    numbers = np.empty(len(observations), _NUMBERS)
    for name, values in columns.items():
        numbers[name] = values
    return numbers
