"""Vectors: close pairs, means of groups, whitening, unit length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.storage import vectors
from pipeline.core.storage.vectors import (
    Groups,
    StoredVectors,
    VectorFile,
    Vectors,
    close_pairs,
    group_means,
    largest_product,
    unit,
    whiten,
)
from tests.identity.drawn_embeddings import drawn


def whitened(embeddings: Vectors, names: Groups, ridge: float) -> Vectors:
    stored = StoredVectors.of(embeddings)
    whiten(stored, names, ridge)
    return stored[np.arange(len(stored))]


@pytest.mark.parametrize("block_rows", [1, 7, 1024])
def test_close_pairs_are_those_of_the_whole_product(block_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "BLOCK_ROWS", block_rows)
    left, right = drawn(1, 5, 4, 0.3)[0], drawn(2, 4, 3, 0.3)[0]
    products = left @ right.T
    found = list(close_pairs(left, right, 0.3))
    assert [(a, b) for a, b, _ in found] == [
        (int(a), int(b)) for a, b in zip(*np.nonzero(products >= 0.3), strict=True)
    ]
    assert largest_product(left, right) == pytest.approx(products.max())


def test_means_are_those_of_each_group() -> None:
    embeddings, groups = drawn(3, 4, 5, 0.3)
    order = np.random.default_rng(0).permutation(len(groups))
    expected = np.stack([embeddings[groups == group].mean(axis=0) for group in range(4)])
    np.testing.assert_allclose(group_means(StoredVectors.of(embeddings[order]), groups[order], 4), expected)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=80), st.integers(1, 20))
def test_means_are_the_same_to_the_last_bit_however_few_vectors_are_in_memory(names: list[int], block: int) -> None:
    _, groups = np.unique(names, return_inverse=True)
    n_groups = int(groups.max()) + 1
    drawn_vectors = np.random.default_rng(len(names)).normal(size=(len(names), 12))
    stored = StoredVectors.of(drawn_vectors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.core.storage.vectors.BLOCK_ROWS", block)
        assert group_means(stored, groups, n_groups).tobytes() == whole_means(drawn_vectors, groups, n_groups).tobytes()


def whole_means(vectors: Vectors, groups: Groups, n_groups: int) -> Vectors:
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(n_groups))
    return np.add.reduceat(vectors[order], starts, axis=0) / np.bincount(groups)[:, None]


def test_stored_vectors_are_read_by_rows_in_any_order() -> None:
    values, file = np.random.default_rng(0).normal(size=(7, 3)), VectorFile()
    file.append(values[:4])
    file.append(values[4:])
    rows = np.array([6, 2, 3, 4, 0, 0, 1])
    assert file.read(rows).tolist() == values[rows].tolist()
    assert file.read(rows[:0]).shape == (0, 3)
    stored = StoredVectors(file, rows).select(np.array([1, 2, 6]))
    assert (len(stored), stored[np.array([2, 0])].tolist()) == (3, values[[1, 2]].tolist())


@pytest.mark.parametrize("block_rows", [1, 3, 1024])
def test_vectors_are_replaced_block_by_block(block_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "BLOCK_ROWS", block_rows)
    stored = StoredVectors.of(np.arange(14.0).reshape(7, 2))
    stored.file.replace(lambda block: block * 2)
    assert stored[np.arange(7)].tolist() == (np.arange(14.0).reshape(7, 2) * 2).tolist()


def test_whitening_separates_persons_whose_embeddings_are_all_alike() -> None:
    # As a network embeds faces unlike its training faces: one common direction, and small differences along few axes.
    embeddings, persons = drawn(5, 100, 4, 0.03, size=64)
    common = np.full(64, 3.0)
    embedded = unit(common + embeddings * np.geomspace(0.2, 1, 64))

    def apart(vectors: Vectors) -> float:
        alike = vectors @ vectors.T
        same = persons[:, None] == persons
        return float(np.percentile(alike[same], 5) - np.percentile(alike[~same], 95))

    assert apart(embedded) < 0.02
    assert apart(whitened(embedded, persons, 0.1)) > 0.3


def test_whitening_weighs_every_name_alike() -> None:
    embeddings, persons = drawn(6, 8, 2, 0.2)
    once = whitened(embeddings, persons, 0.5)
    many = whitened(
        np.concatenate([embeddings, np.repeat(embeddings[:2], 50, axis=0)]), np.append(persons, [0] * 100), 0.5
    )
    n = len(once)  # axes along which nobody differs may be turned; products stay the same
    np.testing.assert_allclose(many[:n] @ many[:n].T, once @ once.T, atol=1e-9)


def test_a_vector_without_length_stays_as_it_is() -> None:
    assert unit(np.zeros((1, 3))).tolist() == [[0, 0, 0]]
