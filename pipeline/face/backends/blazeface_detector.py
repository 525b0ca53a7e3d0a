"""BlazeFace of the back camera (Bazarevsky et al. 2019), at pictures' own sizes.

The network takes 256x256 px, RGB, -1 to 1, and names 896 faces by their scores: at each cell of two grids, 16 and 32 px
apart, two and six (mediapipe 0.8: face_detection_back_mobile_gpu.pbtxt, ssd_anchors_calculator.cc). Anchors are the
middles of their cells, and have no size of their own. As it consists of convolutions alone, it takes pictures of any
size, and finds in them faces of the sizes that it finds in 256 px: of 89 real faces pasted into pictures of 640x360,
90 % at a height of 15 px, 98 % at 18, all from 24 on, at scores from 0.5 on. MediaPipe's network for far faces (full
range) is as dear a pixel, and needs 23 px for 97 %. Larger faces are found in the picture shrunk.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey
from pipeline.face.backends.interface import Detection
from pipeline.face.backends.tiles import without_duplicates
from pipeline.face.measures.boxes import Box
from pipeline.weights.tflite_network import TfliteNetwork

_OUTPUTS = ("classificators", "regressors")
_LAYERS = ((16, 2), (32, 6))  # for each grid, the pixels between its cells, and the anchors of a cell
_CELL_PX = 32
_N_NUMBERS = 16  # of an anchor: middle, width and height of its box, then six points, all in pixels
_INPUT_PX = 256
_SMALLEST_PX = 128  # a smaller picture is enlarged to this: its faces are large in it, and the network knows few pixels
_SHRINK = 4
# A larger face is left to the shrunk picture, where it still has 24 px or more. Of 89 real pictures of one face, 3 have
# a part that counts as a face of its own, with 128 here 7, with 160 here 23; the face is missed in none.
_LARGEST_FACE_PX = 100
_MIN_SCORE = 0.6  # in clips without a face, 18 of 19 detections in 24 frames score less; of real faces of 24 px, 1 % do
_MAX_LOGIT = 80.0  # beyond it, exp overflows float32


class BlazeFaceDetector:
    """Finds faces from about 24 px up to the picture's size, up to full profile; 0.15 us a pixel on one core."""

    min_face_px = 24

    def __init__(self, weights: Path) -> None:
        self._network = TfliteNetwork(weights.read_bytes(), _OUTPUTS, str(weights))

    def detect(self, grey: ImageGrey) -> list[Detection]:
        """Return the faces, best first, in boxes as dlib's detector would place them; scores 0.6-1."""
        import cv2

        found: list[Detection] = []
        for scale, is_last in scales(max(grey.shape)):
            size = tuple(max(1, round(side * scale)) for side in grey.shape[::-1])
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            picture = grey if scale == 1 else np.asarray(cv2.resize(grey, size, interpolation=how), np.uint8)
            faces = self._faces(picture)
            found += [
                Detection(one.box.scaled(1 / scale), one.score)
                for one in faces
                if is_last or one.box.h <= _LARGEST_FACE_PX
            ]
        return without_duplicates(found)

    def _faces(self, grey: ImageGrey) -> list[Detection]:
        """Return the anchors of one picture that are faces; several may be one face."""
        rows, columns = (-(-side // _CELL_PX) for side in grey.shape)
        padded = np.zeros((rows * _CELL_PX, columns * _CELL_PX), np.uint8)
        padded[: grey.shape[0], : grey.shape[1]] = grey
        channel = padded.astype(np.float32) / np.float32(127.5) - np.float32(1)
        anchors = anchor_middles(rows, columns)
        sizes = len(anchors), len(anchors) * _N_NUMBERS
        logits, numbers = self._network.run(np.repeat(channel[None, ..., None], 3, axis=3), sizes)
        scores = 1 / (1 + np.exp(-np.clip(logits, -_MAX_LOGIT, _MAX_LOGIT)))
        sure = np.flatnonzero(scores >= _MIN_SCORE)
        boxes = numbers.reshape(-1, _N_NUMBERS)[sure, :4].astype(np.float64)
        boxes[:, :2] += anchors[sure]
        return [_detection(box, float(score)) for box, score in zip(boxes, scores[sure], strict=True)]


def scales(longer_px: int) -> list[tuple[float, bool]]:
    """Return how a picture is scaled to be searched, its own size first, and whether it is for the last time."""
    if longer_px <= _INPUT_PX:
        return [(max(1.0, _SMALLEST_PX / longer_px), True)]
    found = [1.0]
    while found[-1] * longer_px > _INPUT_PX:
        found.append(max(found[-1] / _SHRINK, _SMALLEST_PX / longer_px))
    return [(scale, scale == found[-1]) for scale in found]


def anchor_middles(rows: int, columns: int) -> NDArray[np.float64]:
    """Return the (A, 2) middles of the anchors' cells, x and y in pixels, of a picture of so many cells of 32 px."""
    found = []
    for step, n_each in _LAYERS:
        y, x = ((np.arange(n * _CELL_PX // step) + 0.5) * step for n in (rows, columns))
        middles = np.stack([a.ravel() for a in np.meshgrid(x, y)], axis=1)
        found.append(np.repeat(middles, n_each, axis=0))
    return np.concatenate(found)


def _detection(box: NDArray[np.float64], score: float) -> Detection:
    """Return the square that dlib's detector would place: the network's own box to within 3 % of its side."""
    x, y, width, height = box
    side = max(1.0, float(np.sqrt(max(0.0, width) * max(0.0, height))))
    return Detection(Box(float(x) - side / 2, float(y) - side / 2, side, side), score)
