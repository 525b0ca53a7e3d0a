"""The loop of all trainings: steps, reports, checkpoints, and exact resumption.

Random draws depend only on the seed and on the number of the step or sample. So a training that was killed and resumes
from a checkpoint gives the result of an uninterrupted one, on CPU byte for byte. Losses stay on the device until they
are reported, so that no step waits for the GPU.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from model.data.samples import LoaderSettings, Samples, load_batches
from model.settings import TrainingParams
from model.training.checkpoint import Checkpoints, TrainingState, copied
from model.training.context import TrainingContext
from model.training.distributed import average_over_processes, check_equal
from model.training.loss_means import LossMeans, format_losses
from model.training.placement import batches_to_device
from model.training.stopwatch import Stopwatch
from model.training.training_log import TrainingLog, training_log
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.errors import BadInput, FacevoxError
from pipeline.core.base.progress import Advance, progress


class CannotTrain(BadInput):
    """The dataset, or a missing network, makes a training impossible; the other stages can run all the same."""


class TrainingTask(Protocol):
    """The networks of a training, their optimizers and samples, and what one step does."""

    @property
    def section(self) -> str:
        """The section of params.yaml; messages and checkpoints name the training by it."""

    @property
    def n_steps(self) -> int:
        """How many steps the training has."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The networks that are trained, on their device, by name."""

    @property
    def optimizers(self) -> Mapping[str, Optimizer]:
        """Their optimizers, by name."""

    @property
    def samples(self) -> Samples[Any]:
        """The training samples; batches of them are named tuples of tensors."""

    def lr_of(self, step: int) -> float:
        """Return the learning rate of a step, 1 and up."""

    def step(self, number: int, batch: Any) -> dict[str, Tensor]:
        """Train on this process's share of the batch of step ``number``, from 1.

        Returns the losses, scalars of the same names each time.
        """

    def sample_picture(self, number: int) -> ImageRGB | None:
        """Return a picture of what the networks do after step ``number``; None where none is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """Losses and speed of a training, over all its attempts.

    ``losses`` are means over the steps of the last report, and ``reports`` all of these by step. ``waited_share`` is
    the share of ``seconds`` spent waiting for data; on a GPU an upper bound, because queued work goes on meanwhile.
    ``samples_per_s`` counts images, or pieces of sound, of all processes together.
    """

    n_steps: int
    losses: dict[str, float]
    seconds: float
    waited_share: float
    samples_per_s: float
    reports: tuple[tuple[int, dict[str, float]], ...]


def fit(
    task: TrainingTask, params: TrainingParams, context: TrainingContext, checkpoints: Checkpoints | None
) -> TrainingResult:
    """Train for ``task.n_steps`` in all, from the latest checkpoint on; a training that ended is not repeated.

    With ``checkpoints=None`` no checkpoint is kept. Raises FacevoxError when a loss or weight is no longer finite, and
    keeps the last good checkpoint. Raises BadInput when the processes cannot share a batch evenly.
    """
    n_processes = context.process.world_size
    if params.batch % n_processes:
        raise BadInput(
            f"{task.section}.batch = {params.batch}: expected a multiple of the {n_processes} processes that share it"
        )
    checkpoint_every = context.steps_between_checkpoints(task.n_steps)
    training = _Training(task, params, context, checkpoints)
    if training.step:
        context.log_on_main(training.resume_message())
    with training.open_log() as log, training.writing_checkpoints(), training.progress() as advance:
        for batch in training.batches():
            training.do_step(batch)
            if training.is_due(params.report_every):
                training.log_losses(log)
            if training.has_log:
                training.log_picture(log)
            if training.is_due(checkpoint_every):
                training.save_checkpoint()
                context.log_on_main(training.progress_message())
            advance()
    return training.result()


class _Training:
    """A task between two of its steps, and the reports on the steps before."""

    def __init__(
        self,
        task: TrainingTask,
        params: TrainingParams,
        context: TrainingContext,
        checkpoints: Checkpoints | None,
    ) -> None:
        self._task, self._params, self._context, self._checkpoints = task, params, context, checkpoints
        self._process = context.process
        state = (checkpoints.latest(task.n_steps) if checkpoints else None) or TrainingState()
        check_equal(state.step, self._process, "the checkpoint to go on from")
        if state.step:
            for name, module in task.modules.items():
                module.load_state_dict(state.modules[name])
            for name, optimizer in task.optimizers.items():
                optimizer.load_state_dict(state.optimizers[name])
        self.step = self._first_step = state.step
        self.has_log = self._process.is_main and context.log_folder is not None
        self._writer = ThreadPoolExecutor(1)
        self._writing: Future[Path] | None = None
        self._reports = state.reports
        self._last_good = state
        self._means = LossMeans(self._process, state.loss_sums, state.n_summed)
        self._stopwatch = Stopwatch(state.seconds, state.waited_s)

    def open_log(self) -> AbstractContextManager[TrainingLog]:
        """Open the log, with all that was reported before."""
        folder = self._context.log_folder if self.has_log else None
        persistent_folder = self._checkpoints.folder if self._checkpoints else None
        return training_log(folder, persistent_folder, self._first_step, self._reports)

    def progress(self) -> AbstractContextManager[Advance]:
        """Show on the main process how many steps are done, and the time left."""
        if not self._process.is_main:
            return nullcontext(lambda *, computed=True: None)
        title = f"{self._task.section} after step {self._first_step}" if self._first_step else self._task.section
        return progress(title, self._task.n_steps - self._first_step)

    def batches(self) -> Iterator[Any]:
        """Return this process's share of the batches still to come, on its device."""
        batches = load_batches(
            self._task.samples,
            first=self._first_step,
            n=self._task.n_steps - self._first_step,
            batch=self._params.batch,
            settings=LoaderSettings(
                n_workers=self._process.n_loader_workers,
                rank=self._process.rank,
                world_size=self._process.world_size,
                pin_memory=self._process.device.type == "cuda",
            ),
        )
        return self._stopwatch.waiting_for(batches_to_device(batches, self._params, self._process))

    def do_step(self, batch: Any) -> None:
        """Do one step at its learning rate."""
        self.step += 1
        for group in (group for optimizer in self._task.optimizers.values() for group in optimizer.param_groups):
            group["lr"] = self._task.lr_of(self.step)
        losses = self._task.step(self.step, batch)
        self._means.add(self.step, losses)

    def is_due(self, every: int) -> bool:
        """Whether this is the last step, or a multiple of ``every``."""
        return self.step % every == 0 or self.step == self._task.n_steps

    def log_losses(self, log: TrainingLog) -> None:
        """Log the mean losses since the last report."""
        self._check_losses()
        self._reports.append((self.step, self._means.pop()))
        log.losses(*self._reports[-1])

    def log_picture(self, log: TrainingLog) -> None:
        """Log a sample picture, if one is due."""
        picture = self._task.sample_picture(self.step)
        if picture is not None:
            log.picture(self.step, picture)

    def save_checkpoint(self) -> None:
        """Write a checkpoint; raises FacevoxError when something in it is no longer finite."""
        self._check_losses()
        average_over_processes(self._running_statistics(), self._process)
        self._check_weights()
        state = self._state()
        self._await_checkpoint()
        if self._checkpoints and self._process.is_main:
            self._writing = self._writer.submit(self._checkpoints.write, state, is_end=self.step == self._task.n_steps)
        if self._process.device.type == "cpu":  # whose processors the next steps need
            self._await_checkpoint()
        self._last_good = state

    @contextmanager
    def writing_checkpoints(self) -> Iterator[None]:
        """Write checkpoints in a thread inside, meanwhile a GPU trains; the last one is written when it is left."""
        with self._writer:
            yield
            self._await_checkpoint()

    def _await_checkpoint(self) -> None:
        """Wait for the checkpoint that is being written; raises what the writing raised."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def resume_message(self) -> str:
        """Return in one line from which step the training resumes."""
        if self.step == self._task.n_steps:
            return f"{self._task.section}: had ended at step {self.step}, nothing is left to do"
        return f"{self._task.section}: goes on after step {self.step} of {self._task.n_steps}"

    def progress_message(self) -> str:
        """Return step and losses in one line."""
        _, losses = self._reports[-1] if self._reports else (self.step, {})
        formatted = format_losses(losses)
        message = f"{self._task.section}: step {self.step} of {self._task.n_steps}"
        return f"{message}: {formatted}" if formatted else message

    def result(self) -> TrainingResult:
        """Return losses and speed up to the last checkpoint."""
        state = self._last_good
        return TrainingResult(
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
            modules={name: copied(module.state_dict()) for name, module in self._task.modules.items()},
            optimizers={name: copied(optimizer.state_dict()) for name, optimizer in self._task.optimizers.items()},
            loss_sums=loss_sums,
            n_summed=n_summed,
            reports=list(self._reports),
            seconds=self._stopwatch.seconds,
            waited_s=self._stopwatch.waited_s,
        )

    def _running_statistics(self) -> list[Tensor]:
        """Return the running means and variances of all batch norms in training mode.

        Each process has its own; the caller averages them over the processes.
        """
        parts = (part for module in self._task.modules.values() for part in module.modules())
        norms = [part for part in parts if isinstance(part, nn.modules.batchnorm._NormBase) and part.training]
        kept = (statistic for norm in norms for statistic in (norm.running_mean, norm.running_var))
        return [statistic for statistic in kept if statistic is not None]

    def _check_losses(self) -> None:
        if found := self._means.first_not_finite():
            step, name = found
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
            f"{section}: {what} of {self._task.n_steps}. {self._last_checkpoint()} {lower}: a new training starts."
        )

    def _last_checkpoint(self) -> str:
        if self._checkpoints is None or not self._last_good.step:
            return "There is no checkpoint of it."
        return f"The last good checkpoint, of step {self._last_good.step}, is kept in {self._checkpoints.folder}."
