"""The ground truth of a generated clip."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceTruth:
    """One person's face, one entry per frame. Pixels are of the picture as shown; the first one's centre is 0.

    "Left" is the image's left. yaw > 0: the person turns towards the image's right; pitch > 0: looks up;
    roll > 0: tilts clockwise in the image. Head coordinates are yawed, then pitched, then rolled.
    ``lip_opening`` is the gap between the inner lips over the interocular distance, both as seen. An eye's
    centre is that of the open eye, also while it blinks. Where the face is not visible, the numbers are
    those of the hidden face. ``is_speaking``: the face is visible, and its own voice sounds in sync with its lips.
    """

    person: int
    left_eye_px: Floats
    right_eye_px: Floats
    mouth_left_px: Floats
    mouth_right_px: Floats
    lip_opening: Floats
    eye_opening: Floats
    yaw_deg: Floats
    pitch_deg: Floats
    roll_deg: Floats
    face_visible: NDArray[np.bool_]
    is_speaking: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTruth:
    """A clip: times of its frames, intervals with a voice, whose voices, and the faces of all visible persons."""

    time_s: Floats
    speech_intervals_s: tuple[tuple[float, float], ...]
    voices: tuple[int, ...]
    faces: tuple[FaceTruth, ...]


POINTS = ("left_eye", "right_eye", "mouth_left", "mouth_right")
NUMBERS = ("lip_opening", "eye_opening", "yaw_deg", "pitch_deg", "roll_deg")


def truth_rows(truth: ClipTruth) -> list[dict[str, int | float | bool]]:
    """Return one flat row per face and frame."""
    return [_row(face, frame, float(time_s)) for face in truth.faces for frame, time_s in enumerate(truth.time_s)]


def _row(face: FaceTruth, frame: int, time_s: float) -> dict[str, int | float | bool]:
    row: dict[str, int | float | bool] = {"person": face.person, "frame": frame, "time_s": time_s}
    for point in POINTS:
        x, y = getattr(face, f"{point}_px")[frame]
        row |= {f"{point}_x_px": float(x), f"{point}_y_px": float(y)}
    row |= {name: float(getattr(face, name)[frame]) for name in NUMBERS}
    return row | {"visible": bool(face.face_visible[frame]), "speaking": bool(face.is_speaking[frame])}
