"""The traits that face and voice share, read from inside the mask of a face: one ridge regression per trait.

The features are blocks of a few pixels of the trait's region, as logarithms of their colour over that of the cheeks,
which removes most of the light. All regions are in the mask of ``rectangle_released``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmarks.learn.ridge import Reals, Ridge, fit_ridge
from pipeline.core.base.arrays import FramesRGB
from pipeline.synthetic.script.traits import VOICE_TRAITS


class Region(NamedTuple):
    """A rectangle of an aligned face of 256 px, right and bottom excluded, and the side of its blocks."""

    left: int
    top: int
    right: int
    bottom: int
    block_px: int


MASK = Region(64, 89, 192, 217, 1)
TRAIT_REGIONS = {
    "depth": Region(88, 168, 168, 212, 4),  # moustache, lips and chin
    "size": Region(100, 128, 156, 180, 4),  # nose
    "breath": Region(96, 172, 160, 208, 2),  # lips
    "brightness": Region(80, 108, 176, 132, 4),  # eyes
    "tempo": Region(100, 176, 156, 204, 4),  # lips
}
BROWS = (Region(72, 91, 112, 103, 4), Region(144, 91, 184, 103, 4))
CHEEKS = (Region(72, 144, 96, 168, 24), Region(160, 144, 184, 168, 24))
LOG_OFFSET = 8.0  # grey levels added before the logarithm, so that black is not far from nearly black
PENALTY = 0.01  # of fit_ridge
# As in pipeline/synthetic/look/skin.py: no beard up to this depth, then a linear one.
SHAVEN_DEPTH, BEARD_GAIN = 0.2, 1.25


def visible_traits(traits: Reals) -> Reals:
    """Return what is visible of (P, 5) traits in the order of VOICE_TRAITS: of ``depth`` the beard."""
    visible = traits.copy()
    depth = VOICE_TRAITS.index("depth")
    visible[:, depth] = np.maximum(0.0, BEARD_GAIN * (traits[:, depth] - SHAVEN_DEPTH))
    return visible


@dataclass(frozen=True, slots=True)
class TraitRegressor:
    """One regression per trait, in the order of VOICE_TRAITS."""

    ridges: tuple[Ridge, ...]

    def read(self, faces: FramesRGB) -> Reals:
        """Return the traits of (N, 256, 256, 3) aligned faces, (N, 5), about 0 to 1."""
        readings = [ridge.read(_features(faces, name)) for name, ridge in zip(VOICE_TRAITS, self.ridges, strict=True)]
        return np.concatenate(readings, axis=1)


def fit_trait_regressor(faces: FramesRGB, visible: Reals) -> TraitRegressor:
    """Return the regressor fitted to (N, 256, 256, 3) faces and their (N, 5) visible traits."""
    columns = zip(VOICE_TRAITS, np.split(visible, len(VOICE_TRAITS), axis=1), strict=True)
    return TraitRegressor(tuple(fit_ridge(_features(faces, name), column, PENALTY) for name, column in columns))


def _features(faces: FramesRGB, name: str) -> Reals:
    """Return (N, F): the logarithms of a trait's blocks over the cheeks', and the cheeks' own."""
    cheeks = _logs(faces, CHEEKS).mean(axis=1)
    logs = (_logs(faces, [TRAIT_REGIONS[name]]) - cheeks[:, None]).reshape(len(faces), -1)
    if name == "depth":  # how much a beard darkens depends on its colour, which is nearly that of the brows
        brows = _logs(faces, BROWS).mean(axis=(1, 2)) - cheeks.mean(axis=1)
        return np.concatenate([logs, cheeks, logs * brows[:, None]], axis=1)
    return np.concatenate([logs, cheeks], axis=1)


def _logs(faces: FramesRGB, regions: Sequence[Region]) -> Reals:
    """Return (N, blocks, 3): the logarithms of the mean colours of all blocks of the regions."""
    return np.concatenate([np.log(_blocks(faces, region) + LOG_OFFSET) for region in regions], axis=1)


def _blocks(faces: FramesRGB, region: Region) -> Reals:
    """Return the mean colours (N, blocks, 3) of the blocks of a rectangle."""
    part = faces[:, region.top : region.bottom, region.left : region.right]
    n_faces, height, width, _ = part.shape
    side = region.block_px
    blocks = part.reshape(n_faces, height // side, side, width // side, side, 3).mean(axis=(2, 4))
    return np.asarray(blocks.reshape(n_faces, -1, 3))


class OrderedPairs(NamedTuple):
    """The number of pairs of persons that differ clearly in a trait, and the share of them ordered correctly."""

    share: float
    n_pairs: int


def ordered_shares(readings: Reals, visible: Reals, min_difference: float) -> list[OrderedPairs]:
    """Return for each trait how often (P, K, 5) readings of K faces each order two persons as their (P, 5) traits do.

    Pairs are of the k-th faces of two persons whose trait differs by ``min_difference`` or more.
    """
    return [
        _order_share(readings[:, :, trait], visible[:, trait], min_difference) for trait in range(len(VOICE_TRAITS))
    ]


def _order_share(readings: Reals, visible: Reals, min_difference: float) -> OrderedPairs:
    more, less = np.nonzero(visible[:, None] - visible[None] >= min_difference)
    is_correct = readings[more] > readings[less]
    return OrderedPairs(float(is_correct.mean()) if len(more) else float("nan"), is_correct.size)
