"""Histograms of oriented gradients (Dalal and Triggs 2005), compiled: of a small picture numpy's calls take longest.

Importing this module imports numba: do so in the function that needs it.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey
from pipeline.face.measures.kernels import compiled

N_DIRECTIONS = 8  # of an eighth of half a turn each: a gradient and its opposite are one direction
_CELL_PX, _BLOCK_CELLS = 8, 2
_N_VALUES = _BLOCK_CELLS * _BLOCK_CELLS * N_DIRECTIONS  # of a block
_LARGEST = 0.2  # of a block's values, before its length is made 1 again
_LEAST_LENGTH = 1e-5
_TAN_EIGHTH = np.tan(np.pi / 8)


@compiled
def gradient_histograms(grey: ImageGrey) -> NDArray[np.float64]:
    """Return the gradients of ``grey`` (H, W) by cell of 8x8 px and direction, in blocks of 2x2 cells of length 1.

    (N,): block by block in rows, of each its cells in rows, of each its 8 directions: in the order, and with the
    numbers, of skimage's ``hog`` with blocks by ``L2-Hys``. H and W are at least 16.
    """
    height, width = grey.shape
    n_rows, n_columns = height // _CELL_PX, width // _CELL_PX
    cells = np.zeros((n_rows, n_columns, N_DIRECTIONS), np.float32)  # as skimage adds them up
    for row in range(n_rows * _CELL_PX):
        for column in range(n_columns * _CELL_PX):
            down = across = np.int64(0)
            if 0 < row < height - 1:
                down = np.int64(grey[row + 1, column]) - np.int64(grey[row - 1, column])
            if 0 < column < width - 1:
                across = np.int64(grey[row, column + 1]) - np.int64(grey[row, column - 1])
            length = np.sqrt(np.float64(across * across + down * down))
            cells[row // _CELL_PX, column // _CELL_PX, _direction(across, down)] += length
    cells /= np.float32(_CELL_PX * _CELL_PX)
    blocks = np.empty((n_rows - 1, n_columns - 1, _BLOCK_CELLS, _BLOCK_CELLS, N_DIRECTIONS))
    for row in range(n_rows - 1):
        for column in range(n_columns - 1):
            blocks[row, column] = cells[row : row + _BLOCK_CELLS, column : column + _BLOCK_CELLS]
            _even_out(blocks[row, column].reshape(-1))
    return blocks.reshape(-1)


@compiled
def _direction(across: np.int64, down: np.int64) -> int:
    """Return in which eighth of half a turn, from the right on, a gradient points; 0 where there is none."""
    if down < 0 or (down == 0 and across < 0):
        across, down = -across, -down
    if across > 0:
        if down < across:
            return 0 if down < _TAN_EIGHTH * across else 1
        return 2 if across > _TAN_EIGHTH * down else 3
    if across == 0:
        return 4 if down > 0 else 0
    if down > -across:
        return 4 if -across < _TAN_EIGHTH * down else 5
    return 6 if down > _TAN_EIGHTH * -across else 7


@compiled
def _even_out(values: NDArray[np.float64]) -> None:
    """Make the length of a block's values 1, none larger than 0.2, and the length 1 again."""
    length = np.sqrt(_square(values) + _LEAST_LENGTH**2)
    for n in range(_N_VALUES):
        values[n] = min(values[n] / length, _LARGEST)
    length = np.sqrt(_square(values) + _LEAST_LENGTH**2)
    for n in range(_N_VALUES):
        values[n] /= length


@compiled
def _square(values: NDArray[np.float64]) -> float:
    """Return the sum of the squares, added up as numpy does: in eight sums at once."""
    sums = np.zeros(N_DIRECTIONS)
    for n in range(_N_VALUES):
        sums[n % N_DIRECTIONS] += values[n] * values[n]
    return float(((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7])))
