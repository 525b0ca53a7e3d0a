"""Measure the speed of the exports on a synthetic dataset, one core: python -m benchmarks.speed.export."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.timing import seconds
from pipeline.core.records.person import TEST, TRAIN
from pipeline.dataset.reader import BuiltDataset
from pipeline.export.folder import export_folder
from pipeline.export.huggingface import export_huggingface
from pipeline.export.webdataset import export_webdataset
from tests.built_dataset import make_dataset_in
from tests.export.conftest import PLAN

REAL_SIZES = replace(
    PLAN,
    persons=tuple(("made-up", f"person {place}", TEST if place % 5 == 0 else TRAIN) for place in range(20)),
    face_px=256,
    label_size=2048,
    n_mels=64,
    padded_to=1000,
)
N_ROUNDS = 3


def measure_exports(folder: Path) -> None:
    """Print rows per second: faces, segments and pairs, with pictures of noise, which compress worst."""
    made = make_dataset_in(folder / "dataset", REAL_SIZES)
    rows, built = made.rows, made.open()
    n_payload, n_pairs = len(rows.faces) + len(rows.segments), len(rows.pairs)
    print(f"\nexports of {len(rows.faces)} faces, {len(rows.segments)} segments and {n_pairs} pairs, one core")
    _measure("huggingface (payload once)", n_payload + n_pairs, "rows", built, folder, export_huggingface)
    _measure("webdataset (payload by pair)", n_pairs, "pairs", built, folder, export_webdataset)
    _measure("folder (payload once, as JPEG)", n_payload, "rows", built, folder, _folder)


def _folder(built: BuiltDataset, to: Path) -> object:
    return export_folder(built, to, all_faces=True)


def _measure(
    name: str, n_rows: int, unit: str, built: BuiltDataset, folder: Path, export: Callable[[BuiltDataset, Path], object]
) -> None:
    targets = (folder / f"{export.__name__}-{place}" for place in range(N_ROUNDS + 1))
    times_s = [seconds(partial(export, built, to)) for to in targets]
    print(f"  {name:35} {n_rows / median(times_s[1:]):7.0f} {unit}/s")  # the first loads its libraries


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made_here:
        measure_exports(Path(made_here))
