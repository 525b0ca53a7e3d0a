"""Time the steps of a training: how many images a second, and how much of the time they wait for data."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.data.samples import LoaderSettings, Samples, load_batches
from model.training.distributed import TrainingProcess

IMAGES_BETWEEN_CLOCKS = 64
"""The queue of the GPU is emptied to look at the clock once in so many images."""

N_WARM_STEPS = 3
"""Steps on a GPU that are not timed: they load or choose kernels. The first one compiles, and is timed by itself."""

SHARED_MEMORY = "/dev/shm"  # noqa: S108
FLOAT_SAMPLE_BYTES = 1_320_000
"""A face and a mask of 256 px, a log-mel of 1000 columns and a label, float32."""
PREFETCHED_BATCHES = 4
BYTES_PER_GB = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementSettings:
    """The batch, how batches are loaded, and how many seconds each of the two rates is measured."""

    batch: int
    loader: LoaderSettings
    measured_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """The speed of a step.

    ``images_per_s`` is with the loader, ``images_per_s_without_loader`` on a batch that is on the device already;
    ``waiting_share`` is what the former lacks of the latter. ``first_step_s`` holds the compilation, where there is
    one. ``peak_gb`` is None on a processor.
    """

    images_per_s: float
    images_per_s_without_loader: float
    waiting_share: float
    first_step_s: float
    peak_gb: float | None
    losses: dict[str, float]
    """Of the first step."""

    def as_json(self) -> dict[str, Any]:
        """Return the fields, rates and times rounded."""
        fields = asdict(self)
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in fields.items()}


def measure_speed(
    step: Callable[[Any], dict[str, Tensor]],
    to_device: Callable[[Iterator[Any]], Iterator[Any]],
    samples: Samples[Any],
    settings: MeasurementSettings,
    process: TrainingProcess,
) -> Speed:
    """Time ``step`` on batches that ``to_device`` brings there, first without the loader and then with it."""
    batch, is_gpu = settings.batch, process.device.type == "cuda"
    n_warm = N_WARM_STEPS if is_gpu else 1
    if is_gpu:
        torch.cuda.reset_peak_memory_stats(process.device)
    (at_device,) = to_device(iter([samples.load(range(batch))]))
    started = time.perf_counter()
    losses = {name: loss.item() for name, loss in step(at_device).items()}
    first_step_s = time.perf_counter() - started
    for _ in range(n_warm):
        step(at_device)
    resident = _rate(lambda: step(at_device), batch, process, settings.measured_s)
    batches = to_device(load_batches(samples, first=0, n=10**6, batch=batch, settings=settings.loader))
    for _ in range(n_warm):
        step(next(batches))
    loaded = _rate(lambda: step(next(batches)), batch, process, settings.measured_s)
    return Speed(
        images_per_s=loaded,
        images_per_s_without_loader=resident,
        waiting_share=max(0.0, 1 - loaded / resident),
        first_step_s=first_step_s,
        losses=losses,
        peak_gb=torch.cuda.max_memory_allocated(process.device) / BYTES_PER_GB if is_gpu else None,
    )


def loader_workers(most: int, batch: int) -> int:
    """Return how many processes may load: the batches that they keep ready must fit into half of the shared memory."""
    free_bytes = shutil.disk_usage(SHARED_MEMORY).free if Path(SHARED_MEMORY).exists() else 0
    return int(min(most, free_bytes / 2 // (batch * FLOAT_SAMPLE_BYTES * (PREFETCHED_BATCHES + 1))))


def wait_for_device(process: TrainingProcess) -> None:
    """Block until all queued work of a GPU is done."""
    if process.device.type == "cuda":
        torch.cuda.synchronize(process.device)


def _rate(work: Callable[[], object], batch: int, process: TrainingProcess, measured_s: float) -> float:
    """Return images a second of repeated ``work`` over ``measured_s`` or a little longer."""
    n_between = max(1, IMAGES_BETWEEN_CLOCKS // batch) if process.device.type == "cuda" else 1
    n_steps = 0
    wait_for_device(process)
    started = time.perf_counter()
    while (took_s := time.perf_counter() - started) < measured_s:
        for _ in range(n_between):
            work()
        n_steps += n_between
        wait_for_device(process)
    return n_steps * batch / took_s
