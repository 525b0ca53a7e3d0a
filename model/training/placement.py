"""Networks and batches where they are computed, in the number formats and memory orders that the params say."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Adam

from model.settings import OptimizerParams
from model.training.distributed import TrainingProcess
from pipeline.base.torch_threads import single_thread

Network = TypeVar("Network", bound=nn.Module)


@contextmanager
def reproducible(seed: int, process: TrainingProcess) -> Iterator[None]:
    """Draw from ``seed`` and compute on one thread inside, as the caller did afterwards."""
    devices = [process.device] if process.device.type == "cuda" else []
    with single_thread(), torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


def to_device(network: Network, params: OptimizerParams, process: TrainingProcess) -> Network:
    """Return ``network`` on the device, to be trained; the batch norms of several GPUs see the whole batch."""
    if process.world > 1 and process.device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    network.to(process.device, memory_format=_memory_format(params))  # type: ignore[call-overload]
    return network.train()


def batch_to_device(batch: Any, params: OptimizerParams, process: TrainingProcess) -> Any:
    """Return a named tuple of tensors with all of them on the device; copies of page-locked memory go on meanwhile."""
    return type(batch)(*(_tensor_to_device(tensor, params, process) for tensor in batch))


def compiled(network: nn.Module, params: OptimizerParams) -> Callable[..., Any]:
    """Return how to call ``network``, which itself stays as it is."""
    return torch.compile(network) if params.compile else network


def autocast(params: OptimizerParams, process: TrainingProcess) -> torch.autocast:
    """Return the context of a forward pass."""
    return torch.autocast(process.device.type, torch.bfloat16, enabled=params.precision == "bfloat16")


def adam(parameters: Iterable[nn.Parameter], params: OptimizerParams) -> Adam:
    """Return the optimizer of ``parameters``, which must be on their device; ``fit`` sets each step's learning rate."""
    return Adam(parameters, params.lr, (params.beta1, params.beta2), fused=params.fused or None)


def _tensor_to_device(tensor: Tensor, params: OptimizerParams, process: TrainingProcess) -> Tensor:
    memory_format = _memory_format(params) if tensor.ndim == 4 else torch.preserve_format
    return tensor.to(process.device, non_blocking=True, memory_format=memory_format)


def _memory_format(params: OptimizerParams) -> torch.memory_format:
    return torch.channels_last if params.channels_last else torch.preserve_format
