"""Images a second of the generator's training: written the released way, and this project's step, eager and tuned."""

import gc
import time
from copy import deepcopy
from functools import partial
from typing import Any

import torch

from benchmarks.gpu.networks import EAGER, LIGHT, PAPER_LOSSES, RELEASED_LOSSES, TUNED, Trainings, relative_difference
from benchmarks.gpu.released import N_LOADER_WORKERS, FloatSamples, ReleasedStep
from benchmarks.gpu.report import Report
from benchmarks.gpu.steps import MeasurementSettings, loader_workers, measure_speed
from model.data.samples import LoaderSettings
from model.networks.discriminator import PatchDiscriminator
from model.networks.generator import InpaintingGenerator
from model.training.placement import batches_to_device, fastest_kernels, reproducible

RELEASED_WAY = "released way"
NOT_COMPILED: dict[str, dict[str, Any]] = {
    "eager": {**RELEASED_LOSSES, **EAGER},
    "tuned, not compiled": {**RELEASED_LOSSES, **LIGHT},
}
COMPILED = {"tuned": {**RELEASED_LOSSES, **TUNED}}
TRIAL = "tuned, channels last"
"""Fails on torch 2.11, whose error is noted; it is no failure of the run."""
"""All with the released code's losses, as the step written the released way."""
PAPER_EAGER, PAPER_TUNED = "eager, paper's losses", "tuned, paper's losses"
OF_PAPER: dict[str, dict[str, Any]] = {
    PAPER_EAGER: {**PAPER_LOSSES, **EAGER},
    PAPER_TUNED: {**PAPER_LOSSES, **TUNED},
}
"""With the paper's losses, whose Eq. 3 has a gradient through the face recognition network."""
VARIANTS = {**NOT_COMPILED, **COMPILED, **OF_PAPER, TRIAL: {**RELEASED_LOSSES, **LIGHT, "compile": True}}

COMPARED = (("tuned", "eager"), ("tuned, not compiled", "eager"), (PAPER_TUNED, PAPER_EAGER), (RELEASED_WAY, "eager"))
TOLERANCE = 5e-2
"""Largest relative difference of a loss of the first step: of 16 bits against float32, whose convolutions use TF32."""

MIN_GAIN_OVER_EAGER, MIN_GAIN_OVER_RELEASED, MAX_WAITING_SHARE = 2.5, 5.0, 0.05
UNFIT = "out of memory"
NO_TIME = "no time left"


def measure_training(trainings: Trainings, report: Report) -> None:
    """Add the speed of each variant that is not compiled, at each batch."""
    batches = trainings.scale.batches
    works = [(batch, name) for batch in batches for name in (RELEASED_WAY, *NOT_COMPILED)]
    _measure(trainings, [*works, (_middle(batches), PAPER_EAGER)], report)


def measure_compiled(trainings: Trainings, report: Report) -> None:
    """Add the speed of the compiled step, the largest batches first, while there is time; then compare all."""
    largest_first = sorted(trainings.scale.batches, reverse=True)
    works = [(batch, "tuned") for batch in largest_first]
    if trainings.scale.compiles:
        last = [(_middle(trainings.scale.batches), PAPER_TUNED), (largest_first[0], TRIAL)]
        _measure(trainings, [*works, *last], report)
    rows = {key: row for section in report.sections.values() for key, row in section.get("rows", {}).items()}
    _add_equality(rows, report)
    _add_gains(rows, report)


def _middle(batches: tuple[int, ...]) -> int:
    return batches[len(batches) // 2]


def _measure(trainings: Trainings, works: list[tuple[int, str]], report: Report) -> None:
    """Add a row for each batch and variant; none starts that would not end in time, by the one before."""
    rows: dict[str, dict[str, Any]] = {}
    took_s = 0.0
    for batch, name in works:
        key = _key(name, batch)
        if report.elapsed_s + took_s > trainings.scale.total_s:
            rows[key] = {"error": NO_TIME}
        else:
            started = time.monotonic()
            rows[key] = _row(trainings, batch, name)
            _free_memory()
            took_s = time.monotonic() - started
        report.add("rows", rows, f"{key:32} {_as_text(rows[key])}")
    failed = [
        key for key, row in rows.items() if row.get("error") not in (None, UNFIT, NO_TIME) and not key.startswith(TRIAL)
    ]
    if failed:
        report.fail(f"no figures for {'; '.join(failed)}")


def _key(name: str, batch: int) -> str:
    return f"{name}, batch {batch}"


def _row(trainings: Trainings, batch: int, name: str) -> dict[str, Any]:
    """Return the speed as JSON, or why there is none."""
    try:
        if name == RELEASED_WAY:
            return _released_speed(trainings, batch)
        return _own_speed(trainings, batch, VARIANTS[name])
    except torch.cuda.OutOfMemoryError:
        return {"error": UNFIT}
    except Exception as error:  # the other variants must not be lost
        return {"error": f"{type(error).__name__}: {error}"[:2000]}


def _free_memory() -> None:
    torch.compiler.reset()  # each batch gets kernels of its own size
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _own_speed(trainings: Trainings, batch: int, changes: dict[str, Any]) -> dict[str, Any]:
    params, process = trainings.params(batch, changes), trainings.process
    task = trainings.task(params)
    loader = LoaderSettings(
        n_workers=loader_workers(process.n_loader_workers, batch), pin_memory=process.device.type == "cuda"
    )
    settings = MeasurementSettings(batch=batch, loader=loader, measured_s=trainings.scale.measured_s)
    to_device = partial(batches_to_device, params=params.train, process=process)
    with reproducible(params.train, process), fastest_kernels(process):
        return measure_speed(partial(task.step, 1), to_device, task.samples, settings, process).as_json()


def _released_speed(trainings: Trainings, batch: int) -> dict[str, Any]:
    process = trainings.process
    samples = trainings.task(trainings.params(batch, VARIANTS["eager"])).samples
    step = released_step(trainings)
    n_workers = min(N_LOADER_WORKERS, loader_workers(process.n_loader_workers, batch))
    settings = MeasurementSettings(
        batch=batch, loader=LoaderSettings(n_workers=n_workers), measured_s=trainings.scale.measured_s
    )
    with fastest_kernels(process):  # as the released code does
        return measure_speed(step.step, partial(map, step.move), FloatSamples(samples), settings, process).as_json()


def released_step(trainings: Trainings) -> ReleasedStep:
    """Return the step written the released way; it starts from the weights that this project's starts from."""
    params = trainings.params(trainings.scale.batches[0], VARIANTS["eager"])
    recognition, voice = deepcopy(trainings.networks.recognition), deepcopy(trainings.networks.voice)
    assert recognition is not None and voice is not None
    with reproducible(params.train, trainings.process):
        generator = InpaintingGenerator(params.model, trainings.data.label_size)
        generator.set_voice_network(voice)
        discriminator = PatchDiscriminator(2, trainings.scale.width)
    return ReleasedStep(generator, discriminator, recognition, trainings.process.device)


def _as_text(row: dict[str, Any]) -> str:
    if "error" in row:
        return str(row["error"]).splitlines()[0]
    memory = "" if row["peak_gb"] is None else f", {row['peak_gb']:.1f} GB"
    return (
        f"{row['images_per_s']:8.1f} images/s, {row['images_per_s_without_loader']:8.1f} without the loader "
        f"(waiting {row['waiting_share']:.1%}), first step {row['first_step_s']:.1f} s{memory}"
    )


def _add_equality(rows: dict[str, dict[str, Any]], report: Report) -> None:
    """Add how much the losses of the first step differ between variants, at each batch that both have."""
    differences: dict[str, float] = {}
    for one, other in COMPARED:
        found = [
            relative_difference(rows[_key(one, batch)]["losses"], rows[_key(other, batch)]["losses"])
            for batch in {int(key.rpartition(" ")[2]) for key in rows}
            if "losses" in rows.get(_key(one, batch), {}) and "losses" in rows.get(_key(other, batch), {})
        ]
        if found:
            difference = differences[f"{one} and {other}"] = max(found)
            line = f"losses of the first step, {one} and {other}: {difference:.1e} (<= {TOLERANCE:g})"
            report.add("loss_differences", differences, line)
            if not difference <= TOLERANCE:
                report.fail(f"the losses of {one} and {other} differ by {difference:.1e} > {TOLERANCE:g}")


def _add_gains(rows: dict[str, dict[str, Any]], report: Report) -> None:
    """Add the best rate of each variant over all batches, and what the tuned step gains."""
    best: dict[str, float] = {}
    for key, row in rows.items():
        name = key.rpartition(", batch ")[0]
        if "error" not in row:
            best[name] = max(best.get(name, 0.0), row["images_per_s_without_loader"])
    report.add("best_images_per_s", best)
    tuned = max((best[name] for name in ("tuned", TRIAL, "tuned, not compiled") if name in best), default=None)
    if tuned is None or not {"eager", RELEASED_WAY} <= best.keys():
        return
    gains = {"over_eager": round(tuned / best["eager"], 3), "over_released": round(tuned / best[RELEASED_WAY], 3)}
    line = (
        f"best batch of each: tuned {gains['over_eager']:.2f} x eager (target on a GPU >= {MIN_GAIN_OVER_EAGER}), "
        f"{gains['over_released']:.2f} x the released way (target >= {MIN_GAIN_OVER_RELEASED}); "
        f"target for waiting < {MAX_WAITING_SHARE:.0%}"
    )
    report.add("gains", gains, line)
