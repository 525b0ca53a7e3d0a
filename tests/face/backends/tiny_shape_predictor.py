"""A tiny landmark model and dlib's file of it, written independently of the reader under test."""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey
from pipeline.face.backends.shape_predictor_file import ShapePredictor

N_CASCADES, N_TREES, N_SPLITS, N_FEATURES, N_POINTS = 3, 23, 7, 11, 4
TINY_BOXES = [(40, 20, 119, 99), (-30, 50, 69, 149), (90, -20, 190, 80)]


def integer(value: int) -> bytes:
    """Write as dlib's serialize.h does: the number of bytes with the sign in bit 7, then these, the lowest first."""
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def number(value: float) -> bytes:
    mantissa, exponent = math.frexp(value)
    return integer(int(mantissa * 2**24)) + integer(exponent - 24)


def numbers(values: NDArray[np.float32]) -> bytes:
    return b"".join(number(float(value)) for value in values.reshape(-1))


def column(values: NDArray[np.float32]) -> bytes:
    return integer(-len(values)) + integer(-1) + numbers(values)


def _tree(splits: NDArray[np.int32], thresholds: NDArray[np.float32], leaves: NDArray[np.float32]) -> bytes:
    nodes = [integer(int(a)) + integer(int(b)) + number(float(t)) for (a, b), t in zip(splits, thresholds, strict=True)]
    return integer(len(nodes)) + b"".join(nodes) + integer(len(leaves)) + b"".join(map(column, leaves))


def file_of(model: ShapePredictor) -> bytes:
    forests = zip(model.splits, model.thresholds, model.leaves, strict=True)
    parts = [integer(1), column(model.initial), integer(len(model.splits))]
    for forest in forests:
        parts += [integer(len(forest[0])), *(_tree(*one) for one in zip(*forest, strict=True))]
    parts.append(integer(len(model.anchors)))
    parts += [integer(len(row)) + b"".join(integer(int(anchor)) for anchor in row) for row in model.anchors]
    parts.append(integer(len(model.deltas)))
    parts += [integer(len(row)) + numbers(row) for row in model.deltas]
    return b"".join(parts)


def tiny_model() -> ShapePredictor:
    rng = np.random.default_rng(7)
    shape = (N_CASCADES, N_TREES, N_SPLITS)
    return ShapePredictor(
        initial=np.array([0.2, 0.3, 0.8, 0.25, 0.5, 0.6, 0.45, 0.9], np.float32),
        splits=rng.integers(0, N_FEATURES, (*shape, 2), np.int32),
        thresholds=rng.uniform(-60, 60, shape).astype(np.float32),
        leaves=rng.normal(0, 0.004, (N_CASCADES, N_TREES, N_SPLITS + 1, 2 * N_POINTS)).astype(np.float32),
        anchors=rng.integers(0, N_POINTS, (N_CASCADES, N_FEATURES), np.int32),
        deltas=rng.normal(0, 0.15, (N_CASCADES, N_FEATURES, 2)).astype(np.float32),
    )


def soft_picture() -> ImageGrey:
    import cv2

    noise = np.random.default_rng(1).integers(0, 256, (120, 160), np.uint8)
    return np.asarray(cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX))
