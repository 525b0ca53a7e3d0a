"""Groups of embeddings: average linkage by its definition, whatever the order of the items."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from pipeline.core.storage.vectors import Groups, Vectors, close_pairs
from pipeline.identity.persons import cluster
from pipeline.identity.persons.cluster import average_linkage
from tests.identity.drawn_embeddings import drawn

FREE = np.zeros(100, np.bool_)


def linked(means: Vectors, weights: np.ndarray, fixed: np.ndarray, least: float) -> Groups:
    return cluster.merge_groups(means, weights, fixed, least, close_pairs(means, means, least))


def partition(groups: Groups) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(groups == group).tolist()) for group in np.unique(groups)}


@given(seed=st.integers(0, 10_000), least=st.sampled_from([0.2, 0.4, 0.6]))
@settings(max_examples=40)
def test_linking_single_clips_is_average_linkage(seed: int, least: float) -> None:
    vectors, _ = drawn(seed, 6, 4, 0.25)
    expected = fcluster(linkage(pdist(vectors, "cosine"), "average"), 1 - least, criterion="distance")
    found = linked(vectors, np.ones(len(vectors), np.int64), FREE[: len(vectors)], least)
    assert partition(found) == partition(expected) == partition(average_linkage(vectors, least))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40)
def test_another_order_gives_the_same_groups(seed: int) -> None:
    vectors, _ = drawn(seed, 6, 3, 0.25)
    order = np.random.default_rng(seed).permutation(len(vectors))
    weights = np.arange(1, len(vectors) + 1)
    groups = linked(vectors, weights, FREE[: len(vectors)], 0.5)
    moved = linked(vectors[order], weights[order], FREE[: len(vectors)], 0.5)
    assert {frozenset(order[list(group)].tolist()) for group in partition(moved)} == partition(groups)


def test_a_group_goes_by_its_first_item_and_weighs_by_its_clips() -> None:
    means = np.array([(1.0, 0.0), (0.0, 1.0), (0.8, 0.6), (-1.0, 0.0)])
    # 0 and 2 are alike by 0.8, 1 and 2 by 0.6; joined, 0 and 2 are alike to 1 by 0.6 times the weight of 2.
    assert linked(means, np.array([1, 1, 1, 1]), FREE[:4], 0.301).tolist() == [0, 1, 0, 3]
    assert linked(means, np.array([1, 1, 1, 1]), FREE[:4], 0.299).tolist() == [0, 0, 0, 3]
    assert linked(means, np.array([1, 1, 3, 1]), FREE[:4], 0.449).tolist() == [0, 0, 0, 3]
    assert linked(means, np.array([1, 1, 3, 1]), FREE[:4], 0.451).tolist() == [0, 1, 0, 3]


def test_pairs_exactly_as_alike_as_the_limit_are_joined() -> None:
    means = np.array([(1.0, 0.0), (0.5, 0.0)])
    assert linked(means, np.array([1, 1]), FREE[:2], 0.5).tolist() == [0, 0]
    assert linked(means, np.array([1, 1]), FREE[:2], np.nextafter(0.5, 1)).tolist() == [0, 1]


def test_two_fixed_items_are_never_joined_also_not_through_a_third() -> None:
    means = np.array([(1.0, 0.0), (0.99, 0.01), (0.98, 0.02)])
    fixed = np.array([True, False, True])
    assert linked(means, np.array([1, 1, 1]), fixed, 0.5).tolist() == [0, 0, 2]


def test_one_clip_is_one_part_and_alike_clips_are_too() -> None:
    vectors, _ = drawn(4, 1, 5, 0.05)
    assert average_linkage(vectors[:1], 0.9).tolist() == [0]
    assert average_linkage(vectors, 0.5).tolist() == [0] * 5
    assert average_linkage(np.stack([vectors[0], -vectors[0], vectors[1]]), 0.5).tolist() == [0, 1, 0]
