"""The example figure ``grid.png``: some test faces masked, inpainted, true and as the audio-face decoder draws them."""

from collections.abc import Sequence
from itertools import chain, zip_longest

from model.evaluation.evaluation_faces import EvaluationFace, choose_persons
from model.evaluation.picture_table import draw_table, masked
from model.inference.inpaint import InpaintedFace
from model.settings import EvaluateParams
from pipeline.core.base.arrays import ImageRGB

HEADINGS = ("masked", "inpainted", "true", "voice alone")


class ExampleFigure:
    """``n_grid_faces`` rows, of as many persons as there are rows; only their pictures are kept in memory."""

    def __init__(self, persons: Sequence[str], params: EvaluateParams) -> None:
        self._rows: dict[str, list[list[ImageRGB | None]]] = {
            person: [] for person in choose_persons(persons, params.n_grid_faces, params.seed)
        }
        self._n_rows = params.n_grid_faces

    def add(self, face: EvaluationFace, inpainted: InpaintedFace) -> None:
        """Add a row for this face where its person is drawn and still lacks rows."""
        rows = self._rows.get(face.person_id)
        if rows is not None and len(rows) * len(self._rows) < self._n_rows:
            rows.append([masked(face.image, face.mask), inpainted.face, face.image, inpainted.audio_face])

    def draw(self) -> ImageRGB:
        """Return the table of ``n_grid_faces`` faces: each person's first one, then each one's second."""
        by_turn = chain.from_iterable(zip_longest(*self._rows.values()))
        rows = [row for row in by_turn if row is not None][: self._n_rows]
        n_columns = len(HEADINGS) if rows[0][-1] is not None else len(HEADINGS) - 1
        return draw_table(HEADINGS[:n_columns], [row[:n_columns] for row in rows])
