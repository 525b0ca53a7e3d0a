"""Contact sheets: some faces of each dataset, and some of its standard faces."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.core.base.layout import Layout
from pipeline.core.records.dataset import DatasetFace
from pipeline.core.records.face import DRAWN, Face
from pipeline.report.chosen import Choice, choose_from, read_payload
from pipeline.report.inline import Picture, SizeBudget
from pipeline.report.pictures import inline_face

_MOST_PER_SHEET = 24
_MOST_IN_ALL = 240
_SIZE_BUDGET = 2_000_000


@dataclass(frozen=True, slots=True)
class Tile:
    """A face and its person."""

    picture: Picture
    person: str
    split: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """Some of a dataset's ``n_faces`` faces of one kind, of ``n_persons``."""

    kind: str
    n_faces: int
    n_persons: int
    tiles: list[Tile]


@dataclass(frozen=True, slots=True)
class DatasetSheets:
    """The sheets of one dataset."""

    dataset: str
    sheets: list[Sheet]


def read_sheets(at: Layout, datasets: Sequence[str]) -> list[DatasetSheets] | None:
    """Return for each dataset a sheet of standard faces and one of random faces; None before stage ``dataset``."""
    if not at.dataset("faces").is_file():
        return None
    budget = SizeBudget(_SIZE_BUDGET)
    most = min(_MOST_PER_SHEET, max(1, _MOST_IN_ALL // max(1, 2 * len(datasets))))
    return [DatasetSheets(dataset, _of_dataset(at, dataset, most, budget)) for dataset in datasets]


def _of_dataset(at: Layout, dataset: str, most: int, budget: SizeBudget) -> list[Sheet]:
    kinds: dict[str, dict[str, bool | tuple[str, ...]]] = {
        "Standard faces": {"is_standard": True},
        "Faces": {"sampled_by": DRAWN},
    }
    return [
        _sheet(at, kind, choose_from(at.dataset("faces"), DatasetFace, {"dataset": dataset, **values}, most), budget)
        for kind, values in kinds.items()
    ]


def _sheet(at: Layout, kind: str, choice: Choice[DatasetFace], budget: SizeBudget) -> Sheet:
    payload = read_payload(at.root, Face, {face.face_id: face.shard for face in choice.rows}, ["image"])
    tiles = []
    for face in choice.rows:
        alt = f"{kind.removesuffix('s')} of {face.person_id}, {face.split}"
        row = payload.get(face.face_id)
        picture = inline_face(row["image"]["bytes"], alt, budget) if row else None
        if picture is not None:
            tiles.append(Tile(picture, face.person_id, face.split))
    return Sheet(kind, choice.n_rows, choice.n_persons, tiles)
