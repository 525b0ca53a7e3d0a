"""Traits are read from inside the mask alone, and pairs of persons are put in order by them."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge as SklearnRidge

from benchmarks.learn.ridge import explained, fit_ridge
from benchmarks.learn.trait_meter import BROWS, CHEEKS, MASK, PLACES, fit_meter, order_shares, seen_traits
from pipeline.base.seeds import keyed_rng
from pipeline.synthetic.look.aligned import aligned_face
from pipeline.synthetic.script.traits import HEARD, Traits, traits_of


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
    assert explained(targets, targets) == [1.0]
    assert explained(np.full_like(targets, 2.0), targets) == [0.0]


def test_no_beard_is_seen_up_to_a_depth_of_a_fifth_and_a_whole_one_at_1() -> None:
    heard = np.array([[depth, 0.1, 0.2, 0.3, 0.4] for depth in (0.0, 0.2, 0.6, 1.0)])
    seen = seen_traits(heard)
    np.testing.assert_allclose(seen[:, 0], [0, 0, 0.5, 1])
    np.testing.assert_array_equal(seen[:, 1:], heard[:, 1:])


def test_everything_that_is_looked_at_lies_inside_the_mask() -> None:
    for place in (*PLACES.values(), *BROWS, *CHEEKS):
        assert MASK.left <= place.left < place.right <= MASK.right
        assert MASK.top <= place.top < place.bottom <= MASK.bottom
        assert (place.right - place.left) % place.block_px == (place.bottom - place.top) % place.block_px == 0


def test_a_meter_fitted_to_sixty_persons_reads_new_ones_and_only_what_is_in_the_mask() -> None:
    # Of one colour of hair and skin: how much a beard darkens with others takes more persons to learn.
    persons = [replace(traits_of(11, number), hair_shade=0.2, hair_hue=0.5, skin=0.7) for number in range(76)]
    faces = np.stack([_portrait(one) for one in persons])
    seen = seen_traits(np.array([[getattr(one, name) for name in HEARD] for one in persons]))
    meter = fit_meter(faces[:60], seen[:60])
    readings = meter.read(faces[60:])
    for column, name in enumerate(HEARD):
        assert np.corrcoef(readings[:, column], seen[60:, column])[0, 1] > 0.9, name
    elsewhere = np.full_like(faces[60:], 77)
    inside = (slice(None), slice(MASK.top, MASK.bottom), slice(MASK.left, MASK.right))
    elsewhere[inside] = faces[60:][inside]
    np.testing.assert_array_equal(meter.read(elsewhere), readings)


def test_pairs_count_from_the_least_distance_on_and_each_of_a_persons_faces_counts() -> None:
    seen = np.tile(np.array([[0.0], [0.2], [0.5]]), (1, 5))  # 0.2, 0.3 and 0.5 apart
    readings = np.tile(seen[:, None], (1, 2, 1))  # two faces each, read as they are ...
    readings[2, 1] = 0.1  # ... but for one, that reads less than the second person's
    share, n_pairs = order_shares(readings, seen, 0.3)[0]
    assert n_pairs == 4
    assert share == pytest.approx(3 / 4)
