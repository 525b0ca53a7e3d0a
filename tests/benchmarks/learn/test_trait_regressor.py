"""Traits are read from inside the mask alone, and pairs of persons are put in order by them."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge as SklearnRidge

from benchmarks.learn.ridge import explained_variance, fit_ridge
from benchmarks.learn.trait_regressor import (
    BROWS,
    CHEEKS,
    MASK,
    TRAIT_REGIONS,
    fit_trait_regressor,
    ordered_shares,
    visible_traits,
)
from pipeline.core.base.seeds import keyed_rng
from pipeline.synthetic.look.aligned import aligned_face
from pipeline.synthetic.script.traits import VOICE_TRAITS, Traits, traits_of

pytestmark = pytest.mark.slow


def _portrait(traits: Traits) -> np.ndarray:
    return aligned_face(traits, rng=keyed_rng("meter", repr(traits)), room_rng=keyed_rng("meter room"))


def test_a_ridge_is_that_of_scikit_learn_with_its_penalty_in_units_of_the_features_variance() -> None:
    rng = np.random.default_rng(0)
    features, targets = rng.normal(3, 2, (50, 7)), rng.normal(size=(50, 2))
    alpha = 0.3 * len(features) * features.var(axis=0).mean()
    theirs = SklearnRidge(alpha=alpha).fit(features, targets)
    np.testing.assert_allclose(fit_ridge(features, targets, 0.3).read(features), theirs.predict(features), rtol=1e-9)


def test_what_is_explained_is_1_for_the_truth_and_0_for_its_mean() -> None:
    targets = np.array([[0.0], [1.0], [5.0]])
    assert explained_variance(targets, targets) == [1.0]
    assert explained_variance(np.full_like(targets, 2.0), targets) == [0.0]


def test_no_beard_is_seen_up_to_a_depth_of_a_fifth_and_a_whole_one_at_1() -> None:
    heard = np.array([[depth, 0.1, 0.2, 0.3, 0.4] for depth in (0.0, 0.2, 0.6, 1.0)])
    visible = visible_traits(heard)
    np.testing.assert_allclose(visible[:, 0], [0, 0, 0.5, 1])
    np.testing.assert_array_equal(visible[:, 1:], heard[:, 1:])


def test_everything_that_is_looked_at_lies_inside_the_mask() -> None:
    for region in (*TRAIT_REGIONS.values(), *BROWS, *CHEEKS):
        assert MASK.left <= region.left < region.right <= MASK.right
        assert MASK.top <= region.top < region.bottom <= MASK.bottom
        assert (region.right - region.left) % region.block_px == (region.bottom - region.top) % region.block_px == 0


def test_a_meter_fitted_to_sixty_persons_reads_new_ones_and_only_what_is_in_the_mask() -> None:
    # Of one colour of hair and skin: how much a beard darkens with others takes more persons to learn.
    persons = [replace(traits_of(11, number), hair_shade=0.2, hair_hue=0.5, skin=0.7) for number in range(76)]
    faces = np.stack([_portrait(one) for one in persons])
    visible = visible_traits(np.array([[getattr(one, name) for name in VOICE_TRAITS] for one in persons]))
    regressor = fit_trait_regressor(faces[:60], visible[:60])
    readings = regressor.read(faces[60:])
    for column, name in enumerate(VOICE_TRAITS):
        assert np.corrcoef(readings[:, column], visible[60:, column])[0, 1] > 0.9, name
    elsewhere = np.full_like(faces[60:], 77)
    inside = (slice(None), slice(MASK.top, MASK.bottom), slice(MASK.left, MASK.right))
    elsewhere[inside] = faces[60:][inside]
    np.testing.assert_array_equal(regressor.read(elsewhere), readings)


def test_pairs_count_from_the_least_distance_on_and_each_of_a_persons_faces_counts() -> None:
    visible = np.tile(np.array([[0.0], [0.2], [0.5]]), (1, 5))  # 0.2, 0.3 and 0.5 apart
    readings = np.tile(visible[:, None], (1, 2, 1))  # two faces each, read as they are ...
    readings[2, 1] = 0.1  # ... but for one, that reads less than the second person's
    share, n_pairs = ordered_shares(readings, visible, 0.3)[0]
    assert n_pairs == 4
    assert share == pytest.approx(3 / 4)
