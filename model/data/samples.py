"""What the inpainting network's training is shown: sample k of an endless row, the same however it is loaded.

``loader`` serves the samples of every training.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar, cast

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from model.data.columns import Rows
from model.data.masks import draw_mask
from model.data.samples_draw import Epochs, drawn, drawn_other, others
from model.data.samples_tensors import face_tensor, flipped, greyed, log_mel_tensor
from model.data.split import DatasetSplit
from model.settings import MaskParams, TrainParams
from pipeline.base.arrays import ImageRGB
from pipeline.base.errors import BadInput
from pipeline.base.seeds import keyed_rng

AnySample = TypeVar("AnySample")
AnyBatch = TypeVar("AnyBatch", covariant=True)

_BATCHES_AHEAD = 4
"""A worker's: what a slow batch may cost without anybody waiting for it."""


class Sample(NamedTuple):
    """A face to inpaint, and a voice and an identity label of the same person."""

    face_CHW: Tensor
    """RGB in [-1, 1]."""
    mask_1HW: Tensor
    """float32, 1 is mask, 0 is known."""
    log_mel_MT: Tensor
    label_D: Tensor
    """Of no values where the dataset has no labels."""
    face_row: int


class Batch(NamedTuple):
    """B samples."""

    face_BCHW: Tensor
    mask_B1HW: Tensor
    log_mel_BMT: Tensor
    label_BD: Tensor
    face_row_B: Tensor
    """int64."""


class TrainingSamples(Dataset[Sample]):
    """Samples of the faces of ``data``: each once an epoch, with a segment of its person, all as likely.

    Label, mirror image, loss of colour and mask are as ``params`` and ``mask_params`` say. What is drawn for a sample follows
    from ``params.seed`` and k, each thing by itself: trainings that differ in one setting see the same otherwise. The
    mask is drawn for the face as it is by then: one that is mirrored has no mirrored mask.

    Faces take part whose person has a segment; of a pack with labels, those with a label. Raises BadInput when none
    does, and when the voices of fewer than two persons are to be shuffled.
    """

    def __init__(self, data: DatasetSplit, params: TrainParams, mask_params: MaskParams) -> None:
        self._data, self._params, self._mask_params = data, params, mask_params
        self.rows = _usable(data)
        """(N,) rows of the faces that take part; N samples are an epoch."""
        if not len(self.rows):
            raise BadInput(f"no face has a label and a segment of its person's voice, of {data.summary()}")
        self.persons: Rows = np.unique(data.person_of_face[self.rows])
        """Those whom the faces are of, rising."""
        self._epochs = Epochs(self.rows, params.seed)
        self._heard = self._shuffled() if params.shuffle_voices else {}

    def __getitem__(self, k: int) -> Sample:
        """Return sample ``k``, 0 and up."""
        row = self._epochs.row(k)
        face = self._augmented(self._data.face(row), self._rng("look", k))
        return Sample(
            face_CHW=face_tensor(face),
            mask_1HW=torch.from_numpy(draw_mask(self._mask_params, self._rng("mask", k), len(face))).float()[None],
            log_mel_MT=log_mel_tensor(self._data.log_mel(self._segment_row(row, k))),
            label_D=self._label(row, k),
            face_row=row,
        )

    @staticmethod
    def collate(samples: Sequence[Sample]) -> Batch:
        """Return the samples as one batch."""
        faces, masks, log_mels, labels, rows = zip(*samples, strict=True)
        return Batch(
            torch.stack(faces), torch.stack(masks), torch.stack(log_mels), torch.stack(labels), torch.tensor(rows)
        )

    def summary(self) -> str:
        """Return in one line what takes part, and how much is left out for want of what."""
        data = self._data
        n_unheard = sum(not len(data.segments_of(person)) for person in range(len(data.persons)))
        n_unlabelled = int((~data.is_labelled).sum()) if data.label_size else 0
        left_out = f"{len(data.persons) - len(self.persons):,} persons and {data.n_faces - len(self.rows):,} faces"
        why = f"{n_unheard:,} persons have no segment, {n_unlabelled:,} faces no label"
        return f"{len(self.persons):,} persons and {len(self.rows):,} faces take part; {left_out} do not: {why}"

    def _shuffled(self) -> dict[int, int]:
        """Return whom each person is given the voice of."""
        if len(self.persons) < 2:
            raise BadInput("'train.shuffle_voices' gives persons each other's voices: expected 2 or more, found 1")
        return others(self.persons, self._params.seed)

    def _rng(self, what: str, k: int) -> np.random.Generator:
        return keyed_rng("training", what, self._params.seed, k)

    def _segment_row(self, row: int, k: int) -> int:
        person = int(self._data.person_of_face[row])
        return drawn(self._data.segments_of(self._heard.get(person, person)), self._rng("segment", k))

    def _label(self, row: int, k: int) -> Tensor:
        if not self._data.label_size:
            return torch.empty(0)
        if self._params.label_of == "same_person":
            faces = self._data.faces_of(int(self._data.person_of_face[row]))
            row = drawn_other(faces[self._data.is_labelled[faces]], row, self._rng("label", k))
        return torch.tensor(self._data.label(row))

    def _augmented(self, face: ImageRGB, rng: np.random.Generator) -> ImageRGB:
        flip, grey = rng.random(2) < (self._params.flip_share, self._params.grey_share)
        face = flipped(face) if flip else face
        return greyed(face) if grey else face


def _usable(data: DatasetSplit) -> Rows:
    """Return the rows of the faces that can be learnt from."""
    has_segment = np.bincount(data.person_of_segment, minlength=len(data.persons)) > 0
    usable = has_segment[data.person_of_face]
    return np.flatnonzero(usable & data.is_labelled if data.label_size else usable)


class Samples(Protocol[AnySample, AnyBatch]):
    """An endless row of samples that can be loaded in batches."""

    def __getitem__(self, k: int) -> AnySample:
        """Return sample ``k``, 0 and up."""

    def collate(self, samples: Sequence[AnySample]) -> AnyBatch:
        """Return the samples as one batch."""


def loader(
    samples: Samples[AnySample, AnyBatch],
    *,
    first: int,
    n: int,
    batch: int,
    workers: int = 0,
    rank: int = 0,
    world: int = 1,
    pin: bool = False,
) -> Iterator[AnyBatch]:
    """Yield the batches of the steps ``first`` to ``first + n - 1``; that of step s is samples s*batch and on.

    Of each batch, rank ``rank`` of ``world`` gets its consecutive share, so that the ranks' shares in order are the
    batch. ``workers`` (0: none but the caller) and ``pin`` (page-locked memory, for a GPU) change no value. Raises
    BadInput when ``world`` does not divide ``batch``.
    """
    if batch % world:
        raise BadInput(f"a batch of {batch} can't be shared by {world} processes: 'batch' must be a multiple of them")
    share = batch // world
    starts = range(first * batch + rank * share, (first + n) * batch, batch)
    loaded = DataLoader(
        cast(Dataset[AnySample], samples),
        batch_sampler=(list(range(start, start + share)) for start in starts),
        num_workers=workers,
        prefetch_factor=_BATCHES_AHEAD if workers else None,
        collate_fn=samples.collate,
        pin_memory=pin,
        worker_init_fn=_one_thread,
        generator=torch.Generator(),  # its own: else opening it would take a number from the training's
    )
    return iter(loaded)


def _one_thread(_: int) -> None:
    """Let a worker's pictures be decoded by itself: threads of the process it was forked from are not there."""
    cv2.setNumThreads(0)
