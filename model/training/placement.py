"""Networks and batches where they are computed, in the number formats and memory orders that the params say."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Adam

from model.settings import OptimiserParams
from model.training.distributed import Machine
from pipeline.base.torch_threads import single_thread

Network = TypeVar("Network", bound=nn.Module)


@contextmanager
def reproducible(seed: int, machine: Machine) -> Iterator[None]:
    """Draw from ``seed`` and compute on one thread inside, as the caller did afterwards."""
    devices = [machine.device] if machine.device.type == "cuda" else []
    with single_thread(), torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


def placed(network: Network, params: OptimiserParams, machine: Machine) -> Network:
    """Return ``network`` on the device, to be trained; the batch norms of several GPUs see the whole batch."""
    if machine.world > 1 and machine.device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    network.to(machine.device, memory_format=_memory_format(params))  # type: ignore[call-overload]
    return network.train()


def placed_batch(batch: Any, params: OptimiserParams, machine: Machine) -> Any:
    """Return a named tuple of tensors with all of them on the device; copies of page-locked memory go on meanwhile."""
    return type(batch)(*(_placed_tensor(tensor, params, machine) for tensor in batch))


def compiled(network: nn.Module, params: OptimiserParams) -> Callable[..., Any]:
    """Return how to call ``network``, which itself stays as it is."""
    return torch.compile(network) if params.compile else network


def autocast(params: OptimiserParams, machine: Machine) -> torch.autocast:
    """Return the context of a forward pass."""
    return torch.autocast(machine.device.type, torch.bfloat16, enabled=params.precision == "bfloat16")


def adam(parameters: Iterable[nn.Parameter], params: OptimiserParams) -> Adam:
    """Return the optimiser of ``parameters``, which must be on their device; ``fit`` sets each step's learning rate."""
    return Adam(parameters, params.lr, (params.beta1, params.beta2), fused=params.fused or None)


def _placed_tensor(tensor: Tensor, params: OptimiserParams, machine: Machine) -> Tensor:
    memory_format = _memory_format(params) if tensor.ndim == 4 else torch.preserve_format
    return tensor.to(machine.device, non_blocking=True, memory_format=memory_format)


def _memory_format(params: OptimiserParams) -> torch.memory_format:
    return torch.channels_last if params.channels_last else torch.preserve_format
