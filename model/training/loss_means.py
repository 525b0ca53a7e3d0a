"""Mean losses between two reports, summed on the device: no step waits for the GPU."""

from collections.abc import Mapping

import torch
from torch import Tensor

from model.training.distributed import TrainingProcess, average_over_processes, minimum_over_processes

NEVER = 1 << 62


class LossMeans:
    """Sums of losses by name over the steps since the last report, and the first step at which one was not finite.

    ``sums`` over ``n_summed`` steps are those of the checkpoint from which the training resumes.
    """

    def __init__(self, process: TrainingProcess, sums: Mapping[str, float], n_summed: int) -> None:
        self._process = process
        self._names = list(sums)
        self._sums = torch.tensor(list(sums.values()), dtype=torch.float64, device=process.device)
        self._not_finite_at = torch.full_like(self._sums, NEVER, dtype=torch.int64)
        self._n_summed = n_summed

    def add(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Add the losses of a step."""
        values = torch.stack([loss.detach().double() for loss in losses.values()])
        if list(losses) != self._names:
            self._names = list(losses)
            self._sums = torch.zeros_like(values)
            self._not_finite_at = torch.full_like(values, NEVER, dtype=torch.int64)
        self._sums += values
        self._not_finite_at = torch.where(values.isfinite(), self._not_finite_at, self._not_finite_at.clamp(max=step))
        self._n_summed += 1

    def first_not_finite(self) -> tuple[int, str] | None:
        """Return the first step at which a loss of any process was not finite, and its name; None if all were."""
        not_finite_at = minimum_over_processes(self._not_finite_at, self._process).tolist()
        step, name = min(zip(not_finite_at, self._names, strict=True))
        return None if step == NEVER else (step, name)

    def sums(self) -> tuple[dict[str, float], int]:
        """Return the sums by name, averaged over the processes, and the number of steps in them."""
        average_over_processes([self._sums], self._process)
        return dict(zip(self._names, self._sums.tolist(), strict=True)), self._n_summed

    def pop(self) -> dict[str, float]:
        """Return the means over the steps, and reset the sums."""
        sums, n_summed = self.sums()
        self._sums.zero_()
        self._n_summed = 0
        return {name: total / n_summed for name, total in sums.items()}


def format_losses(losses: Mapping[str, float]) -> str:
    """Return the losses by name, with four digits each."""
    return ", ".join(f"{name} {mean:.4g}" for name, mean in losses.items())
