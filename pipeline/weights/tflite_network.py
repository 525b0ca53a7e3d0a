"""Run a network stored in TensorFlow Lite's format, by OpenCV."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.errors import BadInput


class TfliteNetwork:
    """A network of one input; computes on one thread, so that its results and its cost are the same in every run."""

    def __init__(self, content: bytes, outputs: Sequence[str], what: str) -> None:
        """Load the file ``content``; ``outputs`` are the names of its outputs, ``what`` names it in messages.

        Raises BadInput for what OpenCV can't read. The file's structure is not
        checked: use bytes of a known sha256 only.
        """
        import cv2

        try:
            with TemporaryDirectory() as folder:
                # The default engine returns one output only, and of bytes in memory OpenCV takes no other.
                path = Path(folder, "network.tflite")
                path.write_bytes(content)
                self._network = cv2.dnn.readNetFromTFLite(str(path), cv2.dnn.ENGINE_CLASSIC)
        except cv2.error as error:
            raise BadInput(f"{what}: expected a network in TensorFlow Lite's format: {error.err}") from None
        self._outputs, self._what = list(outputs), what
        missing = sorted(set(self._outputs) - set(self._network.getLayerNames()))
        if missing:
            raise BadInput(f"{what}: expected a network with the output '{missing[0]}', found none")

    def run(self, picture: NDArray[np.float32], sizes: Sequence[int]) -> list[NDArray[np.float32]]:
        """Return the outputs, each flat, float32, for one (1, C, H, W) float32 input.

        Raises BadInput when they have not ``sizes`` numbers.
        """
        with one_cv_thread():
            self._network.setInput(picture)
            found = [one.reshape(-1) for one in self._network.forward(self._outputs)]
        if [one.size for one in found] != list(sizes):
            raise BadInput(
                f"{self._what}: expected outputs of {list(sizes)} numbers, found {[one.size for one in found]}"
            )
        return found


@contextmanager
def one_cv_thread() -> Iterator[None]:
    """Let OpenCV compute on one thread within the block.

    0 leaves OpenCV's threads alone; 1 would end them and wait for that, in a forked process for ever.
    """
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
