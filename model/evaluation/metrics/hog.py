"""Histograms of oriented gradients (Dalal and Triggs 2005), and their distance.

The paper states neither size nor cells. On a face of 64 px, distances have the size of the paper's 2.1.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.feature import hog

from pipeline.core.base.arrays import ImageRGB

SIDE_PX = 64
N_ORIENTATIONS = 9
CELL_PX = 8
BLOCK_CELLS = 2


def hog_features(face: ImageRGB) -> NDArray[np.float64]:
    """Return (1764,) of a square face: 7x7 blocks of 2x2 cells of 9 orientations, each block normalised (L2-Hys)."""
    small = cv2.resize(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    features: NDArray[np.float64] = hog(
        small,
        orientations=N_ORIENTATIONS,
        pixels_per_cell=(CELL_PX, CELL_PX),
        cells_per_block=(BLOCK_CELLS, BLOCK_CELLS),
        block_norm="L2-Hys",
    )
    return features


def hog_distance(inpainted: ImageRGB, true: ImageRGB) -> float:
    """Return the Euclidean distance of the features of two square faces."""
    return float(np.linalg.norm(hog_features(inpainted) - hog_features(true)))
