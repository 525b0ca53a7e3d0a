"""Read from a face, inside the mask alone, the traits that its person's voice has too: a ridge regression a trait.

It sees the region of a trait in blocks of a few pixels, as logarithms of colour over that of the cheeks, which takes
out most of the light. All it looks at lies in the mask of ``rectangle_released``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmarks.learn.ridge import Reals, Ridge, fit_ridge
from pipeline.base.arrays import FramesRGB
from pipeline.synthetic.script.traits import HEARD


class Place(NamedTuple):
    """A rectangle of an aligned face of 256 px, right and bottom excluded, and the side of the blocks it is seen in."""

    left: int
    top: int
    right: int
    bottom: int
    block_px: int


MASK = Place(64, 89, 192, 217, 1)
PLACES = {
    "depth": Place(88, 168, 168, 212, 4),  # moustache, lips and chin
    "size": Place(100, 128, 156, 180, 4),  # nose
    "breath": Place(96, 172, 160, 208, 2),  # lips
    "brightness": Place(80, 108, 176, 132, 4),  # eyes
    "tempo": Place(100, 176, 156, 204, 4),  # lips
}
BROWS = (Place(72, 91, 112, 103, 4), Place(144, 91, 184, 103, 4))
CHEEKS = (Place(72, 144, 96, 168, 24), Place(160, 144, 184, 168, 24))
DARKEST = 8.0  # grey levels added before the logarithm, so that black is not far from nearly black
PENALTY = 0.01  # of the regressions' weights
SHAVEN_DEPTH, BEARD_GAIN = (
    0.2,
    1.25,
)  # pipeline/synthetic/look/skin.py: no beard up to this depth, then it grows so fast


def seen_traits(heard: Reals) -> Reals:
    """Return what can be seen of (P, 5) traits in the order of HEARD: of depth the beard, which not everybody has."""
    seen = heard.copy()
    depth = HEARD.index("depth")
    seen[:, depth] = np.maximum(0.0, BEARD_GAIN * (heard[:, depth] - SHAVEN_DEPTH))
    return seen


@dataclass(frozen=True, slots=True)
class TraitMeter:
    """One regression a trait, in the order of HEARD."""

    ridges: tuple[Ridge, ...]

    def read(self, faces: FramesRGB) -> Reals:
        """Return the traits seen in (N, 256, 256, 3) aligned faces, (N, 5), about 0 to 1."""
        readings = [ridge.read(_features(faces, name)) for name, ridge in zip(HEARD, self.ridges, strict=True)]
        return np.concatenate(readings, axis=1)


def fit_meter(faces: FramesRGB, seen: Reals) -> TraitMeter:
    """Return the meter that (N, 256, 256, 3) true faces give, whose (N, 5) seen traits are known."""
    columns = zip(HEARD, np.split(seen, len(HEARD), axis=1), strict=True)
    return TraitMeter(tuple(fit_ridge(_features(faces, name), column, PENALTY) for name, column in columns))


def _features(faces: FramesRGB, name: str) -> Reals:
    """Return (N, F): the logarithms of a trait's blocks over the cheeks', and the cheeks' own."""
    cheeks = _logs(faces, CHEEKS).mean(axis=1)
    logs = (_logs(faces, [PLACES[name]]) - cheeks[:, None]).reshape(len(faces), -1)
    if name == "depth":  # how much a beard darkens depends on its colour, which is nearly that of the brows
        brows = _logs(faces, BROWS).mean(axis=(1, 2)) - cheeks.mean(axis=1)
        return np.concatenate([logs, cheeks, logs * brows[:, None]], axis=1)
    return np.concatenate([logs, cheeks], axis=1)


def _logs(faces: FramesRGB, places: Sequence[Place]) -> Reals:
    """Return (N, blocks, 3): the logarithms of the mean colours of all blocks of the places."""
    return np.concatenate([np.log(_blocks(faces, place) + DARKEST) for place in places], axis=1)


def _blocks(faces: FramesRGB, place: Place) -> Reals:
    """Return the mean colours (N, blocks, 3) of the blocks of a rectangle."""
    part = faces[:, place.top : place.bottom, place.left : place.right]
    n_faces, height, width, _ = part.shape
    side = place.block_px
    blocks = part.reshape(n_faces, height // side, side, width // side, side, 3).mean(axis=(2, 4))
    return np.asarray(blocks.reshape(n_faces, -1, 3))


class Ordered(NamedTuple):
    """How many pairs of persons there are that a trait tells apart clearly, and the share put in the right order."""

    share: float
    n_pairs: int


def order_shares(readings: Reals, seen: Reals, least_apart: float) -> list[Ordered]:
    """Judge the meter: of (P, K, 5) readings of K faces each, whether who has more of a trait (P, 5) reads more.

    Pairs are of the k-th faces of two persons whose trait differs by ``least_apart`` or more; a list in HEARD's order.
    """
    return [_order_share(readings[:, :, trait], seen[:, trait], least_apart) for trait in range(len(HEARD))]


def _order_share(readings: Reals, seen: Reals, least_apart: float) -> Ordered:
    more, less = np.nonzero(seen[:, None] - seen[None] >= least_apart)
    right = readings[more] > readings[less]
    return Ordered(float(right.mean()) if len(more) else float("nan"), right.size)
