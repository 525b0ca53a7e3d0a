"""Measure and check training and evaluation on a GPU, on generated data: python -m benchmarks.gpu --out gpu.json.

It needs no dataset, no weights and no network, and less than 8 minutes on a large GPU. Of Python packages it needs
torch, numpy, scipy, pandas, pyarrow, scikit-image, scikit-learn, safetensors, pydantic, PyYAML, pillow and OpenCV.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.gpu.data import generated_split
from benchmarks.gpu.equality import measure_equality
from benchmarks.gpu.evaluation import measure_evaluation
from benchmarks.gpu.learning import measure_learning
from benchmarks.gpu.loader import measure_loader
from benchmarks.gpu.networks import Trainings, start_networks
from benchmarks.gpu.profile import measure_profile
from benchmarks.gpu.report import Report
from benchmarks.gpu.resume import measure_resume
from benchmarks.gpu.scale import ON_PROCESSOR, PAPER, TINY
from benchmarks.gpu.training import measure_compiled, measure_training
from model.training.distributed import TrainingProcess
from model.training.run_settings import read_run_settings

SECTIONS = {
    "training": measure_training,
    "equality": measure_equality,
    "resume": measure_resume,
    "loader": measure_loader,
    "evaluation": measure_evaluation,
    "learning": measure_learning,
    "compiled": measure_compiled,
    "profile": measure_profile,
}
BY_NAME_ALONE = ("profile",)
"""Sections that run only where the command line names them."""

KERNELS_TRIED = 4
"""For each shape; torch's 10 would take up to half a minute at the largest batch, for each variant."""


def main() -> None:
    """Run the sections that the command line names, by default all; exit with 1 where one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], help="by default the GPU where there is one")
    parser.add_argument("--tiny", action="store_true", help="run everything once, on next to nothing")
    parser.add_argument("--out", type=Path, help="the JSON file, rewritten after each figure")
    usual = [name for name in SECTIONS if name not in BY_NAME_ALONE]
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=usual, help="by default all but 'profile'")
    parser.add_argument("--seconds", type=float, help="after which no speed of a training is measured any more")
    parser.add_argument("--batches", nargs="+", type=int, help="images a step, by default 4 to 512 on a GPU")
    options = parser.parse_args()
    report = run(options.device, options.tiny, options.out, options.sections, options.seconds, options.batches)
    sys.exit(0 if report.is_ok else 1)


def run(
    device_name: str | None,
    is_tiny: bool,
    out: Path | None,
    sections: list[str],
    total_s: float | None = None,
    batches: list[int] | None = None,
) -> Report:
    """Return the report on the sections."""
    settings = read_run_settings()
    device = settings.device if device_name is None else torch.device(device_name)
    scale = TINY if is_tiny else PAPER if device.type == "cuda" else ON_PROCESSOR
    if device.type == "cuda":
        torch.backends.cudnn.benchmark_limit = KERNELS_TRIED
    if total_s is not None:
        scale = replace(scale, total_s=total_s)
    if batches is not None:
        scale = replace(scale, batches=tuple(batches))
    process = TrainingProcess(device=device, n_loader_workers=0 if is_tiny else settings.n_loader_workers)
    report = Report(out, device)
    report.line(", ".join(f"{name} {value}" for name, value in report.content["machine"].items()))
    trainings = Trainings(data=generated_split(scale), networks=start_networks(scale), process=process, scale=scale)
    for name in sections:
        work = SECTIONS[name]
        report.run(name, lambda report, work=work: work(trainings, report))  # type: ignore[misc]
    report.line(f"\nall sections: {'ok' if report.is_ok else 'SOME FAILED'}, {report.content['seconds']} s")
    return report


if __name__ == "__main__":
    main()
