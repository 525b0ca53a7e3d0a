"""Train the voice network to classify the training persons, for runs without published weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from model.data.columns import Rows
from model.data.samples_pretrain import VoiceBatch, VoiceSamples, hold_out_voices
from model.data.samples_tensors import log_mel_tensor
from model.data.split import DatasetSplit
from model.networks.voice import VOICE_SIZE, VoiceNetwork
from model.settings import PretrainVoiceParams
from model.training.accuracy import accuracy_of
from model.training.checkpoint import checkpoints_of
from model.training.context import TrainingContext
from model.training.distributed import TrainingProcess, optimizer_step
from model.training.fit import CannotTrain, TrainingResult, fit
from model.training.placement import adam, autocast, compiled, reproducible, to_device
from pipeline.core.base.arrays import ImageRGB

SECTION = "pretrain_voice"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceMetrics:
    """How well persons are recognised by their voices.

    ``holdout_accuracy`` is the share of held-out segments given to the right person among all ``n_persons`` (None
    when none is held out). Held out are whole clips, of persons of whom other clips are trained on; the
    ``n_persons_without_holdout`` are not measured.
    """

    n_persons: int
    n_persons_without_holdout: int
    n_train_segments: int
    n_holdout_segments: int
    holdout_accuracy: float | None


def train_voice(
    data: DatasetSplit,
    params: PretrainVoiceParams,
    width: int,
    context: TrainingContext = TrainingContext(),
) -> tuple[VoiceNetwork, VoiceMetrics, TrainingResult]:
    """Return a network trained on the segments of ``data``, on the CPU and in evaluation mode, with its metrics.

    A linear layer on the embedding, not normalised, classifies the persons by cross-entropy, and is thrown away.
    Raises CannotTrain for fewer than two persons with a segment, BadInput for pieces longer than the log-mels, and
    what ``fit`` raises.
    """
    n_persons = len(np.unique(data.person_of_segment))
    if n_persons < 2:
        raise CannotTrain(f"expected voices of 2 persons or more, found {data.n_segments} segments of {n_persons}.")
    train_rows, holdout_rows = hold_out_voices(data, params)
    with reproducible(params, context.process):
        samples = VoiceSamples(data, params, train_rows)
        task = _VoiceTask(samples, data, width, params, context.process)
        checkpoints = checkpoints_of(
            context, SECTION, params, lambda: {"data": data.content_hash, "width": str(width)}, Path(__file__)
        )
        result = fit(task, params, context, checkpoints)
        accuracy = task.accuracy(data, holdout_rows)
    metrics = VoiceMetrics(
        n_persons=n_persons,
        n_persons_without_holdout=n_persons - len(np.unique(data.person_of_segment[holdout_rows])),
        n_train_segments=len(train_rows),
        n_holdout_segments=len(holdout_rows),
        holdout_accuracy=accuracy,
    )
    return task.voice.cpu().eval(), metrics, result


class _VoiceTask:
    """A voice network with a classifier on top, trained on pieces of segments."""

    section = SECTION

    def __init__(
        self,
        samples: VoiceSamples,
        data: DatasetSplit,
        width: int,
        params: PretrainVoiceParams,
        process: TrainingProcess,
    ) -> None:
        self.samples, self._params, self._process = samples, params, process
        self.n_steps, self.lr_of = params.steps, params.lr_of
        n_mels, _ = data.log_mel_shape
        self.voice = VoiceNetwork(n_mels, width)
        self._classifier = to_device(
            nn.Sequential(self.voice, nn.Linear(VOICE_SIZE, len(data.persons))), params, process
        )
        self._optimizer = adam(self._classifier.parameters(), params)
        self._classify = compiled(self._classifier, params)
        self.modules = {"classifier": self._classifier}
        self.optimizers: dict[str, Optimizer] = {"classifier": self._optimizer}

    def step(self, number: int, batch: VoiceBatch) -> dict[str, Tensor]:
        """Classify the person of each piece."""
        with autocast(self._params, self._process):
            loss = functional.cross_entropy(self._classify(batch.log_mel_BMT), batch.person_B)
        optimizer_step(loss, self._process, self._optimizer)
        return {"cross_entropy": loss}

    def sample_picture(self, number: int) -> ImageRGB | None:
        """Return None: no face is made."""

    def accuracy(self, data: DatasetSplit, rows: Rows) -> float | None:
        """Return the share of whole segments given to the right person; None for no segments."""

        def read(batch: Sequence[int]) -> Tensor:
            return torch.stack([log_mel_tensor(data.log_mel(row)) for row in batch])

        return accuracy_of(self._classifier, rows, read, data.person_of_segment, self._process.device)
