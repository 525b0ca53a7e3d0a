"""A hash of a picture that another encoding, size, brightness, black bars or a slight crop of it hardly changes.

The signs of its low frequencies (Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions"):
they depend on where it is light and dark, not on how light.
"""

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey

_N_FREQUENCIES = 8  # in each direction
_EVERY_S = 0.2
_MAX_BAR_LEVEL = 32  # of 255, in all pictures of a clip
_MIN_SHOWN_SHARE = 0.5  # of a side that is no bar; less, and it is a dark picture
N_PICTURE_BITS = _N_FREQUENCIES**2 - 1  # all but the mean


def picture_hash(thumbnail: ImageGrey) -> int:
    """Return N_PICTURE_BITS bits of ``thumbnail``, (H, W) uint8 of even height and width, at least 8 each."""
    import cv2

    frequencies = cv2.dct(thumbnail.astype(np.float32))[:_N_FREQUENCIES, :_N_FREQUENCIES].ravel()[1:]
    return int.from_bytes(np.packbits(np.concatenate([[False], frequencies > 0])).tobytes())


class PictureHashes:
    """The hashes of a clip's pictures, of some a second, without the black bars that are there all the time."""

    def __init__(self) -> None:
        self._times_s: list[float] = []
        self._thumbnails: list[ImageGrey] = []
        self._brightest: ImageGrey | None = None  # of each pixel, over time

    def see(self, time_s: float, thumbnail: ImageGrey) -> None:
        """Take the next picture into account; all are of one size."""
        if not self._times_s or time_s >= self._times_s[-1] + _EVERY_S:
            self._times_s.append(time_s)
            self._thumbnails.append(thumbnail.copy())
            self._brightest = thumbnail if self._brightest is None else np.maximum(self._brightest, thumbnail)

    def at(self, time_s: float) -> int:
        """Return the hash of the picture seen next to ``time_s``; to be asked once all are seen."""
        after = bisect_left(self._times_s, time_s)
        near = range(max(0, after - 1), min(after + 1, len(self._times_s)))
        return picture_hash(self._without_bars(min(near, key=lambda number: abs(self._times_s[number] - time_s))))

    def _without_bars(self, number: int) -> ImageGrey:
        import cv2

        thumbnail = self._thumbnails[number]
        is_seen = np.asarray(self._brightest) > _MAX_BAR_LEVEL
        rows, columns = (_extent(np.asarray(is_seen.any(axis=axis))) for axis in (1, 0))
        if thumbnail[rows, columns].shape == thumbnail.shape:
            return thumbnail
        shape = thumbnail.shape[::-1]
        return np.asarray(cv2.resize(thumbnail[rows, columns], shape, interpolation=cv2.INTER_LINEAR), np.uint8)


def _extent(is_seen: NDArray[np.bool_]) -> slice:
    """Return from the first to the last that is seen; all where these are few."""
    places = np.flatnonzero(is_seen)
    if not len(places) or places[-1] + 1 - places[0] < _MIN_SHOWN_SHARE * len(is_seen):
        return slice(None)
    return slice(places[0], places[-1] + 1)
