"""Items per stage: how many clips each step kept, and the drop reasons of the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import FAILED, OK, WAITING
from pipeline.core.records.clip import Clip
from pipeline.core.records.dataset import DatasetFace
from pipeline.core.records.face import SelectedFace
from pipeline.core.records.media import Media
from pipeline.core.storage.json_file import read_json_if_any
from pipeline.core.storage.ledger import StageCounts, count_ends
from pipeline.core.storage.manifest import count_rows
from pipeline.core.storage.query import query
from pipeline.core.storage.row_groups import dataset_range
from pipeline.dataset.table1 import Counts

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

UNITS = {
    "sources": "clips",
    "released_audioface": "clips",
    "download": "clips",
    "detect": "clips",
    "subjects": "subjects",
    "crop": "clips",
    "face_videos": "clips",
    "select": "faces",
    "audio": "clips",
    "recognise": "clips",
    "identify": "clips",
    "persons": "clips",
    "dataset": "persons",
}
"""The stages in their order, and the kind of their items: the ledger has only the stages' names."""
_STEPS = {"sources": "Listed", "download": "Downloaded", "detect": "With a face", "crop": "Faces cropped"}
_WHOLE = frozenset({"Listed", "Downloaded"})
"""The steps in which no clip is in parts yet."""
_IN_PARTS = "In parts, the long ones"


@dataclass(frozen=True, slots=True)
class Table1:
    """The counts of the built dataset, and how many pairs it has."""

    counts: Counts
    n_pairs: int


@dataclass(frozen=True, slots=True)
class Step:
    """How many clips are left after one step, and their share in percent: of those listed, then of those with parts."""

    label: str
    n: int
    percent: float


@dataclass(frozen=True, slots=True)
class DropCount:
    """A drop reason, or what items wait for, and their number; ``failed``: they could not be computed."""

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
    """One dataset's clips and stages; empty name: the stages that are counted over all of them."""

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


def _order(stage: StageCounts) -> tuple[int, str, str]:
    order = list(UNITS)
    return (order.index(stage.stage) if stage.stage in order else len(order), stage.stage, stage.cut)


def _steps(at: Layout, stages: list[StageCounts]) -> list[Step]:
    """Return how many clips each step kept; empty where no clip was listed."""
    dataset = stages[0].dataset
    kept = {one.stage: one.n_ok for one in stages if not one.cut}
    if not dataset or not kept.get("sources"):
        return []
    counts = [(label, kept[stage]) for stage, label in _STEPS.items() if stage in kept]
    if at.selected_faces.is_file():
        counts.append(("With a standard face", _n_standard(at, dataset)))
    if at.dataset("faces").is_file():
        counts.append(("In the built dataset", _n_built(at, dataset)))
    n_listed = n_clips = kept["sources"]
    if at.clips(dataset).is_file() and (n_with_parts := count_rows(at.clips(dataset), Clip)) > n_listed:
        n_clips = n_with_parts
        counts.insert(2, (_IN_PARTS, count_rows(at.media(dataset), Media)))
    return [Step(label, n, 100 * n / (n_listed if label in _WHOLE else n_clips)) for label, n in counts]


def _n_standard(at: Layout, dataset: str) -> int:
    from duckdb import ColumnExpression, ConstantExpression

    start, end = dataset_range(dataset)
    face_id = ColumnExpression("face_id")
    of_dataset = (face_id >= ConstantExpression(start)) & (face_id < ConstantExpression(end))
    with query({"faces": (at.selected_faces, SelectedFace)}) as connection:
        return _n_clips(connection.table("faces").filter(of_dataset))


def _n_built(at: Layout, dataset: str) -> int:
    """Return how many clips have a standard face in the built dataset: every such face is paired."""
    from duckdb import ColumnExpression, ConstantExpression

    with query({"faces": (at.dataset("faces"), DatasetFace)}) as connection:
        return _n_clips(connection.table("faces").filter(ColumnExpression("dataset") == ConstantExpression(dataset)))


def _n_clips(faces: "DuckDBPyRelation") -> int:
    """Return how many clips have a standard face."""
    ((n_clips,),) = faces.filter("is_standard").aggregate("count(DISTINCT clip_id)").fetchall()
    return int(n_clips)


def _row(stage: StageCounts) -> StageRow:
    drops = [
        DropCount(_told(end), n, end.startswith((FAILED, WAITING))) for end, n in stage.ends.most_common() if end != OK
    ]
    unit = stage.cut or UNITS.get(stage.stage, "items")
    return StageRow(stage.stage, unit, stage.n_ok, stage.n_items, drops)


def _told(end: str) -> str:
    status, _, what = end.partition(": ")
    return f"{'waiting for ' if status == WAITING else ''}{what.replace('_', ' ')}"


def read_table1(at: Layout) -> Table1 | None:
    """Return the counts of the built dataset; None before ``dataset``."""
    stats = read_json_if_any(at.stats)
    if stats is None:
        return None
    n_pairs: int = stats.pop("total")["pairs"]
    return Table1(stats, n_pairs)
