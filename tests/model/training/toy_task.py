"""A training of milliseconds: a small network with a batch norm learns a fixed linear map, from numbered samples."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from model.settings import OptimizerParams
from model.training.checkpoint import Checkpoints
from model.training.context import TrainingContext
from model.training.distributed import TrainingProcess, optimizer_step
from model.training.fit import TrainingResult, fit
from model.training.placement import adam, reproducible, to_device
from pipeline.core.base.arrays import ImageRGB
from tests.model.params_of import optimizer_params

PARAMS = optimizer_params(steps=12, batch=4, lr=0.01, report_every=3)
CHECKPOINT_EVERY = 5


class ToyBatch(NamedTuple):
    x_B3: Tensor
    y_B2: Tensor


class ToySamples:
    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __getitem__(self, k: int) -> tuple[Tensor, Tensor]:
        x = torch.from_numpy(np.random.default_rng([self._seed, k]).normal(size=3).astype(np.float32))
        return x, torch.stack([x.sum(), x[0] - x[2]])

    def load(self, numbers: Sequence[int]) -> ToyBatch:
        return ToyBatch(*(torch.stack(part) for part in zip(*(self[k] for k in numbers), strict=True)))


def toy_network(*, normed: bool = True) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5) if normed else nn.Tanh(), nn.Linear(5, 2))


class ToyTask:
    """``before_step`` gets the number of each step before it is done."""

    section = "toy"

    def __init__(
        self,
        params: OptimizerParams,
        process: TrainingProcess,
        before_step: Callable[[int], None],
        *,
        normed: bool = True,
    ) -> None:
        self._process, self._before_step = process, before_step
        self.samples = ToySamples(params.seed)
        self.n_steps, self.lr_of = params.steps, params.lr_of
        self.network = to_device(toy_network(normed=normed), params, process)
        self.modules = {"network": self.network}
        self.optimizers = {"network": adam(self.network.parameters(), params)}

    def step(self, number: int, batch: ToyBatch) -> dict[str, Tensor]:
        self._before_step(number)
        loss = functional.l1_loss(self.network(batch.x_B3), batch.y_B2)
        optimizer_step(loss, self._process, self.optimizers["network"])
        return {"l1": loss, "twice": 2 * loss}

    def sample_picture(self, number: int) -> ImageRGB | None:
        return np.full((2, 2, 3), number, np.uint8) if number % 4 == 0 else None


def train_toy(
    folder: Path | None,
    params: OptimizerParams = PARAMS,
    *,
    process: TrainingProcess = TrainingProcess(),
    before_step: Callable[[int], None] = lambda number: None,
    log_folder: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
    normed: bool = True,
) -> tuple[ToyTask, TrainingResult]:
    """Train, with checkpoints in ``folder``."""
    checkpoints = None if folder is None else Checkpoints(folder)
    with reproducible(params, process):
        task = ToyTask(params, process, before_step, normed=normed)
        context = TrainingContext(process=process, checkpoint_every=CHECKPOINT_EVERY, log_folder=log_folder, log=log)
        result = fit(task, params, context, checkpoints)
    return task, result


def bytes_of(network: nn.Module) -> dict[str, bytes]:
    return {name: tensor.detach().numpy().tobytes() for name, tensor in network.state_dict().items()}
