"""The evaluation: every metric with its interval beside the paper's published value, and pictures."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.core.base.layout import Layout
from pipeline.core.storage.json_file import read_json_if_any
from pipeline.report.face_map import FaceMap, read_face_map
from pipeline.report.inline import Picture, SizeBudget
from pipeline.report.inpainted import InpaintedFace, Query, read_inpainted_faces, read_queries
from pipeline.report.metrics import IDENTITY, PICTURES, PUBLISHED_SETS, RETRIEVAL, RETRIEVAL_SET, Metric
from pipeline.report.notes import as_text, flatten
from pipeline.report.pictures import inline_grid

_OVERALL = "overall"
_OTHER_KEYS = {_OVERALL, "retrieval", "swap", "unavailable", "notes"}
_SWAP_BUDGET = 700_000
_SWAP_BYTES = 480_000
_SWAP_METRICS = {
    "similarity_to_face_person": "Cosine similarity to the person of the face",
    "similarity_to_voice_person": "Cosine similarity to the person of the voice",
    "similarity_gain": "Gain in similarity to the person of the voice",
    "l1_change": "L1 change in the mask, of 255",
}
_NOTES = {"identity_network": "Network for retrieval and map", "csim_network": "Network for CSIM", "fid": "FID"}

Groups = Mapping[str, Mapping[str, Any]]
"""The metrics of all faces as 'overall', and those of each dataset."""


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A metric's mean and its interval (may be empty) as text, and the number of faces."""

    value: str
    interval: str
    n: int


@dataclass(frozen=True, slots=True)
class Column:
    """A group of test faces, and the largest number of faces of its metrics."""

    name: str
    n: int


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric: a value for each column, None where it was not computed, and the paper's values, if any."""

    name: str
    better: str
    values: list[MetricValue | None]
    published: Sequence[str]


@dataclass(frozen=True, slots=True)
class MetricTable:
    """Rows of metrics with the same columns; ``published_sets`` are the columns of the paper's values."""

    title: str
    columns: Sequence[Column]
    published_sets: Sequence[str]
    rows: list[MetricRow]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The results of stage ``evaluate``."""

    tables: list[MetricTable]
    retrieval: MetricTable
    swap: list[tuple[str, MetricValue]]
    swap_picture: Picture | None
    inpainted_faces: list[InpaintedFace]
    queries: list[Query]
    face_map: FaceMap | None
    notes: list[tuple[str, str]]
    unavailable: list[tuple[str, str]]


def read_evaluation(at: Layout, datasets: Sequence[str]) -> Evaluation | None:
    """Return the evaluation; None before ``evaluate``."""
    content = read_json_if_any(at.metrics)
    if content is None:
        return None
    groups = _groups(content, datasets)
    return Evaluation(
        tables=list(_tables(groups)),
        retrieval=_retrieval(groups),
        swap=[(_SWAP_METRICS.get(name, name), value) for name, value in _values(content.get("swap", {}))],
        swap_picture=_swap_picture(at),
        inpainted_faces=read_inpainted_faces(at),
        queries=read_queries(at),
        face_map=read_face_map(at),
        notes=[(_NOTES.get(name, name), as_text(note)) for name, note in content.get("notes", {}).items()],
        unavailable=flatten(content.get("unavailable", {})),
    )


def _groups(content: Mapping[str, Any], datasets: Iterable[str]) -> Groups:
    """Return the groups that have metrics; a single dataset is the same as all faces and is left out.

    A dataset whose name is another key is 'dataset <name>'.
    """
    keys = {_OVERALL: _OVERALL} | {name: _key(content, name) for name in datasets}
    groups = {name: content[key] for name, key in keys.items() if isinstance(content.get(key), dict) and content[key]}
    return groups if len(groups) > 2 else dict(list(groups.items())[:1])


def _key(content: Mapping[str, Any], dataset: str) -> str:
    prefixed = f"dataset {dataset}"
    return prefixed if prefixed in content or dataset in _OTHER_KEYS else dataset


def _swap_picture(at: Layout) -> Picture | None:
    path = at.evaluation_folder / "swap.png"
    if not path.is_file():
        return None
    alt = "A table of faces: each row one person's face, each column the voice that it was inpainted by"
    return inline_grid(path.read_bytes(), alt, SizeBudget(_SWAP_BUDGET), _SWAP_BYTES)


def _tables(groups: Groups) -> Iterator[MetricTable]:
    """Yield the paper's two tables and one of all metrics without a title; nothing without metrics."""
    if groups:
        titled = {*PICTURES, *IDENTITY, *RETRIEVAL}
        others = {name: Metric(name) for group in groups.values() for name in group if name not in titled}
        yield _table("Image similarity", PICTURES, groups)
        yield _table("Identity similarity", IDENTITY, groups)
        if others:
            yield _table("Other metrics", others, groups)


def _table(title: str, metrics: Mapping[str, Metric], groups: Groups) -> MetricTable:
    """Return the metrics that the paper or any group has."""
    rows = [
        MetricRow(metric.name, metric.better, _row_values(name, groups), metric.published or [""] * len(PUBLISHED_SETS))
        for name, metric in metrics.items()
        if metric.published or any(name in group for group in groups.values())
    ]
    return MetricTable(title, _columns(groups, metrics), PUBLISHED_SETS, rows)


def _retrieval(groups: Groups) -> MetricTable:
    rows = [
        MetricRow(metric.name, metric.better, _row_values(name, groups), metric.published or [""])
        for name, metric in RETRIEVAL.items()
        if any(name in group for group in groups.values())
    ]
    return MetricTable("Retrieval accuracy", _columns(groups, RETRIEVAL), [RETRIEVAL_SET], rows)


def _columns(groups: Groups, metrics: Collection[str]) -> list[Column]:
    return [
        Column(
            name="all test faces" if name == _OVERALL else name,
            n=max((one["n"] for metric, one in group.items() if metric in metrics), default=0),
        )
        for name, group in groups.items()
    ]


def _row_values(name: str, groups: Groups) -> list[MetricValue | None]:
    return [_value(group.get(name)) for group in groups.values()]


def _values(contents: Mapping[str, Any]) -> Iterator[tuple[str, MetricValue]]:
    """Yield the defined values, by name."""
    for name, content in contents.items():
        value = _value(content)
        if value is not None:
            yield name, value


def _value(content: Any) -> MetricValue | None:
    if not isinstance(content, dict) or content.get("value") is None:
        return None
    low, high = content.get("low"), content.get("high")
    interval = "" if low is None or high is None else f"[{as_text(low)}, {as_text(high)}]"
    return MetricValue(as_text(content["value"]), interval, content["n"])
