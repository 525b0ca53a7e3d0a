"""Equal losses: of the released way and this project's step, and of processor and GPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from benchmarks.gpu.networks import EAGER, PAPER_LOSSES, RELEASED_LOSSES, Trainings, relative_difference
from benchmarks.gpu.report import Report
from benchmarks.gpu.training import released_step
from model.training.distributed import TrainingProcess
from model.training.placement import batch_to_device, fastest_kernels, reproducible

N_STEPS = 3
BATCH = 2
EXACT, TF32 = 1e-3, 2e-2
"""Largest difference of a loss of the first step, relative to it: of float32, and where convolutions use TF32.

Adam's first step moves each weight by the learning rate, whichever sign a tiny gradient has: later steps are shown,
and not judged.
"""

Losses = list[dict[str, float]]


def measure_equality(trainings: Trainings, report: Report) -> None:
    """Add the losses of some steps by each way, and their differences; a first step that differs fails."""
    device = trainings.process.device
    cpu = TrainingProcess(device=torch.device("cpu"))
    for kind, losses in {"released": RELEASED_LOSSES, "paper": PAPER_LOSSES}.items():
        with _whole_float32():
            exact = _losses(trainings, {**losses, **EAGER}, trainings.process)
            reference = _losses(trainings, {**losses, **EAGER}, cpu) if device.type != "cpu" else exact
            released = _released_losses(trainings) if kind == "released" else None
        default = _losses(trainings, {**losses, **EAGER}, trainings.process)
        _compare(report, f"{kind}: {device.type} and cpu, float32", exact, reference, EXACT)
        if released is not None:
            _compare(report, f"{kind}: the released way and ours, float32", released, exact, EXACT)
        _compare(report, f"{kind}: float32 as torch sets it (TF32 convolutions) and whole", default, exact, TF32)


def _losses(trainings: Trainings, changes: dict[str, object], process: TrainingProcess) -> Losses:
    params = trainings.params(BATCH, changes)
    task = trainings.task(params, process)
    found: Losses = []
    with reproducible(params.train, process), fastest_kernels(process):
        for number in range(N_STEPS):
            batch = task.samples.load(range(number * BATCH, (number + 1) * BATCH))
            losses = task.step(number + 1, batch_to_device(batch, params.train, process))
            found.append({name: loss.item() for name, loss in losses.items()})
    return found


def _released_losses(trainings: Trainings) -> Losses:
    params = trainings.params(BATCH, {**RELEASED_LOSSES, **EAGER})
    samples, step = trainings.task(params).samples, released_step(trainings)
    batches = (samples.load(range(n * BATCH, (n + 1) * BATCH)).unpacked() for n in range(N_STEPS))
    return [{name: loss.item() for name, loss in step.step(step.move(batch)).items()} for batch in batches]


def _compare(report: Report, name: str, found: Losses, expected: Losses, tolerance: float) -> None:
    """Add the largest relative difference of each step's losses."""
    differences = [relative_difference(one, other) for one, other in zip(found, expected, strict=True)]
    is_equal = differences[0] <= tolerance
    figures = {"found": found, "expected": expected, "differences": differences, "tolerance": tolerance}
    steps = ", ".join(f"{difference:.1e}" for difference in differences)
    report.add(name, figures | {"ok": is_equal}, f"{name:66} {steps} (first step <= {tolerance:g})")
    if not is_equal:
        report.fail(f"{name}: losses of the first step differ by {differences[0]:.1e} > {tolerance:g}")


@contextmanager
def _whole_float32() -> Iterator[None]:
    """Without TF32, which torch uses in convolutions unless told otherwise."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
