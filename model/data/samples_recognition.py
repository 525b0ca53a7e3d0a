"""The samples of the face recognition network's training: faces, changed at random, with their persons."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from model.data.columns import Rows
from model.data.recognition_faces import RecognitionFaces
from model.data.samples_draw import Epochs
from model.settings import PretrainIdentityParams
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.seeds import keyed_rng
from pipeline.identity.network.resnet import INPUT_PX, preprocess_framed

HALF_PX = INPUT_PX // 2
FULL_SIZE_SHARE = 0.15
"""Most epochs train on half-size faces, at a third of the cost; the last ones on the size of later use."""

MAX_SHIFT = 0.08
MAX_ZOOM = 0.08
MAX_BRIGHTNESS = 30.0
MAX_CONTRAST = 0.2
"""Augmentation: shift in halves of the picture, zoom in shares of its size, grey levels of 255, share of contrast."""


class RecognitionSample(NamedTuple):
    """A face as the network takes it, and its person."""

    face_CHW: Tensor
    """Of 112 px, in the last epochs 224: BGR minus the mean, of 255 grey levels."""
    person: int
    """Index in the sorted names of the persons."""


class RecognitionBatch(NamedTuple):
    """B samples of one size."""

    face_BCHW: Tensor
    person_B: Tensor
    """int64."""


class RecognitionSamples:
    """The faces ``rows``, each once per epoch, shifted, zoomed, mirrored and lit at random.

    Each draw for a sample depends on ``params.seed`` and its number alone.
    """

    def __init__(self, faces: RecognitionFaces, params: PretrainIdentityParams, rows: Rows) -> None:
        number_of = {name: number for number, name in enumerate(sorted(set(faces.persons)))}
        self.person_of_face = np.array([number_of[name] for name in faces.persons], np.int64)
        """(N,) number of the person of each of ``faces``."""
        self._faces, self._params = faces, params
        self._epochs = Epochs(rows, params.seed)
        n_full_size_epochs = max(1, round(FULL_SIZE_SHARE * params.epochs))
        self._n_half_size_steps = math.ceil((params.epochs - n_full_size_epochs) * len(rows) / params.batch)
        self.n_steps = math.ceil(params.epochs * len(rows) / params.batch)
        """Steps of all epochs together."""

    def __getitem__(self, k: int) -> RecognitionSample:
        """Return sample ``k``, 0 and up."""
        row = self._epochs.row(k)
        size_px = HALF_PX if k // self._params.batch < self._n_half_size_steps else INPUT_PX
        rng = keyed_rng("recognition", "look", self._params.seed, k)
        return RecognitionSample(augment(self._faces.read(row), size_px, rng), int(self.person_of_face[row]))

    def load(self, numbers: Sequence[int]) -> RecognitionBatch:
        """Return the samples of these numbers, of one step."""
        faces, persons = zip(*(self[k] for k in numbers), strict=True)
        return RecognitionBatch(torch.stack(faces), torch.tensor(persons))


def augment(face: ImageRGB, size_px: int, rng: np.random.Generator) -> Tensor:
    """Return the network's input (3, size_px, size_px), float32, of a face (224, 224, 3).

    It is shifted, zoomed and changed in brightness and contrast at random, and mirrored in half of all cases.
    """
    face_1CHW = preprocess_framed(face[None])
    if size_px != INPUT_PX:
        face_1CHW = functional.adaptive_avg_pool2d(face_1CHW, size_px)
    zoom, shift_x, shift_y, contrast, brightness = rng.uniform(-1, 1, 5) * (
        MAX_ZOOM,
        MAX_SHIFT,
        MAX_SHIFT,
        MAX_CONTRAST,
        MAX_BRIGHTNESS,
    )
    mirror = rng.choice((-1, 1))
    affine = [[(1 + zoom) * mirror, 0, shift_x], [0, 1 + zoom, shift_y]]
    affine_123 = torch.tensor([affine], dtype=torch.float32)
    grid = functional.affine_grid(affine_123, list(face_1CHW.shape), align_corners=False)
    moved_1CHW = functional.grid_sample(face_1CHW, grid, padding_mode="border", align_corners=False)
    augmented_CHW: Tensor = moved_1CHW[0] * (1 + contrast) + brightness
    return augmented_CHW
