"""Items per stage: how many clips each step kept, and the drop reasons of the others."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from pipeline.base.layout import Layout
from pipeline.base.outcome import FAILED, OK
from pipeline.dataset.table1 import Counts
from pipeline.records.dataset import DatasetFace
from pipeline.records.face import SelectedFace
from pipeline.storage.json_file import read_json_if_any
from pipeline.storage.ledger import StageCounts, count_ends
from pipeline.storage.manifest import read_table

# The stages in their order, and the kind of their items: the ledger has only the stages' names.
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
class Table1:
    """The counts of the built dataset, and how many pairs it has."""

    counts: Counts
    n_pairs: int


@dataclass(frozen=True, slots=True)
class Step:
    """How many clips are left after one step, and their share of those listed, in percent."""

    label: str
    n: int
    percent: float


@dataclass(frozen=True, slots=True)
class DropCount:
    """A drop reason and its number of items; ``failed``: they could not be computed."""

    reason: str
    n: int
    failed: bool


@dataclass(frozen=True, slots=True)
class StageRow:
    """How many items a stage kept, and the drop reasons of the others, the most frequent first."""

    stage: str
    unit: str
    n_ok: int
    n_items: int
    drops: list[DropCount]


@dataclass(frozen=True, slots=True)
class Funnel:
    """One dataset's clips and stages; empty name: the stages that run once for all datasets."""

    dataset: str
    steps: list[Step]
    stages: list[StageRow]


def read_funnels(at: Layout, datasets: Sequence[str]) -> list[Funnel]:
    """Return a funnel for each dataset in which any stage has run, and last one for the stages of all datasets."""
    counted = sorted(count_ends(at.ledgers), key=_order)
    funnels = []
    for dataset in [*datasets, ""]:
        stages = [one for one in counted if one.dataset == dataset]
        if stages:
            funnels.append(Funnel(dataset, _steps(at, stages), [_row(one) for one in stages]))
    return funnels


def _order(stage: StageCounts) -> tuple[int, str, bool]:
    order = list(_UNITS)
    return (order.index(stage.stage) if stage.stage in order else len(order), stage.stage, stage.of_segments)


def _steps(at: Layout, stages: list[StageCounts]) -> list[Step]:
    """Return how many clips each step kept; empty where no clip was listed."""
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
    """Return how many clips have a standard face in the built dataset: every such face is paired."""
    faces = read_table(at.dataset("faces"), DatasetFace, ["dataset", "clip_id", "is_standard"])
    of_dataset = faces.filter(pc.and_(faces.column("is_standard"), pc.equal(faces.column("dataset"), dataset)))
    return len(of_dataset.column("clip_id").unique())


def _row(stage: StageCounts) -> StageRow:
    drops = [
        DropCount(end.partition(": ")[2].replace("_", " "), n, end.startswith(FAILED))
        for end, n in stage.ends.most_common()
        if end != OK
    ]
    unit = "segments" if stage.of_segments else _UNITS.get(stage.stage, "items")
    return StageRow(stage.stage, unit, stage.n_ok, stage.n_items, drops)


def read_table1(at: Layout) -> Table1 | None:
    """Return the counts of the built dataset; None before ``dataset``."""
    stats = read_json_if_any(at.stats)
    if stats is None:
        return None
    n_pairs: int = stats.pop("total")["pairs"]
    return Table1(stats, n_pairs)
