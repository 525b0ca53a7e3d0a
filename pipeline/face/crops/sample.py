"""Choose the frames of a clip to crop: some at random, and those most likely to be standard faces."""

from collections.abc import Iterable, Sequence

from pipeline.core.base.draws import draw_order
from pipeline.core.records.face import FaceMeasures
from pipeline.face.crops.standard import is_apart


def draw_random(faces: Sequence[FaceMeasures], n: int, seed: int) -> list[FaceMeasures]:
    """Return ``n`` faces (all, when there are fewer): those with the lowest hash of seed and id, in time order.

    By hash, so that the draw depends on the ids alone.
    """
    drawn = sorted(faces, key=lambda face: draw_order(seed, face.face_id))[:n]
    return sorted(drawn, key=lambda face: face.time_s)


def best_apart(
    faces: Sequence[FaceMeasures], n: int, min_apart_s: float, taken_s: Iterable[float] = ()
) -> list[FaceMeasures]:
    """Return up to ``n`` faces of highest standardness that lie at least ``min_apart_s`` apart, best first.

    Faces without a standardness are skipped, as are faces at the times ``taken_s``.
    """
    taken = set(taken_s)
    ranked = sorted(
        (-face.standardness, face.time_s, face.face_id, face)
        for face in faces
        if face.standardness is not None and face.time_s not in taken
    )
    chosen: list[FaceMeasures] = []
    for _, time_s, _, face in ranked:
        if len(chosen) == n:
            break
        if is_apart(time_s, (other.time_s for other in chosen), min_apart_s):
            chosen.append(face)
    return chosen
