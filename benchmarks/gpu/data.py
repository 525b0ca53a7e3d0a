"""Generated aligned faces and log-mels, as a dataset split holds them: loading them costs what real ones cost."""

from dataclasses import replace

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.gpu.scale import Scale
from model.data.columns import MappedColumn, read_picture
from model.data.split import DatasetSplit
from pipeline.core.base.arrays import ImageRGB
from pipeline.identity.network.resnet import feature_size

FACE_PX = 256
N_MELS = 64
GRAIN = 2.0
"""Grey levels of noise: the faces' PNGs then have the size of those cut from video, about 100 KB."""


def generated_split(scale: Scale) -> DatasetSplit:
    """Return faces, labels and log-mels of some persons, whose looks go with their voices."""
    draw = np.random.default_rng(0)
    persons = [f"person_{number:03d}" for number in range(scale.n_persons) for _ in range(scale.faces_of_person)]
    traits = np.repeat(draw.random((scale.n_persons, 8)), scale.faces_of_person, axis=0)
    faces = [drawn_face(trait, draw).tobytes() for trait in traits]
    label_size = feature_size(scale.recognition_width)
    labels = traits @ draw.random((8, label_size)) + 0.1 * draw.random((len(persons), label_size))
    voices = (traits - 0.5) @ draw.normal(size=(8, N_MELS))
    log_mels = voices[:, :, None] + draw.normal(size=(len(persons), N_MELS, scale.n_frames))
    split = DatasetSplit.from_arrays(
        faces=np.empty((len(persons), 0, 0, 3), np.uint8),
        face_persons=persons,
        labels=labels.astype(np.float32),
        log_mels=log_mels.astype(np.float32),
        segment_persons=persons,
    )
    pixels = pa.chunked_array([pa.array(faces, pa.binary(3 * FACE_PX**2))])
    return replace(split, faces=MappedColumn(pixels, np.arange(len(persons)), read_picture))


def drawn_face(trait: NDArray[np.float64], draw: np.random.Generator) -> ImageRGB:
    """Return (256, 256, 3), an aligned face of flat colours on a gradient, with grain; ``trait`` (8,) is 0 to 1."""
    background = draw.integers(40, 216, (3, 3, 3), np.uint8)
    face = cv2.resize(background, (FACE_PX, FACE_PX), interpolation=cv2.INTER_CUBIC)
    skin = np.array([120, 80, 60]) + 120 * trait[:3]
    shift = draw.integers(-6, 7, 2)
    centre = np.array([128, 140]) + shift
    _ellipse(face, centre, (70 + 25 * trait[3], 100), skin)
    for side in (-32, 32):
        _ellipse(face, centre + (side, -20), (13, 8), np.full(3, 235))
        _ellipse(face, centre + (side, -20), (6, 7), 30 + 90 * trait[4:7])
        _ellipse(face, centre + (side, -38), (18, 3 + 3 * trait[7]), 0.4 * skin)
    _ellipse(face, centre + (0, 12), (7, 16), 0.85 * skin)
    _ellipse(face, centre + (0, 48), (20 + 14 * trait[7], 4 + 6 * draw.random()), np.array([170, 60, 70]))
    blurred = cv2.GaussianBlur(face, (0, 0), 1.5).astype(np.float64)
    return np.asarray(np.clip(blurred + draw.normal(0, GRAIN, face.shape), 0, 255), np.uint8)


def _ellipse(
    face: ImageRGB, centre: NDArray[np.int_], axes: tuple[float, float], colour: NDArray[np.floating | np.int_]
) -> None:
    red, green, blue = np.clip(colour, 0, 255).tolist()
    x, y = centre.tolist()
    cv2.ellipse(face, (int(x), int(y)), (int(axes[0]), int(axes[1])), 0, 0, 360, (red, green, blue), -1, cv2.LINE_AA)
