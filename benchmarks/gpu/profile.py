"""Where the time of a tuned step goes: its kernels, the longest first, beside how long it takes."""

from functools import partial
from typing import Any

import torch
from torch.autograd import DeviceType  # type: ignore[attr-defined]
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.networks import LIGHT, RELEASED_LOSSES, TUNED, Trainings
from benchmarks.gpu.report import Report
from benchmarks.gpu.steps import N_WARM_STEPS, wait_for_device
from benchmarks.timing import seconds
from model.training.placement import batch_to_device, fastest_kernels, reproducible

N_LINES = 20
N_STEPS = 3
MOST_IMAGES = 256
NAME_WIDTH = 100
US_PER_MS = 1000


def measure_profile(trainings: Trainings, report: Report) -> None:
    """Add the milliseconds of each kernel in a step, at the largest batch up to 256."""
    process, batch = trainings.process, min(max(trainings.scale.batches), MOST_IMAGES)
    params = trainings.params(batch, {**RELEASED_LOSSES, **(TUNED if trainings.scale.compiles else LIGHT)})
    task = trainings.task(params)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if process.device.type == "cuda" else [])]
    with reproducible(params.train, process), fastest_kernels(process):
        at_device = batch_to_device(task.samples.load(range(batch)), params.train, process)

        def steps(n: int) -> None:
            for _ in range(n):
                task.step(1, at_device)
            wait_for_device(process)

        steps(1 + N_WARM_STEPS)
        step_ms = seconds(partial(steps, N_STEPS)) / N_STEPS * 1000
        with profile(activities=activities) as profiled:
            steps(N_STEPS)
    kernels = _kernels(profiled, process.device)
    total_ms = sum(row["ms"] for row in kernels)
    line = (
        f"batch {batch}: a step takes {step_ms:.2f} ms, its {sum(row['calls'] for row in kernels):.0f} kernels "
        f"{total_ms:.2f} ms; the longest {N_LINES}:"
    )
    figures = {"step_ms": round(step_ms, 3), "kernels_ms": round(total_ms, 3), "kernels": kernels[: 3 * N_LINES]}
    report.add(f"batch {batch}", figures, line)
    for row in kernels[:N_LINES]:
        report.line(f"  {row['ms']:9.3f} ms {row['ms'] / total_ms:6.1%} {row['calls']:6.1f} x {row['name']}")


def _kernels(profiled: profile, device: torch.device) -> list[dict[str, Any]]:
    """Return name, milliseconds and number in a step of each kernel; of a processor, of each operation."""
    rows = []
    for event in profiled.key_averages():
        if device.type == "cuda":
            if event.device_type != DeviceType.CUDA:
                continue
            took_us = event.self_device_time_total
        else:
            took_us = event.self_cpu_time_total
        rows.append(
            {
                "name": event.key[:NAME_WIDTH],
                "ms": round(took_us / N_STEPS / US_PER_MS, 4),
                "calls": round(event.count / N_STEPS, 2),
            }
        )
    return sorted(rows, key=lambda row: -row["ms"])
