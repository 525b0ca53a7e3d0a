"""Compare observed faces with the ground truth of generated people."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.core.records.frame import Frame
from pipeline.core.records.truth import TruthFrame

SAME_TIME_S = 0.002
NEAR_INTEROCULAR = 0.5  # largest distance of an observation's eyes' middle from the truth, in interocular distances
# The true lips of a standard face are shut in the frame itself, and in the window their opening and motion exceed the
# design's limits for shut and still by no more than a pixel at an interocular distance of 50 px.
SHUT_LIPS, STILL_LIPS, LIPS_SLACK = 0.06, 0.03, 0.02
LIP_WINDOW_S = 0.12  # the design's; that of the stages may be longer


def eyes(row: Frame | TruthFrame) -> NDArray[np.float64]:
    """Return both eye centres, (2, 2) pixels."""
    return np.array([(row.left_eye_x_px, row.left_eye_y_px), (row.right_eye_x_px, row.right_eye_y_px)])


def nearest_face(frame: Frame, rows: Iterable[TruthFrame]) -> TruthFrame | None:
    """Return the visible face of ``rows``, those of the frame's time, whose eyes are nearest; None where none is near.

    Near: up to NEAR_INTEROCULAR between the middles of the eyes, in true interocular distances.
    """
    nearest, found = NEAR_INTEROCULAR, None
    middle = eyes(frame).mean(axis=0)
    for row in rows:
        left, right = eyes(row)
        distance = float(np.hypot(*(middle - (left + right) / 2)) / np.hypot(*(right - left)))
        if row.visible and distance <= nearest:
            nearest, found = distance, row
    return found


def lips_around(row: TruthFrame, rows: Iterable[TruthFrame]) -> list[float]:
    """Return the lip openings of a face within LIP_WINDOW_S; ``rows`` are those of its person."""
    return [one.lip_opening for one in rows if abs(one.time_s - row.time_s) <= LIP_WINDOW_S + SAME_TIME_S]


def lips_error(row: TruthFrame, lips: Sequence[float], slack: float) -> str:
    """Return why the lips of a face are by the truth not those of a standard face; empty when they are.

    ``lips``: the lip openings around its time, as of ``lips_around``.
    """
    if row.lip_opening > SHUT_LIPS or max(lips) > SHUT_LIPS + slack:
        return "lips open"
    return "lips moving" if max(lips) - min(lips) > STILL_LIPS + slack else ""
