"""Tell a cut by a followed face: two persons in turn before one wall change little of the picture, but all of the face.

Two pictures of a face are compared by the correlation of their grey values, which no change of light alters.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.core.base.arrays import ImageGrey, Landmarks
from pipeline.face.measures.boxes import Box
from pipeline.face.measures.points import eye_centres
from pipeline.video.decode import GreyFrame

_PLACE_PX = 16
_FACE_PX, _EYES_APART_PX, _LEFT_EYE_PX = 32, 12.0, (9.5, 10.5)
_MIN_PLACE_PX = 4
_SAMPLED_PX = 48  # the picture of a place is averaged from about this many columns, however large the face
N_RECENT = 8
_LEAST_RECENT = 4  # with fewer nobody knows what is usual
# Added to the recent mean, so that a small motion after a still picture is no cut.
_NOISE_FLOOR = 0.003
# Chosen on half of 40 real persons: 8 cuts before one wall, 47 with the eyes at one place, 33 clips without cuts.
_MIN_CHANGE = 0.15
_MIN_RATIO = 10.0


def place_change(before: GreyFrame, frame: GreyFrame, box: Box) -> float:
    """Return how unlike the pictures within ``box`` are, 0-2; 0 where the box is hardly in the picture."""
    one, other = _within(before, box), _within(frame, box)
    return 0.0 if one is None or other is None else _unlike(one, other)


def stands_out(change: float, recent: Sequence[float]) -> bool:
    """Return whether the place of a face changes much more than in the frames before."""
    if len(recent) < _LEAST_RECENT:
        return False
    return change >= max(_MIN_CHANGE, _MIN_RATIO * (sum(recent) / len(recent) + _NOISE_FLOOR))


def persists(before: GreyFrame, following: Sequence[GreyFrame], box: Box) -> bool:
    """Return whether the place of a face stays changed: after a flash or a damaged frame it is as before."""
    return all(place_change(before, one, box) >= _MIN_CHANGE for one in following)


def is_other_face(before: GreyFrame, points: Landmarks, frame: GreyFrame, other_points: Landmarks) -> bool:
    """Return whether the faces with these points, aligned by the eyes, are unlike: a head that moves stays alike."""
    return _unlike(_aligned(before, points), _aligned(frame, other_points)) >= _MIN_CHANGE


def _unlike(one: ImageGrey, other: ImageGrey) -> float:
    """Return 1 minus the correlation of two pictures of one size; 1 where one has a single grey value."""
    from pipeline.face.measures.kernels import grey_correlation

    return 1 - grey_correlation(one, other)


def _within(frame: GreyFrame, box: Box) -> ImageGrey | None:
    """Return the (16, 16) picture in ``box``, as far as it is in the frame; its range does not matter here."""
    import cv2

    height, width = frame.shape
    left, top = max(0, int(box.x)), max(0, int(box.y))
    right, bottom = min(width, int(box.x + box.w)), min(height, int(box.y + box.h))
    if min(right - left, bottom - top) < _MIN_PLACE_PX:
        return None
    step = max(1, (right - left) // _SAMPLED_PX)
    sampled = np.ascontiguousarray(frame.luma[top:bottom:step, left:right:step])
    return np.asarray(cv2.resize(sampled, (_PLACE_PX, _PLACE_PX), interpolation=cv2.INTER_AREA))


def _aligned(frame: GreyFrame, points: Landmarks) -> ImageGrey:
    """Return the (32, 32) picture of a face with its eye centres at fixed places."""
    import cv2

    left, right = (complex(*eye) for eye in eye_centres(points))
    times = max(1, int(abs(right - left) / _EYES_APART_PX / 1.5))
    margin = abs(right - left)
    x, y = np.maximum(0, points.min(axis=0) - margin).astype(int).tolist()
    end_x, end_y = np.ceil(points.max(axis=0) + margin).astype(int).tolist()
    part = frame.luma[y:end_y, x:end_x]
    if min(part.shape) < times:
        return np.zeros((_FACE_PX, _FACE_PX), np.uint8)
    small = cv2.resize(part, (part.shape[1] // times, part.shape[0] // times), interpolation=cv2.INTER_AREA)
    # As complex numbers a similarity is z -> a z + b; here from pixels of ``small``, whose centres lie at integers.
    a = _EYES_APART_PX / (right - left) if right != left else complex(1)
    b = complex(*_LEFT_EYE_PX) - a * left + a * complex(x + (times - 1) / 2, y + (times - 1) / 2)
    a *= times
    similarity = np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
    size = (_FACE_PX, _FACE_PX)
    return np.asarray(cv2.warpAffine(small, similarity, size, borderMode=cv2.BORDER_REPLICATE))
