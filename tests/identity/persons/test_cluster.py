"""Groups of embeddings: average linkage as its definition says, however the items are ordered and cut into blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from pipeline.identity.persons import cluster
from pipeline.identity.persons.cluster import parts
from pipeline.identity.vectors import Groups, Vectors, close_pairs, group_means, largest_product, unit, whitened

FREE = np.zeros(100, np.bool_)


def drawn(seed: int, n_persons: int, n_clips: int, spread: float, size: int = 16) -> tuple[Vectors, Groups]:
    """Unit embeddings of persons, and whose each is."""
    rng = np.random.default_rng(seed)
    persons = np.repeat(np.arange(n_persons), n_clips)
    centres = unit(rng.normal(size=(n_persons, size)))
    return unit(centres[persons] + spread * rng.normal(size=(len(persons), size))), persons


def linked(means: Vectors, weights: np.ndarray, pinned: np.ndarray, least: float) -> Groups:
    return cluster.link(means, weights, pinned, least, close_pairs(means, means, least))


def partition(groups: Groups) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(groups == group).tolist()) for group in np.unique(groups)}


@given(seed=st.integers(0, 10_000), least=st.sampled_from([0.2, 0.4, 0.6]))
@settings(max_examples=40, deadline=None)
def test_linking_single_clips_is_average_linkage(seed: int, least: float) -> None:
    vectors, _ = drawn(seed, 6, 4, 0.25)
    expected = fcluster(linkage(pdist(vectors, "cosine"), "average"), 1 - least, criterion="distance")
    found = linked(vectors, np.ones(len(vectors), np.int64), FREE[: len(vectors)], least)
    assert partition(found) == partition(expected) == partition(parts(vectors, least))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
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


def test_two_pinned_items_are_never_joined_also_not_through_a_third() -> None:
    means = np.array([(1.0, 0.0), (0.99, 0.01), (0.98, 0.02)])
    pinned = np.array([True, False, True])
    assert linked(means, np.array([1, 1, 1]), pinned, 0.5).tolist() == [0, 0, 2]


@pytest.mark.parametrize("block_rows", [1, 7, 1024])
def test_close_pairs_are_those_of_the_whole_product(block_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "BLOCK_ROWS", block_rows)
    left, right = drawn(1, 5, 4, 0.3)[0], drawn(2, 4, 3, 0.3)[0]
    products = left @ right.T
    found = list(close_pairs(left, right, 0.3))
    assert [(a, b) for a, b, _ in found] == [
        (int(a), int(b)) for a, b in zip(*np.nonzero(products >= 0.3), strict=True)
    ]
    assert largest_product(left, right) == pytest.approx(products.max())


def test_means_are_those_of_each_group() -> None:
    vectors, groups = drawn(3, 4, 5, 0.3)
    order = np.random.default_rng(0).permutation(len(groups))
    expected = np.stack([vectors[groups == group].mean(axis=0) for group in range(4)])
    np.testing.assert_allclose(group_means(vectors[order], groups[order], 4), expected)


def test_one_clip_is_one_part_and_alike_clips_are_too() -> None:
    vectors, _ = drawn(4, 1, 5, 0.05)
    assert parts(vectors[:1], 0.9).tolist() == [0]
    assert parts(vectors, 0.5).tolist() == [0] * 5
    assert parts(np.stack([vectors[0], -vectors[0], vectors[1]]), 0.5).tolist() == [0, 1, 0]


def test_whitening_tells_persons_apart_that_all_look_alike_to_a_network() -> None:
    # As a network sees faces of a kind it does not know: one common direction, and little beside it, along few axes.
    vectors, persons = drawn(5, 100, 4, 0.03, size=64)
    common = np.full(64, 3.0)
    seen = unit(common + vectors * np.geomspace(0.2, 1, 64))

    def apart(embeddings: Vectors) -> float:
        alike = embeddings @ embeddings.T
        same = persons[:, None] == persons
        return float(np.percentile(alike[same], 5) - np.percentile(alike[~same], 95))

    assert apart(seen) < 0.02
    assert apart(whitened(seen, persons, 0.1)) > 0.3


def test_whitening_weighs_every_name_alike() -> None:
    vectors, persons = drawn(6, 8, 2, 0.2)
    once = whitened(vectors, persons, 0.5)
    many = whitened(np.concatenate([vectors, np.repeat(vectors[:2], 50, axis=0)]), np.append(persons, [0] * 100), 0.5)
    n = len(once)  # axes along which nobody differs may be turned; products know nothing of that
    np.testing.assert_allclose(many[:n] @ many[:n].T, once @ once.T, atol=1e-9)


def test_a_vector_without_length_stays_as_it_is() -> None:
    assert unit(np.zeros((1, 3))).tolist() == [[0, 0, 0]]
