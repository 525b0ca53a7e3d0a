"""A training killed after a checkpoint and resumed, against one that ran in one go."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from benchmarks.gpu.networks import EAGER, RELEASED_LOSSES, Trainings, relative_difference
from benchmarks.gpu.report import Report
from model.training.context import TrainingContext
from model.training.tasks.inpainting import train_generator

BATCH = 2
TOLERANCE, DETERMINISTIC_TOLERANCE = 0.05, 1e-3
"""Largest relative difference of a reported loss: where kernels add in an order of their own, and where they do not.

Of the former it is at least MOST_OF_REPEATED times that of two runs in one go, which grows with the steps.
"""
MOST_OF_REPEATED = 3.0

Reports = tuple[tuple[int, dict[str, float]], ...]


class _KilledError(Exception):
    """Ends a training as a signal would, right after a checkpoint."""


def measure_resume(trainings: Trainings, report: Report) -> None:
    """Add the differences of a resumed training, and of a repeated one, which is what the device itself leaves open."""
    ways = (("as it trains", TOLERANCE, False), ("deterministic kernels", DETERMINISTIC_TOLERANCE, True))
    for name, tolerance, is_deterministic in ways:
        with _kernels(is_deterministic):
            whole, again, resumed = _run(trainings, None), _run(trainings, None), _run_killed(trainings)
        repeated, difference = _difference(whole, again), _difference(whole, resumed)
        tolerance = max(tolerance, 0.0 if is_deterministic else MOST_OF_REPEATED * repeated)
        is_exact = whole == resumed
        figures = {
            "resumed_difference": difference,
            "repeated_difference": repeated,
            "is_bit_equal": is_exact,
            "tolerance": tolerance,
        }
        line = (
            f"{name:22} resumed against one go: losses differ by at most {difference:.1e} "
            f"({'bit-equal' if is_exact else 'not bit-equal'}; tolerance {tolerance:g}); "
            f"two runs in one go: {repeated:.1e}"
        )
        report.add(name, figures, line)
        if not difference <= tolerance:
            report.fail(f"{name}: a resumed training's losses differ by {difference:.1e} > {tolerance:g}")


def _run_killed(trainings: Trainings) -> Reports:
    """Train to the checkpoint in the middle, die, and train again from there."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        try:
            _run(trainings, root, is_killed=True)
        except _KilledError:
            return _run(trainings, root)
        raise AssertionError("the training ended without a checkpoint in its middle")


def _run(trainings: Trainings, root: Path | None, is_killed: bool = False) -> Reports:
    steps = trainings.scale.resume_steps
    params = trainings.params(BATCH, {**RELEASED_LOSSES, **EAGER, "steps": steps, "report_every": 1})

    def log(line: str) -> None:
        if is_killed and f"step {steps // 2} of" in line:
            raise _KilledError

    context = TrainingContext(process=trainings.process, checkpoint_root=root, checkpoint_every=steps // 2, log=log)
    _, result = train_generator(trainings.data, trainings.networks, params, context)
    return result.reports


def _difference(first: Reports, second: Reports) -> float:
    """Return the largest difference of a loss, relative to the first."""
    assert [step for step, _ in first] == [step for step, _ in second]
    return max(relative_difference(two, one) for (_, one), (_, two) in zip(first, second, strict=True))


@contextmanager
def _kernels(is_deterministic: bool) -> Iterator[None]:
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = is_deterministic
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before
