"""The trainings: each network's note, loss curves, and pictures during training."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.base.layout import Layout
from pipeline.core.storage.json_file import read_json_if_any
from pipeline.report.chart import Chart, Point, draw_chart
from pipeline.report.inline import Picture, SizeBudget
from pipeline.report.notes import flatten
from pipeline.report.pictures import inline_grid

_SIZE_BUDGET = 1_200_000
_MOST_PER_PICTURE = 240_000
_MOST_CHARTS = 12

# stage: (the network's name in the layout, title); the face recognition network's note has a place of its own
_STAGES = {
    "pretrain_identity": (None, "The face recognition network"),
    "pretrain_voice": ("voice", "The voice network"),
    "pretrain_audio_face": ("audio_face", "The audio-face decoder"),
    "train": ("generator", "The generator"),
}


@dataclass(frozen=True, slots=True)
class Training:
    """One training stage; without note, charts and pictures it has not run."""

    stage: str
    title: str
    no_network_reason: str
    """Why the stage wrote no network; else empty."""
    note: list[tuple[str, str]]
    charts: list[Chart]
    n_more_charts: int
    pictures: list[Picture]

    @property
    def has_run(self) -> bool:
        """Whether the stage has written any of them."""
        return bool(self.note or self.charts or self.pictures)


def read_trainings(at: Layout) -> list[Training]:
    """Return all trainings, also those that have not run."""
    budget = SizeBudget(_SIZE_BUDGET)
    return [_read(at, stage, network, title, budget) for stage, (network, title) in _STAGES.items()]


def _read(at: Layout, stage: str, network: str | None, title: str, budget: SizeBudget) -> Training:
    folder = at.training_folder(stage)
    note = read_json_if_any(at.model_note(network) if network else at.recognition_network_note) or {}
    charts = list(_charts(folder / "plots" / "metrics"))
    return Training(
        stage=stage,
        title=title,
        no_network_reason=str(note.get("reason", "")),
        note=flatten(note),
        charts=charts[:_MOST_CHARTS],
        n_more_charts=len(charts[_MOST_CHARTS:]),
        pictures=list(_pictures(folder / "pictures", budget)),
    )


def _charts(folder: Path) -> Iterator[Chart]:
    """Yield the chart of every curve that DVCLive wrote, ``<name>.tsv`` with columns step and name."""
    for path in sorted(folder.rglob("*.tsv")):
        name = path.relative_to(folder).with_suffix("").as_posix().replace("_", " ")
        chart = draw_chart(name, _points(path))
        if chart is not None:
            yield chart


def _points(path: Path) -> list[Point]:
    """Return (step, value) of each row; a last row that a killed process cut short is left out."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [(float(row["step"]), float(row[path.stem])) for row in rows if row["step"] and row.get(path.stem)]


def _pictures(folder: Path, budget: SizeBudget) -> Iterator[Picture]:
    """Yield the first, the middle and the last picture, ``<step>.png``."""
    paths = sorted(folder.glob("*.png"))
    for path in [paths[index] for index in sorted({0, len(paths) // 2, len(paths) - 1})] if paths else ():
        step = f"{int(path.stem):,}" if path.stem.isdecimal() else path.stem
        picture = inline_grid(path.read_bytes(), f"Samples at step {step}", budget, _MOST_PER_PICTURE)
        if picture is not None:
            yield picture
