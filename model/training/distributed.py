"""Training in several processes, one a device: each takes its share of every batch, and gradients are averaged.

``torchrun --nproc-per-node 4 -m stages train`` starts four; started otherwise a training is alone. Averaging by
hand, in one all-reduce a network, is all that is needed here: a step of two networks that judge each other, with
parts frozen in turn, is what DistributedDataParallel's hooks are not made for.

The mean over shares of equal size is the mean over the batch, so gradients are those of one process. Not so where a
loss or a layer couples the faces of a batch: relativistic average losses (``train.gan: ralsgan``) compare with the
mean of their own share, and so do batch norms on CPU; on GPUs batch norms are synchronised.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed
from torch.optim import Optimizer

from model.training.run_settings import RunSettings
from pipeline.base.errors import FacevoxError

WORLD_VARIABLE, LOCAL_RANK_VARIABLE = "WORLD_SIZE", "LOCAL_RANK"
"""Set by torchrun, beside the address at which the processes meet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProcess:
    """What one process of a training runs on, and its place among ``world`` of them."""

    device: torch.device = torch.device("cpu")
    n_loader_workers: int = 0
    rank: int = 0
    world: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes files and speaks."""
        return self.rank == 0


@contextmanager
def join_processes(settings: RunSettings) -> Iterator[TrainingProcess]:
    """Give the machine of this process, after meeting the others that torchrun started, if it did."""
    if int(os.environ.get(WORLD_VARIABLE, "1")) == 1:
        yield TrainingProcess(device=settings.device, n_loader_workers=settings.n_loader_workers)
        return
    device = settings.device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ[LOCAL_RANK_VARIABLE]))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield TrainingProcess(
            device=device,
            n_loader_workers=settings.n_loader_workers,
            rank=distributed.get_rank(),
            world=distributed.get_world_size(),
        )
    finally:
        distributed.destroy_process_group()


def wait_for_main(process: TrainingProcess) -> None:
    """Return once all processes have come here: what the leader wrote before can be read."""
    if process.world > 1:
        distributed.barrier()


def optimizer_step(loss: Tensor, process: TrainingProcess, *optimizers: Optimizer) -> None:
    """Let each optimizer take one step down the mean of ``loss`` over the processes."""
    for optimizer in optimizers:
        optimizer.zero_grad()
    torch.autograd.backward(loss)
    for optimizer in optimizers:
        parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
        average([parameter.grad for parameter in parameters if parameter.grad is not None], process)
        optimizer.step()


def average(tensors: Iterable[Tensor], process: TrainingProcess) -> None:
    """Replace each tensor by its mean over the processes, all in one exchange; they must be of one type."""
    here = list(tensors)
    if process.world == 1 or not here:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in here])
    distributed.all_reduce(flat)
    flat /= process.world
    for tensor, mean in zip(here, torch.split(flat, [tensor.numel() for tensor in here]), strict=True):
        tensor.copy_(mean.view(tensor.shape))


def smallest(number: Tensor, process: TrainingProcess) -> Tensor:
    """Return the elementwise minimum over the processes."""
    if process.world > 1:
        distributed.all_reduce(number, distributed.ReduceOp.MIN)
    return number


def check_equal(number: int, process: TrainingProcess, what: str) -> None:
    """Raise FacevoxError where processes hold different numbers: they would wait for each other for ever."""
    if process.world == 1:
        return
    ends = torch.tensor([number, -number], device=process.device)
    lowest, negated_highest = smallest(ends, process).tolist()
    if lowest != -negated_highest:
        raise FacevoxError(
            f"{what} differs between the processes of this training ({lowest} to {-negated_highest}): give all "
            "machines one cache folder (FACEVOX_CACHE)"
        )
