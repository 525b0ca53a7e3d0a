"""Training in several processes, one per device: each takes its share of every batch, and gradients are averaged.

``torchrun --nproc-per-node 4 -m stages train`` starts four; without torchrun there is one. Gradients are averaged by
one all-reduce per network, not by DistributedDataParallel: its hooks are not made for a step in which generator and
discriminator are frozen in turn.

The mean over shares of equal size is the mean over the batch, so gradients are those of one process. Not so where a
loss or a layer couples the faces of a batch: relativistic average losses (``train.gan: ralsgan``) compare with the
mean of their own share, and so do batch norms on CPU; on GPUs batch norms are synchronised.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed
from torch.optim import Optimizer

from model.training.run_settings import RunSettings
from pipeline.core.base.errors import FacevoxError

WORLD_SIZE_VARIABLE, LOCAL_RANK_VARIABLE = "WORLD_SIZE", "LOCAL_RANK"
"""Set by torchrun, beside the address at which the processes meet."""


LONGEST_WAIT = timedelta(hours=12)
"""The main process writes the files of a large split alone, longer than the ten minutes after which torch gives up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProcess:
    """The device and loader workers of one process of a training, and its rank among ``world_size`` processes."""

    device: torch.device = torch.device("cpu")
    n_loader_workers: int = 0
    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes files and logs."""
        return self.rank == 0


@contextmanager
def join_processes(settings: RunSettings) -> Iterator[TrainingProcess]:
    """Yield this process, joined to those that torchrun started, if it did."""
    if int(os.environ.get(WORLD_SIZE_VARIABLE, "1")) == 1:
        yield TrainingProcess(device=settings.device, n_loader_workers=settings.n_loader_workers)
        return
    device = settings.device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ[LOCAL_RANK_VARIABLE]))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=LONGEST_WAIT)
    try:
        yield TrainingProcess(
            device=device,
            n_loader_workers=settings.n_loader_workers,
            rank=distributed.get_rank(),
            world_size=distributed.get_world_size(),
        )
    finally:
        distributed.destroy_process_group()


def wait_for_main(process: TrainingProcess) -> None:
    """Block until all processes are here: what the main process wrote before can then be read."""
    if process.world_size > 1:
        distributed.barrier()


def optimizer_step(loss: Tensor, process: TrainingProcess, *optimizers: Optimizer) -> None:
    """Let each optimizer take one step on the mean of ``loss`` over the processes."""
    for optimizer in optimizers:
        optimizer.zero_grad()
    torch.autograd.backward(loss)
    for optimizer in optimizers:
        parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
        average_over_processes([parameter.grad for parameter in parameters if parameter.grad is not None], process)
        optimizer.step()


def average_over_processes(tensors: Iterable[Tensor], process: TrainingProcess) -> None:
    """Replace each tensor by its mean over the processes, in one all-reduce; all must have one dtype."""
    local = list(tensors)
    if process.world_size == 1 or not local:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in local])
    distributed.all_reduce(flat)
    flat /= process.world_size
    for tensor, mean in zip(local, torch.split(flat, [tensor.numel() for tensor in local]), strict=True):
        tensor.copy_(mean.view(tensor.shape))


def minimum_over_processes(values: Tensor, process: TrainingProcess) -> Tensor:
    """Return the elementwise minimum over the processes."""
    if process.world_size > 1:
        distributed.all_reduce(values, distributed.ReduceOp.MIN)
    return values


def check_equal(number: int, process: TrainingProcess, what: str) -> None:
    """Raise FacevoxError where processes hold different numbers: else they would wait for each other for ever."""
    if process.world_size == 1:
        return
    ends = torch.tensor([number, -number], device=process.device)
    lowest, negated_highest = minimum_over_processes(ends, process).tolist()
    if lowest != -negated_highest:
        raise FacevoxError(
            f"{what} differs between the processes of this training ({lowest} to {-negated_highest}): give all "
            "machines one cache folder (FACEVOX_CACHE)"
        )
