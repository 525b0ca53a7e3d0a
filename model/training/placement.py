"""Networks and batches on the device, in the precision and memory format of the params."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import nn
from torch.optim import Adam

from model.data.samples_tensors import Packed
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


def frozen_to_device(network: Network, params: TrainingParams, process: TrainingProcess) -> Network:
    """Return a network that is not trained on the device, in evaluation mode.

    Its weights are in 16 bits where autocast would cast them in each step. Its channels are last in memory, the order
    of the fastest kernels; a compiled network chooses that itself.
    """
    memory_format = _memory_format(params) if params.compile else torch.channels_last
    network.to(process.device, memory_format=memory_format)  # type: ignore[call-overload]
    if params.precision == "bfloat16":
        network.to(torch.bfloat16)
    return network.eval()


def batch_to_device(batch: Any, params: TrainingParams, process: TrainingProcess) -> Any:
    """Return a named tuple of tensors on the device, as networks take it; page-locked memory is copied meanwhile."""
    return _as_taken(_moved(batch, process), params)


def batches_to_device(batches: Iterator[Any], params: TrainingParams, process: TrainingProcess) -> Iterator[Any]:
    """Yield batches as ``batch_to_device`` returns them; a GPU copies each while it computes on the one before."""
    if process.device.type != "cuda":
        yield from (batch_to_device(batch, params, process) for batch in batches)
        return
    copying = torch.cuda.Stream(process.device)  # type: ignore[no-untyped-call]
    waiting: tuple[Any, torch.cuda.Event] | None = None
    for batch in batches:
        with torch.cuda.stream(copying):
            moved = _moved(batch, process)
            arrived = copying.record_event()
        if waiting is not None:
            yield _arrived(*waiting, params)
        waiting = moved, arrived
    if waiting is not None:
        yield _arrived(*waiting, params)


def compiled(network: nn.Module, params: TrainingParams) -> Callable[..., Any]:
    """Return a compiled form of ``network`` to call, if the params want one; ``network`` itself is unchanged."""
    return torch.compile(network) if params.compile else network


def autocast(params: TrainingParams, process: TrainingProcess) -> torch.autocast:
    """Return the autocast context of a forward pass."""
    return torch.autocast(process.device.type, torch.bfloat16, enabled=params.precision == "bfloat16")


def adam(parameters: Iterable[nn.Parameter], params: OptimizerParams) -> Adam:
    """Return Adam for ``parameters``, which must be on their device; ``fit`` sets each step's learning rate."""
    return Adam(parameters, params.lr, (params.beta1, params.beta2), fused=params.fused or None)


def _moved(batch: Any, process: TrainingProcess) -> Any:
    return type(batch)(*(tensor.to(process.device, non_blocking=True) for tensor in batch))


def _arrived(batch: Any, event: torch.cuda.Event, params: TrainingParams) -> Any:
    """Return a batch whose copies ``event`` ends, for the stream that computes."""
    computing = torch.cuda.current_stream()
    computing.wait_event(event)
    for tensor in batch:
        tensor.record_stream(computing)  # else its memory would be given away while that stream still reads it
    return _as_taken(batch, params)


def _as_taken(batch: Any, params: TrainingParams) -> Any:
    """Return the batch as networks take it, pictures in the params' memory format."""
    unpacked = batch.unpacked() if isinstance(batch, Packed) else batch
    pictures = torch.channels_last if params.channels_last else torch.contiguous_format
    return type(unpacked)(
        *(tensor.contiguous(memory_format=pictures) if tensor.ndim == 4 else tensor for tensor in unpacked)
    )


def _memory_format(params: TrainingParams) -> torch.memory_format:
    return torch.channels_last if params.channels_last else torch.preserve_format
