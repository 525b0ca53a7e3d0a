"""The ceiling of the loader: samples a second that one core loads, and all loading processes together."""

import time

from benchmarks.gpu.networks import RELEASED_LOSSES, Trainings
from benchmarks.gpu.report import Report
from benchmarks.gpu.steps import loader_workers
from model.data.samples import LoaderSettings, load_batches
from pipeline.core.base.torch_threads import torch_threads

BATCH = 16
MIN_SAMPLES_PER_S = 1500


def measure_loader(trainings: Trainings, report: Report) -> None:
    """Add samples a second by the number of loading processes, 0 being the training's own on one thread."""
    samples = trainings.task(trainings.params(BATCH, RELEASED_LOSSES)).samples
    n_bytes = sum(tensor.nbytes for tensor in samples.load([0]))
    report.add("sample_mb", round(n_bytes / 10**6, 3), f"a sample has {n_bytes / 10**6:.2f} MB")
    most = loader_workers(trainings.process.n_loader_workers, BATCH)
    rates: dict[str, float] = {}
    for n_workers in sorted({0, min(1, most), most}):
        n_batches = max(1, trainings.scale.loader_samples * max(1, n_workers) // BATCH)
        batches = load_batches(samples, first=0, n=10**6, batch=BATCH, settings=LoaderSettings(n_workers=n_workers))
        with torch_threads(1):
            next(batches)
            started = time.perf_counter()
            for _ in range(n_batches):
                next(batches)
            took_s = time.perf_counter() - started
        rates[str(n_workers)] = round(n_batches * BATCH / took_s, 1)
        name = "the training's own process" if not n_workers else f"{n_workers} loading processes"
        target = f" (target >= {MIN_SAMPLES_PER_S})" if n_workers < 2 else ""
        report.add("samples_per_s", rates, f"{name:28} {rates[str(n_workers)]:8.1f} samples/s{target}")
