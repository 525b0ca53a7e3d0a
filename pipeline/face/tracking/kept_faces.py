"""The pictures of a track's face that are kept, so that nobody need decode its frames again to tell whose it is."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.core.base.arrays import ImageGrey, Landmarks
from pipeline.face.measures.boxes import Box
from pipeline.face.measures.measures import inside_share
from pipeline.face.measures.points import eye_centres
from pipeline.face.measures.pose import head_pose_deg
from pipeline.video.decode import GreyFrame

N_KEPT = 2
"""Pictures of a track: one of each half, as it may show another person after a cut that was not found."""
_PICTURE_PX = 224  # recognition networks take faces of 150 and 224 pixels
# From between the eyes to each side, in interocular distances: as far as an aligned face reaches.
_REACH = 2.2
_MIN_INSIDE_SHARE = 0.8
_FIRST_BLOCK_S = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class KeptFace:
    """A face in one frame: ``grey`` (H, W), a square around it, at most _PICTURE_PX wide; ``points`` (68, 2) in it.

    ``turned_deg``: how far the head is turned and raised, together. ``interocular_px``: in the full frame.
    """

    time_s: float
    turned_deg: float
    interocular_px: float
    grey: ImageGrey
    points: Landmarks


class KeptFaces:
    """The most frontal face of each half of a track, of those that are whole; memory holds four pictures at most.

    How long a track is, is known when it ends. So its time is cut into blocks, of which each has its best face, and
    whenever there are more than twice as many as pictures to keep, two become one.
    """

    def __init__(self) -> None:
        self._begin_s: float | None = None
        self._block_s = _FIRST_BLOCK_S
        self._best: dict[int, KeptFace] = {}  # by number of the block

    def see(self, frame: GreyFrame, box: Box, points: Landmarks) -> None:
        """Keep the face of ``points`` (68, 2) and ``box``, pixels of ``frame``, if it is the best of its block so far.

        Frames come in order of time.
        """
        height, width = frame.shape
        if inside_share(box, width, height) < _MIN_INSIDE_SHARE:
            return
        self._begin_s = frame.time_s if self._begin_s is None else self._begin_s
        block = int((frame.time_s - self._begin_s) / self._block_s)
        while block >= 2 * N_KEPT:
            self._best = _best_of((number // 2, face) for number, face in self._best.items())
            self._block_s, block = 2 * self._block_s, block // 2
        yaw, pitch, _ = head_pose_deg(points)
        turned_deg = float(np.hypot(yaw, pitch))
        best = self._best.get(block)
        if best is None or turned_deg < best.turned_deg:
            face = _cut_out(frame, points, turned_deg)
            if face is not None:
                self._best[block] = face

    def kept(self) -> list[KeptFace]:
        """Return up to N_KEPT faces, in order of time."""
        n_blocks = max(self._best, default=0) + 1
        found = _best_of((number * N_KEPT // n_blocks, face) for number, face in self._best.items())
        return [found[part] for part in sorted(found)]


def _best_of(faces: Iterable[tuple[int, KeptFace]]) -> dict[int, KeptFace]:
    best: dict[int, KeptFace] = {}
    for number, face in faces:
        if number not in best or face.turned_deg < best[number].turned_deg:
            best[number] = face
    return best


def _cut_out(frame: GreyFrame, points: Landmarks, turned_deg: float) -> KeptFace | None:
    """Return the square around the face, as far as it is in the frame; None where that is nothing."""
    import cv2

    left_eye, right_eye = (np.asarray(one, np.float64) for one in eye_centres(points))
    interocular_px = float(np.hypot(*(right_eye - left_eye)))
    middle, reach = (left_eye + right_eye) / 2, _REACH * interocular_px
    height, width = frame.shape
    left, top = (max(0, int(one)) for one in np.floor(middle - reach))
    right, bottom = (min(most, int(one)) for one, most in zip(np.ceil(middle + reach), (width, height), strict=True))
    if min(right - left, bottom - top) < 1:
        return None
    grey = frame.part(left, top, right, bottom)
    share = min(1.0, _PICTURE_PX / max(grey.shape))
    size = tuple(max(1, round(share * side)) for side in grey.shape[::-1])
    shrunk = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA)) if share < 1 else grey.copy()
    scale = np.array(size) / grey.shape[::-1]
    in_picture = (points - (left, top) + 0.5) * scale - 0.5  # pixel centres lie at integers
    return KeptFace(
        time_s=frame.time_s,
        turned_deg=turned_deg,
        interocular_px=interocular_px * frame.scale,
        grey=shrunk,
        points=in_picture.astype(np.float32),
    )
