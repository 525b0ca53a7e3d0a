"""A minute of training, in which the losses must fall."""

import time
from itertools import count

import torch

from benchmarks.gpu.networks import EAGER, LIGHT, PAPER_LOSSES, Trainings
from benchmarks.gpu.report import Report
from benchmarks.gpu.steps import loader_workers
from model.data.samples import LoaderSettings, load_batches
from model.training.placement import batches_to_device, fastest_kernels, reproducible

STEPS_BETWEEN_CLOCKS = 5
LOSS = "face"
"""The L1 of the whole face. Eq. 3 has no gradient here: the face recognition network has random weights."""


def measure_learning(trainings: Trainings, report: Report) -> None:
    """Train by the paper's losses, not compiled, and compare the first and last tenth of the steps."""
    batch, process = trainings.scale.learning_batch, trainings.process
    speed = LIGHT if process.device.type == "cuda" else EAGER
    params = trainings.params(
        batch, {**PAPER_LOSSES, "match_gradient": False, **speed, "lr": trainings.scale.learning_lr}
    )
    task = trainings.task(params)
    settings = LoaderSettings(
        n_workers=loader_workers(process.n_loader_workers, batch), pin_memory=process.device.type == "cuda"
    )
    losses: list[dict[str, torch.Tensor]] = []
    with reproducible(params.train, process), fastest_kernels(process):
        loaded = load_batches(task.samples, first=0, n=10**6, batch=batch, settings=settings)
        batches = batches_to_device(loaded, params.train, process)
        ends_at = time.monotonic() + trainings.scale.learning_s
        for number in count(1):
            losses.append({name: loss.detach() for name, loss in task.step(number, next(batches)).items()})
            if number % STEPS_BETWEEN_CLOCKS == 0:
                float(losses[-1][LOSS])  # waits for the device
                if time.monotonic() > ends_at or number == trainings.scale.learning_steps:
                    break
    n_tenth = max(1, len(losses) // 10)
    figures: dict[str, dict[str, float]] = {}
    for name in losses[0]:
        values = torch.stack([step[name].float() for step in losses])
        figures[name] = {"first": values[:n_tenth].mean().item(), "last": values[-n_tenth:].mean().item()}
    report.add("n_steps", len(losses))
    report.add("n_images", len(losses) * batch)
    first, last = figures[LOSS]["first"], figures[LOSS]["last"]
    line = f"{len(losses)} steps of {batch}: loss '{LOSS}' {first:.4f} in the first tenth, {last:.4f} in the last"
    report.add("means_of_first_and_last_tenth", figures, line)
    if not last < first:
        report.fail(f"the loss '{LOSS}' did not fall: {first:.4f} to {last:.4f}")
