"""The one loop that all networks are trained by: steps, reports, checkpoints, and an exact way back.

A step draws at random from its seed and number alone, and so does each sample: a training that was killed and goes
on from a checkpoint computes what an unbroken one would have, on CPU the same bytes. Losses stay on the device until
they are reported, so that a GPU never waits for somebody to look at them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from model.data.samples import Samples, loader
from model.settings import OptimizerParams
from model.training.checkpoint import Checkpoints, TrainingState
from model.training.distributed import TrainingProcess, average, check_equal
from model.training.loss_means import LossMeans, losses_in_words
from model.training.placement import batch_to_device
from model.training.stopwatch import Stopwatch
from model.training.training_log import TrainingLog, training_log
from pipeline.base.arrays import ImageRGB
from pipeline.base.errors import BadInput, FacevoxError
from pipeline.base.progress import Advance, progress


class CannotTrain(BadInput):
    """The dataset, or a network that is to be there, leaves a training nothing to start from; the rest goes on."""


class Task(Protocol):
    """One training: what learns, from what, and how in one step."""

    @property
    def section(self) -> str:
        """The section of params.yaml, by which people know the training."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The networks that learn, on their device."""

    @property
    def optimizers(self) -> Mapping[str, Optimizer]:
        """What moves them."""

    @property
    def samples(self) -> Samples[Any, Any]:
        """What there is to learn from; batches of them are named tuples of tensors."""

    def step(self, number: int, batch: Any) -> dict[str, Tensor]:
        """Learn from the batch of step ``number``, 1 and up; return the share's losses, of the same names each time."""

    def picture(self, number: int) -> ImageRGB | None:
        """Return what there is to show after step ``number``, if anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """How a training went, all its attempts together.

    ``losses`` are means over the steps of the last report, and ``reports`` all of these by step. ``waited_share`` is
    the share of ``seconds`` spent waiting for data; on a GPU at most that, for work that is queued there goes on
    meanwhile. ``samples_per_s`` are images, or pieces of sound, of all processes together.
    """

    n_steps: int
    losses: dict[str, float]
    seconds: float
    waited_share: float
    samples_per_s: float
    reports: tuple[tuple[int, dict[str, float]], ...]


def fit(
    task: Task,
    params: OptimizerParams,
    process: TrainingProcess,
    *,
    checkpoints: Checkpoints | None,
    log_folder: Path | None,
    say: Callable[[str], None],
) -> Fitted:
    """Train for ``params.steps`` in all, from the latest checkpoint on; a training that ended is not repeated.

    Raises FacevoxError when a loss or a weight is no longer a number, the checkpoint before being kept, and BadInput
    when the processes can't share a batch evenly.
    """
    if params.batch % process.world:
        raise BadInput(
            f"{task.section}.batch = {params.batch}: expected a multiple of the {process.world} processes that share it"
        )
    training = _Training(task, params, process, checkpoints)
    has_log = process.is_main and log_folder is not None
    tell = say if process.is_main else _say_nothing
    if training.step:
        tell(training.taken_up())
    with training.log_to(log_folder if has_log else None) as log, training.progress() as advance:
        for batch in training.batches():
            training.learn(batch)
            if training.is_due(params.report_every):
                training.report(log)
            if has_log:
                training.show(log)
            if training.is_due(params.checkpoint_every):
                training.keep()
                tell(training.line())
            advance()
    return training.fitted()


class _Training:
    """A task between two of its steps, and what is told of the steps before."""

    def __init__(
        self, task: Task, params: OptimizerParams, process: TrainingProcess, checkpoints: Checkpoints | None
    ) -> None:
        self._task, self._params, self._process, self._checkpoints = task, params, process, checkpoints
        state = (checkpoints.latest(params.steps) if checkpoints else None) or TrainingState()
        check_equal(state.step, process, "the checkpoint to go on from")
        if state.step:
            for name, module in task.modules.items():
                module.load_state_dict(state.modules[name])
            for name, optimizer in task.optimizers.items():
                optimizer.load_state_dict(state.optimizers[name])
        self.step = self._first_step = state.step
        self._reports = state.reports
        self._last_good = state
        self._means = LossMeans(process, state.loss_sums, state.n_summed)
        self._stopwatch = Stopwatch(state.seconds, state.waited_s)

    def log_to(self, folder: Path | None) -> AbstractContextManager[TrainingLog]:
        """Open the log, with all that was reported before."""
        kept = self._checkpoints.folder if self._checkpoints else None
        return training_log(folder, kept, self._first_step, self._reports)

    def progress(self) -> AbstractContextManager[Advance]:
        """Show on the leading process how many steps are done, and how long the rest will take."""
        if not self._process.is_main:
            return nullcontext(lambda: None)
        title = f"{self._task.section} after step {self._first_step}" if self._first_step else self._task.section
        return progress(title, self._params.steps - self._first_step)

    def batches(self) -> Iterator[Any]:
        """Return this process's share of the batches still to come."""
        batches = loader(
            self._task.samples,
            first=self._first_step,
            n=self._params.steps - self._first_step,
            batch=self._params.batch,
            workers=self._process.n_loader_workers,
            rank=self._process.rank,
            world=self._process.world,
            pin=self._process.device.type == "cuda",
        )
        return self._stopwatch.waiting_for(batches)

    def learn(self, batch: Any) -> None:
        """Do one step."""
        self.step += 1
        for group in (group for optimizer in self._task.optimizers.values() for group in optimizer.param_groups):
            group["lr"] = self._params.lr_of(self.step)
        losses = self._task.step(self.step, batch_to_device(batch, self._params, self._process))
        self._means.add(self.step, losses)

    def is_due(self, every: int) -> bool:
        """Whether this is the last step, or one of those that ``every`` counts."""
        return self.step % every == 0 or self.step == self._params.steps

    def report(self, log: TrainingLog) -> None:
        """Take down the mean losses since the last report."""
        self._check_losses()
        self._reports.append((self.step, self._means.take()))
        log.losses(*self._reports[-1])

    def show(self, log: TrainingLog) -> None:
        """Take down a picture, if this step has one."""
        picture = self._task.picture(self.step)
        if picture is not None:
            log.picture(self.step, picture)

    def keep(self) -> None:
        """Write a checkpoint, unless something in it is no longer a number."""
        self._check_losses()
        average(self._running_statistics(), self._process)
        self._check_weights()
        state = self._state()
        if self._checkpoints and self._process.is_main:
            self._checkpoints.write(state, is_end=self.step == self._params.steps)
        self._last_good = state

    def taken_up(self) -> str:
        """Return in one line what was there at the start."""
        if self.step == self._params.steps:
            return f"{self._task.section}: had ended at step {self.step}, nothing is left to do"
        return f"{self._task.section}: goes on after step {self.step} of {self._params.steps}"

    def line(self) -> str:
        """Return where the training is, in one line."""
        step, losses = self._reports[-1] if self._reports else (self.step, {})
        told = losses_in_words(losses)
        return f"{self._task.section}: step {self.step} of {self._params.steps}" + (f": {told}" if told else "")

    def fitted(self) -> Fitted:
        """Return how it went, up to the last checkpoint: of one that was ended before, what was told then."""
        state = self._last_good
        return Fitted(
            n_steps=state.step,
            losses=state.reports[-1][1],
            seconds=state.seconds,
            waited_share=state.waited_s / state.seconds,
            samples_per_s=state.step * self._params.batch / state.seconds,
            reports=tuple(state.reports),
        )

    def _state(self) -> TrainingState:
        loss_sums, n_summed = self._means.sums()
        return TrainingState(
            step=self.step,
            modules={name: module.state_dict() for name, module in self._task.modules.items()},
            optimizers={name: optimizer.state_dict() for name, optimizer in self._task.optimizers.items()},
            loss_sums=loss_sums,
            n_summed=n_summed,
            reports=self._reports,
            seconds=self._stopwatch.seconds,
            waited_s=self._stopwatch.waited_s,
        )

    def _running_statistics(self) -> list[Tensor]:
        """Those of the batch norms that learn: each process follows its own shares, and the mean of all is kept."""
        parts = (part for module in self._task.modules.values() for part in module.modules())
        norms = [part for part in parts if isinstance(part, nn.modules.batchnorm._NormBase) and part.training]
        kept = (statistic for norm in norms for statistic in (norm.running_mean, norm.running_var))
        return [statistic for statistic in kept if statistic is not None]

    def _check_losses(self) -> None:
        if bad := self._means.first_bad():
            step, name = bad
            raise self._diverged(f"the loss '{name}' was no longer a finite number in step {step}")

    def _check_weights(self) -> None:
        for name, module in self._task.modules.items():
            for weight, tensor in module.state_dict().items():
                if not bool(torch.isfinite(tensor).all()):
                    raise self._diverged(f"'{weight}' of the {name} was no longer finite after step {self.step}")

    def _diverged(self, what: str) -> FacevoxError:
        section = self._task.section
        lower = f"Lower {section}.lr (now {self._params.lr:g})"
        if self._params.precision != "float32":
            lower += f" or set {section}.precision to float32"
        return FacevoxError(
            f"{section}: {what} of {self._params.steps}. {self._last_checkpoint()} {lower}: a new training starts."
        )

    def _last_checkpoint(self) -> str:
        if self._checkpoints is None or not self._last_good.step:
            return "There is no checkpoint of it."
        return f"The last good checkpoint, of step {self._last_good.step}, is kept in {self._checkpoints.folder}."


def _say_nothing(line: str) -> None:
    """For all processes but the leading one."""
