"""The trainings: what each network is, how its losses went, and what it drew on the way."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.layout import Layout
from pipeline.report.chart import Chart, Point, draw_chart
from pipeline.report.inline import Allowance, Picture
from pipeline.report.notes import flatten, read_json
from pipeline.report.pictures import inline_grid

_ALLOWANCE = 1_200_000
_MOST_PER_PICTURE = 240_000
_MOST_CHARTS = 12

# stage: (the network's name in the layout, title)
_STAGES = {
    "pretrain_voice": ("voice", "The voice network"),
    "pretrain_audio_face": ("audio_face", "The audio-face decoder"),
    "train": ("generator", "The inpainting network"),
}


@dataclass(frozen=True, slots=True)
class Training:
    """One stage of training; without note, charts and pictures it has not run."""

    stage: str
    title: str
    why_none: str
    """Why there is no network though the stage has run; else empty."""
    note: list[tuple[str, str]]
    charts: list[Chart]
    n_more_charts: int
    pictures: list[Picture]

    @property
    def has_run(self) -> bool:
        """Whether the stage left anything."""
        return bool(self.note or self.charts or self.pictures)


def read_trainings(at: Layout) -> list[Training]:
    """Return all three trainings, those that have not run too."""
    allowance = Allowance(_ALLOWANCE)
    return [_read(at, stage, network, title, allowance) for stage, (network, title) in _STAGES.items()]


def _read(at: Layout, stage: str, network: str, title: str, allowance: Allowance) -> Training:
    folder = at.training_folder(stage)
    note = read_json(at.model_note(network)) or {}
    charts = list(_charts(folder / "plots" / "metrics"))
    return Training(
        stage=stage,
        title=title,
        why_none=str(note.get("why", "")),
        note=flatten(note),
        charts=charts[:_MOST_CHARTS],
        n_more_charts=len(charts[_MOST_CHARTS:]),
        pictures=list(_pictures(folder / "pictures", allowance)),
    )


def _charts(folder: Path) -> Iterator[Chart]:
    """Yield the chart of every curve that DVCLive wrote, ``<name>.tsv`` with columns step and name."""
    for path in sorted(folder.rglob("*.tsv")):
        name = path.relative_to(folder).with_suffix("").as_posix().replace("_", " ")
        chart = draw_chart(name, _points(path))
        if chart is not None:
            yield chart


def _points(path: Path) -> list[Point]:
    """Return (step, value) of each row; a last row cut short by a kill is left out."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [(float(row["step"]), float(row[path.stem])) for row in rows if row["step"] and row.get(path.stem)]


def _pictures(folder: Path, allowance: Allowance) -> Iterator[Picture]:
    """Yield the first, the middle and the last picture, ``<step>.png``."""
    paths = sorted(folder.glob("*.png"))
    for place in sorted({0, len(paths) // 2, len(paths) - 1}) if paths else ():
        step = f"{int(paths[place].stem):,}" if paths[place].stem.isdecimal() else paths[place].stem
        picture = inline_grid(paths[place].read_bytes(), f"Samples at step {step}", allowance, _MOST_PER_PICTURE)
        if picture is not None:
            yield picture
