"""Networks and batches on the device, in the precision and memory format of the params."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Adam

from model.settings import OptimizerParams, TrainingParams
from model.training.distributed import TrainingProcess
from pipeline.core.base.torch_threads import torch_threads

Network = TypeVar("Network", bound=nn.Module)


@contextmanager
def reproducible(params: TrainingParams, process: TrainingProcess) -> Iterator[None]:
    """Seed torch and compute on the params' threads inside; restore the caller's state afterwards."""
    devices = [process.device] if process.device.type == "cuda" else []
    with torch_threads(params.threads), torch.random.fork_rng(devices):
        torch.manual_seed(params.seed)
        yield


@contextmanager
def fastest_kernels(process: TrainingProcess) -> Iterator[None]:
    """Let cuDNN try its kernels once for each shape inside, for trainings whose batches all have one shape.

    Not where deterministic kernels are asked for: which one is the fastest differs from time to time.
    """
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = process.device.type == "cuda" and not torch.backends.cudnn.deterministic
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def to_device(network: Network, params: TrainingParams, process: TrainingProcess) -> Network:
    """Return ``network`` on the device, in training mode; batch norms of several GPUs are synchronised."""
    if process.world_size > 1 and process.device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    network.to(process.device, memory_format=_memory_format(params))  # type: ignore[call-overload]
    return network.train()


def batch_to_device(batch: Any, params: TrainingParams, process: TrainingProcess) -> Any:
    """Return a named tuple of tensors on the device; copies from page-locked memory are asynchronous."""
    return type(batch)(*(_tensor_to_device(tensor, params, process) for tensor in batch))


def compiled(network: nn.Module, params: TrainingParams) -> Callable[..., Any]:
    """Return a compiled form of ``network`` to call, if the params want one; ``network`` itself is unchanged."""
    return torch.compile(network) if params.compile else network


def autocast(params: TrainingParams, process: TrainingProcess) -> torch.autocast:
    """Return the autocast context of a forward pass."""
    return torch.autocast(process.device.type, torch.bfloat16, enabled=params.precision == "bfloat16")


def adam(parameters: Iterable[nn.Parameter], params: OptimizerParams) -> Adam:
    """Return Adam for ``parameters``, which must be on their device; ``fit`` sets each step's learning rate."""
    return Adam(parameters, params.lr, (params.beta1, params.beta2), fused=params.fused or None)


def _tensor_to_device(tensor: Tensor, params: TrainingParams, process: TrainingProcess) -> Tensor:
    memory_format = _memory_format(params) if tensor.ndim == 4 else torch.preserve_format
    return tensor.to(process.device, non_blocking=True, memory_format=memory_format)


def _memory_format(params: TrainingParams) -> torch.memory_format:
    return torch.channels_last if params.channels_last else torch.preserve_format
