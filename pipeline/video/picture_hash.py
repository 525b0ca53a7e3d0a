"""A hash of a picture that another encoding, size, brightness or a slight crop of it hardly changes.

The signs of its low frequencies (Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions"):
they depend on where it is light and dark, not on how light.
"""

from bisect import bisect_left

import numpy as np

from pipeline.core.base.arrays import ImageGrey

_N_FREQUENCIES = 8  # in each direction
_EVERY_S = 0.2
N_PICTURE_BITS = _N_FREQUENCIES**2 - 1  # all but the mean


def picture_hash(thumbnail: ImageGrey) -> int:
    """Return N_PICTURE_BITS bits of ``thumbnail``, (H, W) uint8 of even height and width, at least 8 each."""
    import cv2

    frequencies = cv2.dct(thumbnail.astype(np.float32))[:_N_FREQUENCIES, :_N_FREQUENCIES].ravel()[1:]
    return int.from_bytes(np.packbits(np.concatenate([[False], frequencies > 0])).tobytes())


class PictureHashes:
    """The hashes of a clip's pictures, of some a second."""

    def __init__(self) -> None:
        self._times_s: list[float] = []
        self._hashes: list[int] = []

    def see(self, time_s: float, thumbnail: ImageGrey) -> None:
        """Take the next picture into account."""
        if not self._times_s or time_s >= self._times_s[-1] + _EVERY_S:
            self._times_s.append(time_s)
            self._hashes.append(picture_hash(thumbnail))

    def at(self, time_s: float) -> int:
        """Return the hash of the picture seen next to ``time_s``."""
        after = bisect_left(self._times_s, time_s)
        near = range(max(0, after - 1), min(after + 1, len(self._times_s)))
        return self._hashes[min(near, key=lambda number: abs(self._times_s[number] - time_s))]
