"""Detect cuts in the decoded frames."""

from collections import deque

from pipeline.core.base.arrays import ImageGrey
from pipeline.video.decode import GreyFrame

_THUMBNAIL_PX = (32, 18)
_SAMPLED_PX = 128  # a thumbnail is averaged from about this many columns, however wide the picture
_N_RECENT = 8
# Added to the recent mean, so that a small motion after a still picture is no cut.
_NOISE_FLOOR = 0.002


class CutDetector:
    """Decides for each frame, in order, whether a new shot begins with it.

    A frame begins a shot when it differs from the one before by at least ``min_difference`` (mean absolute
    difference of 32x18 thumbnails over the grey range, 0-1) and by at least ``min_ratio`` times the mean of the
    eight differences before it: a cut stands out from the motion around it, a moving camera does not.
    """

    def __init__(self, min_difference: float, min_ratio: float) -> None:
        self._min_difference = min_difference
        self._min_ratio = min_ratio
        self._last: ImageGrey | None = None  # the thumbnail of the last frame
        self._recent: deque[float] = deque(maxlen=_N_RECENT)

    @property
    def thumbnail(self) -> ImageGrey:
        """That of the last frame, (18, 32) uint8."""
        if self._last is None:
            raise RuntimeError("no frame has been seen")
        return self._last

    def is_cut(self, frame: GreyFrame) -> bool:
        """Return whether ``frame`` begins a new shot; the first frame does not."""
        import cv2

        step = max(1, frame.shape[1] // _SAMPLED_PX)
        thumbnail = cv2.resize(frame.sampled(step), _THUMBNAIL_PX, interpolation=cv2.INTER_AREA)
        last, self._last = self._last, thumbnail
        if last is None:
            return False
        difference = cv2.norm(thumbnail, last, cv2.NORM_L1) / thumbnail.size / 255
        usual = sum(self._recent) / max(1, len(self._recent)) + _NOISE_FLOOR
        if difference >= max(self._min_difference, self._min_ratio * usual):
            self._recent.clear()
            return True
        self._recent.append(difference)
        return False
