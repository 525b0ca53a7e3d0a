"""Where the clips went: how many each step kept, and why the others ended."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from pipeline.base.layout import Layout
from pipeline.base.outcome import FAILED, OK
from pipeline.records.dataset import DatasetFace
from pipeline.records.face import SelectedFace
from pipeline.storage.ledger import StageEnds, count_ends
from pipeline.storage.manifest import read_table

# Stages in the order of the flow, and what each one's items are; the ledger's files only know the stages' names.
_UNITS = {
    "sources": "clips",
    "download": "clips",
    "detect": "clips",
    "crop": "clips",
    "select": "faces",
    "audio": "clips",
    "recognise": "clips",
    "identify": "clips",
    "persons": "clips",
    "dataset": "persons",
}
_STEPS = {"sources": "Listed", "download": "Downloaded", "detect": "With a face", "crop": "Faces cropped"}


@dataclass(frozen=True, slots=True)
class Step:
    """How many clips are left after one step, and their share of those listed, in percent."""

    label: str
    n: int
    percent: float


@dataclass(frozen=True, slots=True)
class End:
    """Why items ended, and how many; ``failed``: they could not be computed."""

    reason: str
    n: int
    failed: bool


@dataclass(frozen=True, slots=True)
class StageRow:
    """How many items a stage kept, and how the others ended, most first."""

    stage: str
    unit: str
    n_ok: int
    n_items: int
    ends: list[End]


@dataclass(frozen=True, slots=True)
class Funnel:
    """One dataset's clips, or with an empty name what was decided for all datasets at once."""

    dataset: str
    steps: list[Step]
    stages: list[StageRow]


def read_funnels(at: Layout, datasets: Sequence[str]) -> list[Funnel]:
    """Return a funnel for each dataset in which any stage has run, and last one for the stages that join them."""
    counted = sorted(count_ends(at.ledgers), key=_place)
    funnels = []
    for dataset in [*datasets, ""]:
        stages = [one for one in counted if one.dataset == dataset]
        if stages:
            funnels.append(Funnel(dataset, _steps(at, stages), [_row(one) for one in stages]))
    return funnels


def _place(stage: StageEnds) -> tuple[int, str, bool]:
    known = list(_UNITS)
    return (known.index(stage.stage) if stage.stage in known else len(known), stage.stage, stage.of_segments)


def _steps(at: Layout, stages: list[StageEnds]) -> list[Step]:
    """Return what each step left of the clips; nothing where no clip was listed."""
    dataset = stages[0].dataset
    kept = {one.stage: one.n_ok for one in stages if not one.of_segments}
    if not dataset or not kept.get("sources"):
        return []
    counts = [(label, kept[stage]) for stage, label in _STEPS.items() if stage in kept]
    if at.selected_faces(dataset).is_file():
        counts.append(("With a standard face", _n_standard(at, dataset)))
    if at.dataset("faces").is_file():
        counts.append(("In the built dataset", _n_built(at, dataset)))
    return [Step(label, n, 100 * n / kept["sources"]) for label, n in counts]


def _n_standard(at: Layout, dataset: str) -> int:
    faces = read_table(at.selected_faces(dataset), SelectedFace, ["clip_id", "is_standard"])
    return len(faces.filter(faces.column("is_standard")).column("clip_id").unique())


def _n_built(at: Layout, dataset: str) -> int:
    """Return how many clips gave a standard face to the dataset: every such face is paired."""
    faces = read_table(at.dataset("faces"), DatasetFace, ["dataset", "clip_id", "is_standard"])
    of_dataset = faces.filter(pc.and_(faces.column("is_standard"), pc.equal(faces.column("dataset"), dataset)))
    return len(of_dataset.column("clip_id").unique())


def _row(stage: StageEnds) -> StageRow:
    ends = [
        End(end.partition(": ")[2].replace("_", " "), n, end.startswith(FAILED))
        for end, n in stage.ends.most_common()
        if end != OK
    ]
    unit = "segments" if stage.of_segments else _UNITS.get(stage.stage, "items")
    return StageRow(stage.stage, unit, stage.n_ok, stage.n_items, ends)
