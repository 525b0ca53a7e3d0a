"""Made-up faces for tests: frames, measures and landmarks of which everything is known."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, Landmarks
from pipeline.core.base.units import milliseconds
from pipeline.core.records.face import FaceMeasures
from pipeline.core.records.frame import Frame
from pipeline.face.backends.interface import Detection, FrameReference
from pipeline.face.crops.standard import SelectParams, StandardnessScales
from pipeline.face.measures.boxes import Box

PERFECT_FRAME = Frame(
    frame_id="set/clip-t00-00000000",
    clip_id="set/clip",
    track_id="set/clip-t00",
    frame_index=0,
    time_s=0.0,
    detected=True,
    score=1.0,
    box_x_px=100.0,
    box_y_px=100.0,
    box_w_px=120.0,
    box_h_px=120.0,
    left_eye_x_px=135.0,
    left_eye_y_px=145.0,
    right_eye_x_px=185.0,
    right_eye_y_px=145.0,
    interocular_px=50.0,
    yaw_deg=0.0,
    pitch_deg=0.0,
    roll_deg=0.0,
    asymmetry=0.0,
    lip_opening=0.0,
    mouth_height=0.3,
    mouth_width=0.8,
    nose_to_lip=0.3,
    lip_to_chin=0.7,
    mouth_change=0.0,
    mouth_from_shut=0.0,
    eye_change=0.0,
    eye_opening=0.3,
    sharpness=100.0,
    brightness=128.0,
    inside_share=1.0,
)

SCALES = StandardnessScales(
    angle_deg=10, lip_opening=0.06, lip_motion=0.03, mouth_rise=0.05, mouth_change=0.4, eye_closing=0.2
)

SELECT = SelectParams(
    max_yaw_deg=12,
    max_pitch_deg=18,
    max_roll_deg=15,
    max_lip_gap=0.05,
    max_lips_parted=0.5,
    max_mouth_change=0.7,
    max_parted_and_moving=None,
    resting_mouth="strict",
    min_rest_gap=0.02,
    max_rest_gap=0.06,
    max_above_rest=0.01,
    min_lip_line=0.05,
    min_presence=0.9,
    max_eyes_shut=-1.0,
    min_interocular_px=30,
    min_true_interocular_px=16,
    min_inside_share=0.9,
    min_apart_s=0.2,
    picture_faces="by_limits",
    max_asymmetry=None,
    max_expression=None,
)

PERFECT_FACE = FaceMeasures(
    face_id="set/clip-t00-00000000",
    clip_id="set/clip",
    subject_id="set/clip-s00",
    track_id="set/clip-t00",
    time_s=0.0,
    sampled_by="random",
    standardness=0.0,
    yaw_deg=0.0,
    pitch_deg=0.0,
    roll_deg=0.0,
    asymmetry=0.0,
    lip_opening=0.0,
    lip_opening_max=0.0,
    mouth_rise=0.0,
    lip_motion=0.0,
    mouth_change=0.0,
    eye_change=0.0,
    eye_opening=0.3,
    eye_share=1.0,
    sharpness=100.0,
    brightness=128.0,
    interocular_px=50.0,
    score=1.0,
    inside_share=1.0,
    true_interocular_px=60.0,
    mesh_presence=1.0,
    lip_gap=0.0,
    rest_gap=0.0,
    lip_line=0.3,
    lid_opening=0.3,
    lid_share=1.0,
    iris_seen=0.6,
    lips_parted=-4.0,
    eyes_shut=-4.0,
    mesh_yaw_deg=0.0,
    mesh_pitch_deg=0.0,
)


def frame(index: int, time_s: float, **changes: Any) -> Frame:
    """Return a perfectly standard frame of one track, but for ``changes``."""
    frame_id = f"set/clip-t00-{milliseconds(time_s):08d}"
    return replace(PERFECT_FRAME, frame_id=frame_id, frame_index=index, time_s=time_s, **changes)


def frames(times_s: list[float], lip_openings: list[float] | None = None) -> list[Frame]:
    """Return the frames of one track at these times, without a gap."""
    openings = lip_openings or [0.0] * len(times_s)
    return [
        frame(n, time_s, lip_opening=opening) for n, (time_s, opening) in enumerate(zip(times_s, openings, strict=True))
    ]


def face(time_s: float = 0.0, **changes: Any) -> FaceMeasures:
    """Return the measures of a perfectly standard face, but for ``changes``."""
    named = {"face_id": f"set/clip-t00-{milliseconds(time_s):08d}", "time_s": time_s, **changes}
    return replace(PERFECT_FACE, **named)


UNIT_FACE = np.zeros((68, 2), np.float32)
"""A frontal face drawn by hand in a box from (0, 0) to (1, 1); its mouth is shut and its eyes are open."""
UNIT_FACE[:17] = [(0.02 + 0.06 * n, 0.4 + 0.58 * np.sin(np.pi * n / 16)) for n in range(17)]
UNIT_FACE[17:22] = [(0.12 + 0.07 * n, 0.22) for n in range(5)]
UNIT_FACE[22:27] = [(0.60 + 0.07 * n, 0.22) for n in range(5)]
UNIT_FACE[27:31] = [(0.5, 0.34 + 0.08 * n) for n in range(4)]
UNIT_FACE[31:36] = [(0.42 + 0.04 * n, 0.62) for n in range(5)]
_EYE = np.array([(-0.07, 0), (-0.03, -0.03), (0.03, -0.03), (0.07, 0), (0.03, 0.03), (-0.03, 0.03)])
UNIT_FACE[36:42] = _EYE + (0.28, 0.35)
UNIT_FACE[42:48] = _EYE + (0.72, 0.35)
UNIT_FACE[48:60] = [(0.5 - 0.17 * np.cos(np.pi * n / 6), 0.78 - 0.06 * np.sin(np.pi * n / 6)) for n in range(12)]
UNIT_FACE[60:68] = [(0.5 + x, 0.78) for x in (-0.14, -0.06, 0, 0.06, 0.14, 0.06, 0, -0.06)]


def points_in(box: Box) -> Landmarks:
    """Return the hand-drawn face stretched to ``box``."""
    return (UNIT_FACE * (box.w, box.h) + (box.x, box.y)).astype(np.float32)


@dataclass
class FakeBackend:
    """Finds the bright rectangles of a picture, and draws the same face into every box."""

    min_face_px: int = 80
    margin: float = 0.5
    n_jitters: int = 1

    def __post_init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def detect(self, grey: ImageGrey, frame: FrameReference | None = None) -> list[Detection]:
        """Return the bright rectangles that are at least ``min_face_px`` high."""
        import cv2

        self.shapes.append(grey.shape)
        contours, _ = cv2.findContours((grey > 128).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        boxes = [Box(*map(float, cv2.boundingRect(contour))) for contour in contours]
        return [Detection(box, 1.0) for box in boxes if box.h >= self.min_face_px]

    def landmarks(self, grey: ImageGrey, box: Box, frame: FrameReference | None = None) -> Landmarks:
        """Return the hand-drawn face in ``box``."""
        del grey, frame
        return points_in(box)

    def box_around(self, points: Landmarks) -> Box:
        """Return the box that was drawn into."""
        (x0, y0), x1 = points[36], points[45, 0]
        w = float(x1 - x0) / float(UNIT_FACE[45, 0] - UNIT_FACE[36, 0])
        h = float(points[8, 1] - points[36, 1]) / float(UNIT_FACE[8, 1] - UNIT_FACE[36, 1])
        return Box(float(x0) - w * float(UNIT_FACE[36, 0]), float(y0) - h * float(UNIT_FACE[36, 1]), w, h)


def picture(*boxes: Box, size: tuple[int, int] = (640, 360)) -> NDArray[np.uint8]:
    """Return a black picture (H, W) with bright rectangles."""
    grey = np.zeros(size[::-1], np.uint8)
    for box in boxes:
        grey[round(box.y) : round(box.y + box.h), round(box.x) : round(box.x + box.w)] = 255
    return grey
