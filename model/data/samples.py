"""The samples of the generator's training: an endless sequence, the same however it is loaded.

``load_batches`` loads the samples of every training. A batch is loaded as bytes; what networks take is made of them
on their device.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from model.data.columns import Rows
from model.data.masks import draw_mask
from model.data.samples_draw import Epochs, assign_other_persons, draw_other_row, draw_row
from model.data.samples_tensors import copy_face, faces_tensor, masks_tensor
from model.data.split import DatasetSplit
from model.settings import MaskParams, SegmentOf, TrainParams
from pipeline.core.base.errors import BadInput
from pipeline.core.base.seeds import keyed_rng

AnyBatch = TypeVar("AnyBatch", covariant=True)

_PREFETCHED_BATCHES = 4
"""Per worker: enough that a slow batch does not stop the training."""


class Sample(NamedTuple):
    """A face to inpaint, and a voice and an identity label of the same person."""

    face_CHW: Tensor
    """RGB in [-1, 1]."""
    mask_1HW: Tensor
    """float32, 1 in the masked region, 0 where the face is known."""
    log_mel_MT: Tensor
    label_D: Tensor
    """Empty where the dataset has no labels."""
    face_row: int


class Batch(NamedTuple):
    """B samples."""

    face_BCHW: Tensor
    mask_B1HW: Tensor
    log_mel_BMT: Tensor
    label_BD: Tensor
    face_row_B: Tensor
    """int64."""


class PackedBatch(NamedTuple):
    """B samples as they are loaded, in a third of the bytes of a ``Batch``; all tensors are on one device."""

    face_BHWC: Tensor
    """uint8 RGB."""
    mask_BHN: Tensor
    """uint8: eight pixels a byte, the first one highest."""
    log_mel_BMT: Tensor
    label_BD: Tensor
    face_row_B: Tensor
    """int64."""

    def unpacked(self) -> Batch:
        """Return the batch as the networks take it, on the same device; the faces' channels are last in memory."""
        masks_B1HW = masks_tensor(self.mask_BHN, width_px=self.face_BHWC.shape[2])
        return Batch(faces_tensor(self.face_BHWC), masks_B1HW, self.log_mel_BMT, self.label_BD, self.face_row_B)


class TrainingSamples:
    """Samples of the faces of ``data``: each once per epoch, with a segment of its person, drawn uniformly.

    The segment is one of the face's dataset, or of all, as ``params.segment_of`` says; another person's may be of any.
    Label, mirroring, loss of colour and mask follow ``params`` and ``mask_params``. Each draw for a sample depends on
    ``params.seed``, k and its purpose alone: trainings that differ in one param share all other draws. A mirrored face
    has no mirrored mask.

    Faces are used whose person has a segment; of a split with labels, those with a label. Raises BadInput when there is
    none, and when the voices of fewer than two persons are to be shuffled.
    """

    def __init__(self, data: DatasetSplit, params: TrainParams, mask_params: MaskParams) -> None:
        self._data, self._params, self._mask_params = data, params, mask_params
        self.rows = _usable(data, params.segment_of)
        """(N,) rows of the faces used; N samples are an epoch."""
        if not len(self.rows):
            raise BadInput(f"no face has a label and a segment of its person's voice, of {data.summary()}")
        self.persons: Rows = np.unique(data.person_of_face[self.rows])
        """The persons of these faces, ascending."""
        self._epochs = Epochs(self.rows, params.seed)
        self._voice_person = self._shuffled() if params.shuffle_voices else {}

    def __getitem__(self, k: int) -> Sample:
        """Return sample ``k``, 0 and up."""
        one = self.load([k]).unpacked()
        pictures = one.face_BCHW[0], one.mask_B1HW[0]
        return Sample(*pictures, one.log_mel_BMT[0], one.label_BD[0], int(one.face_row_B))

    def load(self, numbers: Sequence[int]) -> PackedBatch:
        """Return the samples of these numbers, one or more, in order."""
        rows = [self._epochs.row(k) for k in numbers]
        height, width, _ = self._data.face(rows[0]).shape
        faces = np.empty((len(rows), height, width, 3), np.uint8)
        masks = np.empty((len(rows), height, -(-width // 8)), np.uint8)
        log_mels = np.empty((len(rows), *self._data.log_mel_shape), np.float32)
        labels = np.empty((len(rows), self._data.label_size), np.float32)
        for place, (k, row) in enumerate(zip(numbers, rows, strict=True)):
            flip, grey = self._rng("look", k).random(2) < (self._params.flip_share, self._params.grey_share)
            copy_face(self._data.face(row), faces[place], flip=bool(flip), grey=bool(grey))
            masks[place] = np.packbits(draw_mask(self._mask_params, self._rng("mask", k), height), axis=1)
            log_mels[place] = self._data.log_mel(self._segment_row(row, k))
            if self._data.label_size:
                labels[place] = self._data.label(self._label_row(row, k))
        pictures = torch.from_numpy(faces), torch.from_numpy(masks)
        return PackedBatch(*pictures, torch.from_numpy(log_mels), torch.from_numpy(labels), torch.tensor(rows))

    def summary(self) -> str:
        """Return in one line how many persons and faces are used, and how many are left out for which reason."""
        data = self._data
        n_without_segment = sum(not len(data.segments_of(person)) for person in range(len(data.persons)))
        n_unlabelled = int((~data.is_labelled).sum()) if data.label_size else 0
        left_out = f"{len(data.persons) - len(self.persons):,} persons and {data.n_faces - len(self.rows):,} faces"
        reasons = f"{n_without_segment:,} persons have no segment, {n_unlabelled:,} faces no label"
        return f"{len(self.persons):,} persons and {len(self.rows):,} faces take part; {left_out} do not: {reasons}"

    def _shuffled(self) -> dict[int, int]:
        """Return for each person the one whose voice replaces its own."""
        if len(self.persons) < 2:
            raise BadInput("'train.shuffle_voices' gives persons each other's voices: expected 2 or more, found 1")
        return assign_other_persons(self.persons, self._params.seed)

    def _rng(self, purpose: str, k: int) -> np.random.Generator:
        return keyed_rng("training", purpose, self._params.seed, k)

    def _segment_row(self, row: int, k: int) -> int:
        other = self._voice_person.get(int(self._data.person_of_face[row]))
        own = self._data.segments_for(row, self._params.segment_of) if other is None else self._data.segments_of(other)
        return draw_row(own, self._rng("segment", k))

    def _label_row(self, row: int, k: int) -> int:
        if self._params.label_of == "same_face":
            return row
        faces = self._data.faces_of(int(self._data.person_of_face[row]))
        labelled = faces[self._data.is_labelled[faces]]
        if self._params.label_of == "any_face":
            return draw_row(labelled, self._rng("label", k))
        return draw_other_row(labelled, row, self._rng("label", k))


def _usable(data: DatasetSplit, segment_of: SegmentOf) -> Rows:
    """Return the rows of the faces that can be used."""
    usable = data.has_segment(segment_of)
    return np.flatnonzero(usable & data.is_labelled if data.label_size else usable)


class Samples(Protocol[AnyBatch]):
    """An endless sequence of samples that can be loaded in batches."""

    def load(self, numbers: Sequence[int], /) -> AnyBatch:
        """Return the samples of these numbers, 0 and up, as one batch: a named tuple of tensors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderSettings:
    """How batches are loaded; ``n_workers`` and ``pin_memory`` change no value.

    ``n_workers`` processes load batches, 0: the caller itself. The process ``rank`` of ``world_size`` loads its share.
    ``pin_memory`` loads into page-locked memory, for a GPU.
    """

    n_workers: int = 0
    rank: int = 0
    world_size: int = 1
    pin_memory: bool = False


def load_batches(
    samples: Samples[AnyBatch],
    *,
    first: int,
    n: int,
    batch: int,
    settings: LoaderSettings = LoaderSettings(),
) -> Iterator[AnyBatch]:
    """Yield the batches of the steps ``first`` to ``first + n - 1``; that of step s is samples s*batch and on.

    Each rank gets its consecutive share of each batch, so that the shares in order of rank are the batch. Raises
    BadInput when ``world_size`` does not divide ``batch``.
    """
    world_size = settings.world_size
    if batch % world_size:
        raise BadInput(
            f"a batch of {batch} can't be shared by {world_size} processes: 'batch' must be a multiple of them"
        )
    share = batch // world_size
    starts = range(first * batch + settings.rank * share, (first + n) * batch, batch)
    loader = DataLoader(
        _Shares(samples),
        batch_size=None,  # an index is a whole share
        sampler=(range(start, start + share) for start in starts),
        num_workers=settings.n_workers,
        prefetch_factor=_PREFETCHED_BATCHES if settings.n_workers else None,
        collate_fn=_as_it_is,
        pin_memory=settings.pin_memory,
        worker_init_fn=_use_one_thread,
        generator=torch.Generator(),  # its own: else opening it would take a number from torch's global generator
    )
    return iter(loader)


class _Shares(Dataset[Any], Generic[AnyBatch]):
    """Samples by ranges of their numbers, as torch's loader asks for them."""

    def __init__(self, samples: Samples[AnyBatch]) -> None:
        self._samples = samples

    def __getitem__(self, numbers: Sequence[int]) -> AnyBatch:
        return self._samples.load(numbers)


def _as_it_is(batch: Any) -> Any:
    return batch


def _use_one_thread(_: int) -> None:
    """Decode pictures without OpenCV's threads, which a forked worker does not have."""
    cv2.setNumThreads(0)
