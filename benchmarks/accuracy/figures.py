"""Figures: measured numbers with their targets; and the options and clips that the accuracy benchmarks share."""

import argparse
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import yaml
from numpy.typing import NDArray

from pipeline.core.base.layout import Layout
from pipeline.core.base.params import PARAMS_FILE, read_params
from pipeline.sources import folder as folder_source
from pipeline.sources.listing import write_listing
from pipeline.sources.settings import FolderSource, SyntheticSource
from pipeline.sources.synthetic import list_clips
from stages.commands.profile import apply_profiles

DURATION_S = 6.4  # of a generated clip
N_DRAWS = 2000


@dataclass(frozen=True)
class Figure:
    """One measured number and its target."""

    name: str
    value: float
    target: float
    at_least: bool  # else: at most
    unit: str = ""

    @property
    def passes(self) -> bool:
        """Whether the target is met."""
        return self.value >= self.target if self.at_least else self.value <= self.target

    def line(self) -> str:
        """Return the figure as one line of text."""
        sign = ">=" if self.at_least else "<="
        mark = "pass" if self.passes else "FAIL"
        return f"{mark}  {self.name:58} {self.value:9.3f}{self.unit:2} (target {sign} {self.target:g}{self.unit})"


def share_interval(parts: NDArray[np.float64], wholes: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of sum(parts) / sum(wholes), 0-1, by draws of those (N,) that they are of (bootstrap).

    It is 0 to 1 where ``wholes`` sums up to 0.
    """
    drawn = (
        np.random.default_rng(1).integers(len(parts), size=(N_DRAWS, len(parts)))
        if len(parts)
        else np.empty((1, 0), int)
    )
    of_draw, whole = parts[drawn].sum(axis=1), wholes[drawn].sum(axis=1)
    if not whole.any():
        return 0.0, 1.0
    low, high = np.quantile(of_draw[whole > 0] / whole[whole > 0], [0.025, 0.975])
    return float(low), float(high)


def read_options(description: str | None, out: Path | None = None) -> argparse.Namespace:
    """Return the options ``persons`` and ``seed`` of the command line, and ``out`` where ``out`` is given."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=60)
    parser.add_argument("--seed", type=int, default=31415)
    if out is not None:
        parser.add_argument("--out", type=Path, default=out)
    return parser.parse_args()


def print_and_exit(figures: Iterable[Figure]) -> NoReturn:
    """Print the figures and end the program, with exit status 1 when a target is missed."""
    all_figures = list(figures)
    for figure in all_figures:
        print(figure.line())
    raise SystemExit(0 if all(figure.passes for figure in all_figures) else 1)


def process_pool() -> ProcessPoolExecutor:
    """Return a process for each core. They are spawned: a fork beside OpenCV's threads may wait for them for ever."""
    return ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("spawn"))


def list_wide(
    at: Layout, dataset: str, n_persons: int, seed: int, size_px: tuple[int, int], *, edge_cases: bool
) -> None:
    """Write params.yaml for this dataset and the clips manifest of ``n_persons`` talkers of 'wide', one clip each."""
    at.params.write_text(PARAMS_FILE.read_text(encoding="utf-8"), encoding="utf-8")
    apply_profiles([], [f"datasets=[{dataset}]", f"sources.{dataset}={{kind: synthetic}}"], at.root)
    source = SyntheticSource(
        kind="synthetic",
        input="pipeline/synthetic",
        n_persons=n_persons,
        clips_per_person=1,
        seed=seed,
        preset="wide",
        duration_s=DURATION_S,
        width_px=size_px[0],
        height_px=size_px[1],
        edge_cases=edge_cases,
    )
    write_listing(list_clips(dataset, source), at.listed(dataset), at.ledger("sources", dataset))


def write_params(at: Layout, *datasets: str, **changes: Mapping[str, Any]) -> None:
    """Write params.yaml as committed, for these datasets of real clips; ``changes``: values by section and key."""
    params = read_params(PARAMS_FILE)
    params["datasets"] = [*datasets]
    params["sources"] = {name: {"kind": "folder"} for name in datasets}
    for section, values in changes.items():
        params[section].update(values)
    at.root.mkdir(parents=True, exist_ok=True)
    at.params.write_text(yaml.safe_dump(params), encoding="utf-8")


def list_folder(at: Layout, dataset: str, folder: Path) -> None:
    """Write the clips manifest of the videos of ``folder``, each an identity of its own, and its ledger."""
    source = FolderSource(
        kind="folder",
        input=folder.resolve().as_posix(),
        identity_from="file_name",
        identity_pattern="(?P<identity>.+)",
        identity_table=None,
        licence="unknown",
        recursive=True,
    )
    write_listing(folder_source.list_clips(dataset, source), at.listed(dataset), at.ledger("sources", dataset))
