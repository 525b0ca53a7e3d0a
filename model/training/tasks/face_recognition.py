"""Train a face recognition network on the dataset's persons or a folder of faces, without published weights."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD, Optimizer

from model.data.columns import Rows
from model.data.holdout import choose_holdout
from model.data.recognition_faces import RecognitionFaces
from model.data.samples_recognition import RecognitionBatch, RecognitionSamples
from model.settings import PretrainIdentityParams
from model.training.accuracy import accuracy_of
from model.training.checkpoint import checkpoints_of
from model.training.context import TrainingContext
from model.training.distributed import TrainingProcess, optimizer_step
from model.training.fit import CannotTrain, TrainingResult, fit
from model.training.placement import autocast, compiled, reproducible, to_device
from pipeline.core.base.arrays import ImageRGB
from pipeline.identity.network.resnet import FaceRecognitionNetwork, preprocess_framed

SECTION = "pretrain_identity"
LOSS = "cross_entropy"
WEIGHT_DECAY = 5e-4

WARM_UP_SHARE = 0.2
FIRST_LR_SHARE = 1 / 25
LAST_LR_SHARE = 1 / 250_000
LEAST_MOMENTUM, MOST_MOMENTUM = 0.85, 0.95
"""The one-cycle schedule (Smith 2018) with torch's defaults: the learning rate rises, then falls, along a cosine from
and to these shares of its peak, and the momentum is lowest at the peak."""


@dataclass(frozen=True, slots=True)
class RecognitionMetrics:
    """Counts, accuracy and loss of a training.

    ``holdout_accuracy`` is the share of held-out faces given to the right person among all persons (None when
    no face is held out). Whole clips of a person (of a folder: photographs) are held out, so that it measures how
    well the network recognises a person in a new clip; persons without such a clip are
    ``n_persons_without_holdout``, and are not measured. ``train_loss`` is the mean cross-entropy in nats over the
    steps of the last report. Faces whose picture can't be read are counted separately.
    """

    n_persons: int
    n_persons_without_holdout: int
    n_train_faces: int
    n_holdout_faces: int
    n_unreadable_faces: int
    holdout_accuracy: float | None
    train_loss: float


def train_recognition_network(
    faces: RecognitionFaces, params: PretrainIdentityParams, context: TrainingContext = TrainingContext()
) -> tuple[FaceRecognitionNetwork, RecognitionMetrics, TrainingResult]:
    """Return a network trained on the persons of ``faces``, on the CPU and in evaluation mode, with its metrics.

    A linear layer on the embedding classifies the persons by cross-entropy, and is thrown away. Raises CannotTrain for
    fewer than two persons, and what ``fit`` raises.
    """
    n_persons = len(set(faces.persons))
    if n_persons < 2:
        raise CannotTrain(f"expected faces of 2 persons or more, found {len(faces.persons)} of {n_persons}.")
    is_holdout = choose_holdout(faces.persons, faces.origins, params.holdout_share, params.seed)
    train_rows, holdout_rows = np.flatnonzero(~is_holdout), np.flatnonzero(is_holdout)
    with reproducible(params, context.process):
        samples = RecognitionSamples(faces, params, train_rows)
        task = _RecognitionTask(samples, n_persons, params, context.process)
        checkpoints = checkpoints_of(context, SECTION, params, lambda: {"data": faces.content_hash()}, Path(__file__))
        result = fit(task, params, context, checkpoints)
        accuracy = task.accuracy(faces, holdout_rows)
    metrics = RecognitionMetrics(
        n_persons=n_persons,
        n_persons_without_holdout=n_persons - len(np.unique(samples.person_of_face[holdout_rows])),
        n_train_faces=len(train_rows),
        n_holdout_faces=len(holdout_rows),
        n_unreadable_faces=faces.n_unreadable,
        holdout_accuracy=accuracy,
        train_loss=result.losses[LOSS],
    )
    return task.network.cpu().eval(), metrics, result


class _RecognitionTask:
    """A face recognition network with a classifier on top."""

    section = SECTION

    def __init__(
        self, samples: RecognitionSamples, n_persons: int, params: PretrainIdentityParams, process: TrainingProcess
    ) -> None:
        self.samples, self.n_steps, self._params, self._process = samples, samples.n_steps, params, process
        self.network = FaceRecognitionNetwork(params.width)
        self._classifier = to_device(
            nn.Sequential(self.network, nn.Linear(self.network.feature_size, n_persons)), params, process
        )
        self._optimizer = SGD(
            self._classifier.parameters(), params.lr, MOST_MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY
        )
        self._classify = compiled(self._classifier, params)
        self.modules = {"classifier": self._classifier}
        self.optimizers: dict[str, Optimizer] = {"classifier": self._optimizer}

    def lr_of(self, step: int) -> float:
        """Return the learning rate of a step, 1 and up."""
        return one_cycle(step, self.n_steps, self._params.lr)[0]

    def step(self, number: int, batch: RecognitionBatch) -> dict[str, Tensor]:
        """Classify the person of each face."""
        for group in self._optimizer.param_groups:
            group["momentum"] = one_cycle(number, self.n_steps, self._params.lr)[1]
        with autocast(self._params, self._process):
            loss = functional.cross_entropy(self._classify(batch.face_BCHW), batch.person_B)
        optimizer_step(loss, self._process, self._optimizer)
        return {LOSS: loss}

    def sample_picture(self, number: int) -> ImageRGB | None:
        """Return None: no face is made."""

    def accuracy(self, faces: RecognitionFaces, rows: Rows) -> float | None:
        """Return the share of the faces ``rows`` given to the right person; None for no faces."""

        def read(batch: Sequence[int]) -> Tensor:
            return preprocess_framed(np.stack([faces.read(row) for row in batch]))

        return accuracy_of(self._classifier, rows, read, self.samples.person_of_face, self._process.device)


def one_cycle(step: int, n_steps: int, lr: float) -> tuple[float, float]:
    """Return learning rate and momentum of a step, 1 to ``n_steps``; ``lr`` is the peak of the learning rate."""
    peak = WARM_UP_SHARE * n_steps  # in steps; torch's OneCycleLR places it likewise
    is_rising = step < peak
    done = (step - 1) / (peak - 1) if is_rising else (step - peak) / (n_steps - peak)
    height = 0.5 - 0.5 * math.cos(math.pi * (done if is_rising else 1 - done))
    low = lr * (FIRST_LR_SHARE if is_rising else LAST_LR_SHARE)
    return low + (lr - low) * height, MOST_MOMENTUM - (MOST_MOMENTUM - LEAST_MOMENTUM) * height
