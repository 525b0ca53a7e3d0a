"""The bootstrap over persons: it has its nominal coverage, which one over faces has not."""

import numpy as np
import pytest

from model.evaluation.metrics.intervals import Estimate, estimate_mean

DRAWS = {"n_draws": 400, "confidence": 0.9, "seed": 1}


def population(draw: np.random.Generator, n_persons: int, n_faces: int) -> tuple[np.ndarray, list[str]]:
    """Faces whose persons differ more (deviation 1) than the faces of one person (0.5), about 0."""
    persons = np.repeat(np.arange(n_persons), n_faces)
    values = draw.normal(size=n_persons)[persons] + 0.5 * draw.normal(size=len(persons))
    return values, [f"p{person:02d}" for person in persons]


@pytest.mark.slow
def test_nine_of_ten_intervals_hold_the_true_mean_and_far_fewer_when_faces_are_drawn_singly() -> None:
    draw = np.random.default_rng(2)
    held = {"persons": 0, "faces": 0}
    for seed in range(300):
        values, persons = population(draw, n_persons=25, n_faces=8)
        for kind, groups in (("persons", persons), ("faces", [str(row) for row in range(len(values))])):
            found = estimate_mean(values, groups, n_draws=400, confidence=0.9, seed=seed)
            assert found is not None
            assert found.low is not None
            assert found.high is not None
            held[kind] += found.low <= 0 <= found.high
    assert 0.83 < held["persons"] / 300 < 0.93
    assert held["faces"] / 300 < 0.7


def test_the_draws_are_those_of_whole_persons() -> None:
    """Three persons of 1, 2 and 3 faces: the means of all 27 draws, weighed by how often each comes."""
    values, persons = [0.0, 6.0, 6.0, 12.0, 12.0, 12.0], ["a", "b", "b", "c", "c", "c"]
    of_person = {"a": [0.0], "b": [6.0, 6.0], "c": [12.0, 12.0, 12.0]}
    means = [np.mean(of_person[x] + of_person[y] + of_person[z]) for x in "abc" for y in "abc" for z in "abc"]
    found = estimate_mean(values, persons, n_draws=20_000, confidence=0.8, seed=0)
    assert found is not None
    assert (found.value, found.n) == (8.0, 6)
    assert found.low in means
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [0.1, 0.9], method="inverted_cdf")))


def test_the_mean_is_over_faces_and_the_order_of_persons_changes_nothing() -> None:
    draw = np.random.default_rng(4)
    values, persons = population(draw, n_persons=6, n_faces=3)
    order = draw.permutation(len(values))
    here = estimate_mean(values, persons, **DRAWS)
    there = estimate_mean(values[order], [persons[row] for row in order], **DRAWS)
    assert here is not None
    assert there is not None
    assert here.value == pytest.approx(values.mean())
    assert (here.low, here.high) == pytest.approx((there.low, there.high))


def test_another_seed_draws_others() -> None:
    values, persons = population(np.random.default_rng(4), n_persons=6, n_faces=3)
    assert estimate_mean(values, persons, n_draws=50, confidence=0.9, seed=1) != estimate_mean(
        values, persons, n_draws=50, confidence=0.9, seed=2
    )


def test_one_person_has_a_mean_and_no_interval_and_nobody_has_neither() -> None:
    assert estimate_mean([1.0, 3.0], ["ana", "ana"], **DRAWS) == Estimate(2.0, None, None, 2)
    assert estimate_mean([], [], **DRAWS) is None


def test_an_infinite_value_has_no_interval() -> None:
    assert estimate_mean([30.0, np.inf], ["a", "b"], **DRAWS) == Estimate(np.inf, None, None, 2)
