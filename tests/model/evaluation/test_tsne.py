"""The map of faces: similar features are near each other, and every run gives the same."""

import numpy as np

from model.evaluation.tsne import tsne_coordinates


def test_faces_of_one_person_lie_together_whatever_the_length_of_their_features() -> None:
    draw = np.random.default_rng(1)
    persons = np.repeat(np.arange(6), 4)
    features = draw.normal(size=(6, 16))[persons] + 0.1 * draw.normal(size=(24, 16))
    points = tsne_coordinates((features * draw.uniform(0.1, 10, (24, 1))).astype(np.float32), seed=1)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (persons[apart.argmin(axis=1)] == persons).all()


def test_four_points_are_enough_and_two_runs_agree_to_the_last_bit() -> None:
    features = np.random.default_rng(2).normal(size=(4, 8)).astype(np.float32)
    first = tsne_coordinates(features, seed=1)
    assert first.shape == (4, 2)
    assert (first == tsne_coordinates(features, seed=1)).all()


def test_features_that_are_all_equal_are_one_point() -> None:
    assert not tsne_coordinates(np.ones((6, 8), np.float32), seed=1).any()
