"""The evaluation: every metric with its interval beside what the paper published, and the pictures of it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.base.layout import Layout
from pipeline.report.face_map import FaceMap, read_face_map
from pipeline.report.inline import Allowance, Picture
from pipeline.report.inpainted import Inpainted, Query, read_inpainted_faces, read_queries
from pipeline.report.metrics import IDENTITY, PICTURES, PUBLISHED_SETS, RETRIEVAL, RETRIEVAL_SET, Metric
from pipeline.report.notes import as_text, flatten, read_json
from pipeline.report.pictures import inline_grid

_OVERALL = "overall"
_TAKEN = {_OVERALL, "retrieval", "swap", "unavailable", "notes"}
_SWAP_ALLOWANCE = 700_000
_SWAP_BYTES = 480_000
_SWAP = {
    "to_face_person": "Likeness to the person of the face",
    "to_voice_person": "Likeness to the person of the voice",
    "moved": "Moved towards the person of the voice",
    "change": "Change in the mask, grey levels",
}
_NOTES = {"identity_network": "Identities are told by", "csim_network": "CSIM is told by", "fid": "FID"}

Groups = Mapping[str, Mapping[str, Any]]
"""The figures of all faces under 'overall', and of each dataset's."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric's value and its interval, empty where there is none, as text; and of how many faces it is the mean."""

    value: str
    interval: str
    n: int


@dataclass(frozen=True, slots=True)
class Column:
    """A group of test faces, and of how many a metric is the mean at most."""

    name: str
    n: int


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric: a figure for each column, None where it was not computed, and the paper's, where it has any."""

    name: str
    better: str
    figures: list[Figure | None]
    published: Sequence[str]


@dataclass(frozen=True, slots=True)
class MetricTable:
    """Rows of metrics under the same columns; ``published_sets`` are those of the paper's figures."""

    title: str
    columns: Sequence[Column]
    published_sets: Sequence[str]
    rows: list[MetricRow]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that ``evaluate`` left."""

    tables: list[MetricTable]
    retrieval: MetricTable
    swap: list[tuple[str, Figure]]
    swap_picture: Picture | None
    inpainted_faces: list[Inpainted]
    queries: list[Query]
    face_map: FaceMap | None
    notes: list[tuple[str, str]]
    unavailable: list[tuple[str, str]]


def read_evaluation(at: Layout, datasets: Sequence[str]) -> Evaluation | None:
    """Return the evaluation; None before ``evaluate``."""
    content = read_json(at.metrics)
    if content is None:
        return None
    groups = _groups(content, datasets)
    return Evaluation(
        tables=list(_tables(groups)),
        retrieval=_retrieval(groups),
        swap=[(_SWAP.get(name, name), figure) for name, figure in _figures(content.get("swap", {}))],
        swap_picture=_swap_picture(at),
        inpainted_faces=read_inpainted_faces(at),
        queries=read_queries(at),
        face_map=read_face_map(at),
        notes=[(_NOTES.get(name, name), as_text(note)) for name, note in content.get("notes", {}).items()],
        unavailable=flatten(content.get("unavailable", {})),
    )


def _groups(content: Mapping[str, Any], datasets: Iterable[str]) -> Groups:
    """Return the groups that have figures; of a single dataset those of all faces say it already.

    A dataset whose name is taken stands under 'dataset <name>'.
    """
    keys = {_OVERALL: _OVERALL} | {name: _key(content, name) for name in datasets}
    groups = {name: content[key] for name, key in keys.items() if isinstance(content.get(key), dict) and content[key]}
    return groups if len(groups) > 2 else dict(list(groups.items())[:1])


def _key(content: Mapping[str, Any], dataset: str) -> str:
    apart = f"dataset {dataset}"
    return apart if apart in content or dataset in _TAKEN else dataset


def _swap_picture(at: Layout) -> Picture | None:
    path = at.evaluation_folder / "swap.png"
    if not path.is_file():
        return None
    alt = "A table of faces: each row one person's face, each column the voice that it was inpainted by"
    return inline_grid(path.read_bytes(), alt, Allowance(_SWAP_ALLOWANCE), _SWAP_BYTES)


def _tables(groups: Groups) -> Iterator[MetricTable]:
    """Yield the paper's two tables, and one of the metrics that this page doesn't know by name; none of no figures."""
    if groups:
        known = {*PICTURES, *IDENTITY, *RETRIEVAL}
        others = {name: Metric(name) for group in groups.values() for name in group if name not in known}
        yield _table("Likeness of the pictures", PICTURES, groups)
        yield _table("Nearness of the identities", IDENTITY, groups)
        if others:
            yield _table("Others, by name", others, groups)


def _table(title: str, metrics: Mapping[str, Metric], groups: Groups) -> MetricTable:
    """Return the metrics that the paper or any group has."""
    rows = [
        MetricRow(metric.name, metric.better, _across(name, groups), metric.published or [""] * len(PUBLISHED_SETS))
        for name, metric in metrics.items()
        if metric.published or any(name in group for group in groups.values())
    ]
    return MetricTable(title, _columns(groups, metrics), PUBLISHED_SETS, rows)


def _retrieval(groups: Groups) -> MetricTable:
    rows = [
        MetricRow(metric.name, metric.better, _across(name, groups), metric.published or [""])
        for name, metric in RETRIEVAL.items()
        if any(name in group for group in groups.values())
    ]
    return MetricTable("Accuracy among the first K", _columns(groups, RETRIEVAL), [RETRIEVAL_SET], rows)


def _columns(groups: Groups, metrics: Collection[str]) -> list[Column]:
    return [
        Column(
            name="all test faces" if name == _OVERALL else name,
            n=max((one["n"] for metric, one in group.items() if metric in metrics), default=0),
        )
        for name, group in groups.items()
    ]


def _across(name: str, groups: Groups) -> list[Figure | None]:
    return [_figure(group.get(name)) for group in groups.values()]


def _figures(contents: Mapping[str, Any]) -> Iterator[tuple[str, Figure]]:
    """Yield the figures that are there, by name."""
    for name, content in contents.items():
        figure = _figure(content)
        if figure is not None:
            yield name, figure


def _figure(content: Any) -> Figure | None:
    if not isinstance(content, dict) or content.get("value") is None:
        return None
    low, high = content.get("low"), content.get("high")
    interval = "" if low is None or high is None else f"[{as_text(low)}, {as_text(high)}]"
    return Figure(as_text(content["value"]), interval, content["n"])
