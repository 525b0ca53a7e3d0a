"""The map of faces by t-SNE: true and inpainted faces in the plane, each inpainted one joined to its true one."""

from collections import defaultdict
from dataclasses import dataclass

from pipeline.core.base.layout import Layout
from pipeline.core.records.evaluation import MapPoint
from pipeline.core.storage.manifest import read_manifest
from pipeline.report.chosen import choose

_WIDTH, _HEIGHT, _MARGIN = 640, 460, 14
_MOST_FACES = 300
_N_COLOURS = 8


@dataclass(frozen=True, slots=True)
class Position:
    """A face's coordinates in the picture, its person, and that person's colour number."""

    x: float
    y: float
    person: str
    colour: int


@dataclass(frozen=True, slots=True)
class FacePair:
    """A true face and the inpainted one."""

    true: Position
    inpainted: Position


@dataclass(frozen=True, slots=True)
class FaceMap:
    """A selection of the map's faces, and their total."""

    pairs: list[FacePair]
    n_faces: int
    n_persons: int
    width: int = _WIDTH
    height: int = _HEIGHT


def read_face_map(at: Layout) -> FaceMap | None:
    """Return the map; None where there is none, or it is empty."""
    path = at.evaluation_folder / "tsne.parquet"
    if not path.is_file():
        return None
    both: dict[str, dict[bool, MapPoint]] = defaultdict(dict)
    for point in read_manifest(path, MapPoint):
        both[point.face_id][point.is_inpainted] = point
    true = [points[False] for points in both.values() if len(points) == 2]
    if not true:
        return None
    chosen = choose(true, _MOST_FACES)
    persons = sorted({point.person_id for point in chosen})
    pairs = [(point, both[point.face_id][True]) for point in chosen]
    low_x, high_x = _span([point.x for pair in pairs for point in pair])
    low_y, high_y = _span([point.y for pair in pairs for point in pair])

    def position(point: MapPoint) -> Position:
        return Position(
            x=round(_MARGIN + (_WIDTH - 2 * _MARGIN) * (point.x - low_x) / (high_x - low_x), 1),
            y=round(_MARGIN + (_HEIGHT - 2 * _MARGIN) * (high_y - point.y) / (high_y - low_y), 1),
            person=point.person_id,
            colour=persons.index(point.person_id) % _N_COLOURS,
        )

    return FaceMap([FacePair(position(first), position(second)) for first, second in pairs], len(true), len(persons))


def _span(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 1, low + 1)
