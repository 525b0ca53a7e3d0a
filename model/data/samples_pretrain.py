"""The samples of the two pretrainings: pieces of voices with persons, and faces with voices."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.data.columns import Rows
from model.data.holdout import choose_holdout
from model.data.samples_draw import Epochs, draw_row
from model.data.samples_tensors import faces_tensor, log_mel_tensor
from model.data.split import DatasetSplit
from model.networks.voice import VOICE_SIZE
from model.settings import PretrainAudioFaceParams, PretrainVoiceParams
from pipeline.core.base.arrays import LogMel
from pipeline.core.base.errors import BadInput
from pipeline.core.base.seeds import keyed_rng


class VoiceSample(NamedTuple):
    """A piece of a segment, and its person."""

    log_mel_MT: Tensor
    person: int
    """Index in ``DatasetSplit.persons``."""


class VoiceBatch(NamedTuple):
    """B pieces of one length."""

    log_mel_BMT: Tensor
    person_B: Tensor
    """int64."""


class AudioFaceSample(NamedTuple):
    """A face, and a voice of the same person."""

    face_CHW: Tensor
    """RGB in [-1, 1]."""
    log_mel_MT: Tensor
    noise_V: Tensor
    """To be added to the voice embedding: normal, of std ``PretrainAudioFaceParams.noise``."""
    face_row: int


class AudioFaceBatch(NamedTuple):
    """B samples as the network takes them."""

    face_BCHW: Tensor
    log_mel_BMT: Tensor
    noise_BV: Tensor
    face_row_B: Tensor
    """int64."""


class PackedAudioFaceBatch(NamedTuple):
    """B samples as they are loaded; all tensors are on one device."""

    face_BHWC: Tensor
    """uint8 RGB."""
    log_mel_BMT: Tensor
    noise_BV: Tensor
    face_row_B: Tensor
    """int64."""

    def unpacked(self) -> AudioFaceBatch:
        """Return the batch as the network takes it, on the same device."""
        return AudioFaceBatch(faces_tensor(self.face_BHWC), *self[1:])


class VoiceSamples:
    """Pieces of the segments ``rows``, each segment once per epoch.

    The pieces of one step, samples s * ``params.batch`` and on, have one length, drawn from ``min_frames`` to
    ``max_frames``; the start of each piece is drawn by itself (as in voice2face). Raises BadInput when there are no
    segments, and when ``max_frames`` is less than ``min_frames`` or more than a log-mel has.
    """

    def __init__(self, data: DatasetSplit, params: PretrainVoiceParams, rows: Rows) -> None:
        _, n_frames = data.log_mel_shape
        if not params.min_frames <= params.max_frames <= n_frames:
            raise BadInput(
                f"'pretrain_voice': expected min_frames <= max_frames <= {n_frames}, which log-mels have;"
                f" found {params.min_frames} and {params.max_frames}"
            )
        if not len(rows):
            raise BadInput(f"there is no segment to train the voice network on, in {data.summary()}")
        self._data, self._params = data, params
        self._epochs = Epochs(rows, params.seed)

    def __getitem__(self, k: int) -> VoiceSample:
        """Return sample ``k``, 0 and up."""
        row = self._epochs.row(k)
        piece = self._piece(self._data.log_mel(row), k)
        return VoiceSample(log_mel_tensor(piece), int(self._data.person_of_segment[row]))

    def load(self, numbers: Sequence[int]) -> VoiceBatch:
        """Return the samples of these numbers, of one step."""
        log_mels, persons = zip(*(self[k] for k in numbers), strict=True)
        return VoiceBatch(torch.stack(log_mels), torch.tensor(persons))

    def _piece(self, log_mel_MT: LogMel, k: int) -> LogMel:
        n_frames = self._n_frames(k // self._params.batch)
        start = self._rng("start", k).integers(log_mel_MT.shape[1] - n_frames, endpoint=True)
        return log_mel_MT[:, start : start + n_frames]

    def _n_frames(self, step: int) -> int:
        """Return how many columns the pieces of one step have."""
        rng = self._rng("length", step)
        return int(rng.integers(self._params.min_frames, self._params.max_frames, endpoint=True))

    def _rng(self, purpose: str, number: int) -> np.random.Generator:
        return keyed_rng("voice", purpose, self._params.seed, number)


def hold_out_voices(data: DatasetSplit, params: PretrainVoiceParams) -> tuple[Rows, Rows]:
    """Return the rows of the segments to train on, and of those held out, both rising.

    Held out are whole clips, ``params.holdout_share`` of each person's on average; one clip of each is trained on.
    """
    persons = [data.persons[person] for person in data.person_of_segment]
    held_out = choose_holdout(persons, data.clips, params.holdout_share, params.seed)
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


class AudioFaceSamples:
    """Samples of all faces of ``data`` whose person has a segment: each once per epoch, with one of the segments.

    The segment is one of the face's dataset, or of all, as ``params.segment_of`` says.

    Raises BadInput when there is no such face.
    """

    def __init__(self, data: DatasetSplit, params: PretrainAudioFaceParams) -> None:
        self.rows: Rows = np.flatnonzero(data.has_segment(params.segment_of))
        """(N,) rows of the faces used; N samples are an epoch."""
        if not len(self.rows):
            raise BadInput(f"no face has a segment of its person's voice, of {data.summary()}")
        self._data, self._params = data, params
        self._epochs = Epochs(self.rows, params.seed)

    def __getitem__(self, k: int) -> AudioFaceSample:
        """Return sample ``k``, 0 and up."""
        one = self.load([k]).unpacked()
        return AudioFaceSample(one.face_BCHW[0], one.log_mel_BMT[0], one.noise_BV[0], int(one.face_row_B))

    def load(self, numbers: Sequence[int]) -> PackedAudioFaceBatch:
        """Return the samples of these numbers, one or more, in order."""
        rows = [self._epochs.row(k) for k in numbers]
        segments = [self._segment_row(row, k) for row, k in zip(rows, numbers, strict=True)]
        return PackedAudioFaceBatch(
            torch.from_numpy(np.stack([self._data.face(row) for row in rows])),
            torch.from_numpy(np.stack([self._data.log_mel(row) for row in segments])),
            torch.from_numpy(np.stack([self._noise(k) for k in numbers])),
            torch.tensor(rows),
        )

    def _segment_row(self, row: int, k: int) -> int:
        return draw_row(self._data.segments_for(row, self._params.segment_of), self._rng("segment", k))

    def _rng(self, purpose: str, k: int) -> np.random.Generator:
        return keyed_rng("audio face", purpose, self._params.seed, k)

    def _noise(self, k: int) -> NDArray[np.float32]:
        normal = self._rng("noise", k).standard_normal(VOICE_SIZE, np.float32)
        return np.asarray(np.float32(self._params.noise) * normal)
