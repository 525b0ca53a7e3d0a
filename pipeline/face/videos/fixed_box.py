"""Where a face's videos begin and end, and the fixed box of each, in which the face moves.

As the First Order Motion Model's preprocessing does it (AliaksandrSiarohin/video-preprocessing, crop_vox.py), whose
crops StyleHEAT takes: a video lasts while the face's box overlaps its first one, and shows the union of all of them,
made square and grown by a margin.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor

from pipeline.core.base.units import SAME_TIME_S
from pipeline.core.records.frame import Frame
from pipeline.face.crops.aligned_face import box_of
from pipeline.face.measures.boxes import Box, iou
from pipeline.face.videos.settings import FaceVideoParams


@dataclass(frozen=True, slots=True)
class BoxedFace:
    """A face from its first to its last observation in one video; ``union`` is the smallest box around its boxes."""

    start_s: float
    end_s: float
    n_observed: int
    track_ids: tuple[str, ...]
    union: Box

    def n_pictures(self, fps: int) -> int:
        """Return how many pictures ``fps`` a second are shown from the first observation up to the last."""
        return floor((self.end_s - self.start_s + SAME_TIME_S) * fps) + 1


@dataclass(frozen=True, slots=True)
class Square:
    """A square of whole pixels; it may reach beyond the picture."""

    x_px: int
    y_px: int
    side_px: int

    def is_inside(self, width_px: int, height_px: int) -> bool:
        """Return whether all of it lies in a picture of this size."""
        return (
            min(self.x_px, self.y_px) >= 0
            and self.x_px + self.side_px <= width_px
            and self.y_px + self.side_px <= height_px
        )


def boxed_faces(frames: Sequence[Frame], cuts_s: Sequence[float], params: FaceVideoParams) -> Iterator[BoxedFace]:
    """Yield one subject's faces, as each is in one video, from its ``frames`` in time order.

    Another video begins at a cut (``cuts_s``: the first frames of shots, ascending), where the face's box overlaps the
    video's first one too little, where the face was unobserved for too long, and where a video is long enough.
    """
    run: list[Frame] = []
    for frame in frames:
        if run and not _goes_on(run, frame, cuts_s, params):
            yield _boxed(run)
            run = []
        run.append(frame)
    if run:
        yield _boxed(run)


def square_around(box: Box, margin: float) -> Square:
    """Return the square around ``box``, of the same centre: its longer side, and ``margin`` of that on each side."""
    side_px = ceil(max(box.w, box.h) * (1 + 2 * margin))
    x_px, y_px = box.x + (box.w - side_px) / 2, box.y + (box.h - side_px) / 2
    return Square(round(x_px), round(y_px), side_px)


def _goes_on(run: Sequence[Frame], frame: Frame, cuts_s: Sequence[float], params: FaceVideoParams) -> bool:
    first, last = run[0], run[-1]
    is_same_shot = bisect_right(cuts_s, last.time_s + SAME_TIME_S) == bisect_right(cuts_s, frame.time_s + SAME_TIME_S)
    return (
        is_same_shot
        and iou(box_of(first), box_of(frame)) >= params.min_iou
        and frame.time_s - last.time_s <= params.max_gap_s + SAME_TIME_S
        and frame.time_s - first.time_s < params.max_frames / params.fps - SAME_TIME_S
    )


def _boxed(run: Sequence[Frame]) -> BoxedFace:
    boxes = [box_of(frame) for frame in run]
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.w for box in boxes), max(box.y + box.h for box in boxes)
    track_ids = tuple(dict.fromkeys(frame.track_id for frame in run))
    union = Box(left, top, right - left, bottom - top)
    return BoxedFace(run[0].time_s, run[-1].time_s, len(run), track_ids, union)
