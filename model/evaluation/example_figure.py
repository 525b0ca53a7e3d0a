"""What is kept of the inpainted faces, as they pass by, for the pictures that people look at."""

from collections.abc import Sequence
from itertools import chain, zip_longest

from model.evaluation.inpainted_faces import MaskedFace
from model.evaluation.picture_table import draw_table, masked
from model.evaluation.swap import choose_persons
from model.inference.inpaint import InpaintedFace
from model.settings import EvaluateParams
from pipeline.base.arrays import ImageRGB

HEADS = ("masked", "inpainted", "true", "voice alone")


class ExampleFigure:
    """Rows of the grid, of as many persons as there are rows, and one face of each person who swaps voices."""

    def __init__(self, persons: Sequence[str], params: EvaluateParams) -> None:
        self.swap_faces: list[MaskedFace] = []
        self._swap_persons = set(choose_persons(persons, params.n_swap_persons, params.seed))
        self._rows: dict[str, list[list[ImageRGB | None]]] = {
            person: [] for person in choose_persons(persons, params.n_grid_faces, params.seed)
        }
        self._n_rows = params.n_grid_faces

    def look(self, face: MaskedFace, inpainted: InpaintedFace) -> None:
        """Keep of this face what the pictures need."""
        person, true = face.subject.person_id, face.subject.face
        if person in self._swap_persons:
            self._swap_persons.remove(person)
            self.swap_faces.append(face)
        if person in self._rows and len(self._rows[person]) * len(self._rows) < self._n_rows:
            self._rows[person].append([masked(true, face.mask), inpainted.face, true, inpainted.audio_face])

    def draw_grid(self) -> ImageRGB:
        """Return the table of ``n_grid_faces`` faces: each person's first one, then each one's second."""
        turns = chain.from_iterable(zip_longest(*self._rows.values()))
        rows = [row for row in turns if row is not None][: self._n_rows]
        n_columns = len(HEADS) if rows[0][-1] is not None else len(HEADS) - 1
        return draw_table(HEADS[:n_columns], [row[:n_columns] for row in rows])
