"""The map of faces: like features lie together, and nothing about it depends on the run."""

import numpy as np

from model.evaluation.tsne import place


def test_faces_of_one_person_lie_together_whatever_the_length_of_their_features() -> None:
    draw = np.random.default_rng(1)
    persons = np.repeat(np.arange(6), 4)
    features = draw.normal(size=(6, 16))[persons] + 0.1 * draw.normal(size=(24, 16))
    places = place((features * draw.uniform(0.1, 10, (24, 1))).astype(np.float32), seed=1)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (persons[apart.argmin(axis=1)] == persons).all()


def test_four_points_are_enough_and_two_runs_agree_to_the_last_bit() -> None:
    features = np.random.default_rng(2).normal(size=(4, 8)).astype(np.float32)
    first = place(features, seed=1)
    assert first.shape == (4, 2)
    assert (first == place(features, seed=1)).all()


def test_features_that_are_all_equal_lie_at_one_place() -> None:
    assert not place(np.ones((6, 8), np.float32), seed=1).any()
