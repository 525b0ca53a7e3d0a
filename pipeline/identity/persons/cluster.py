"""Group embeddings that show one person: average linkage, over pairs found by blocks of a matrix product.

The similarity of two groups is the mean cosine over all pairs of their clips, one from each (UPGMA; Sokal and Michener
1958): the product of the groups' mean embeddings. Unlike the similarity of a single pair, it does not
depend on how many clips a group has or on one bad clip.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pipeline.core.storage.vectors import Groups, Pair, Vectors


def merge_groups(
    means: Vectors, sizes: NDArray[np.int64], fixed: NDArray[np.bool_], min_similarity: float, pairs: Iterable[Pair]
) -> Groups:
    """Return the groups of ``means`` (N, D) of ``sizes`` clips each, merged by average linkage.

    Groups are merged while similar by ``min_similarity`` or more, the most similar first, ties by the lowest index. A
    group has the index of its first item. Two groups that each contain a ``fixed`` item are never merged.
    ``pairs`` are the ``close_pairs`` of ``means`` at ``min_similarity``: only groups of which some two items are that
    similar can be that similar themselves.
    """
    merging = _Merging(means, sizes, fixed, min_similarity)
    for a, b, _ in pairs:
        if a < b:
            merging.add_pair(a, b)
    while merging.queue:
        merging.merge_next()
    return merging.group_of


class _Merging:
    """Groups that are being merged; each has the index of its first item."""

    def __init__(
        self, means: Vectors, sizes: NDArray[np.int64], fixed: NDArray[np.bool_], min_similarity: float
    ) -> None:
        self.group_of: Groups = np.arange(len(means))
        self.queue: list[tuple[float, int, int, int, int]] = []
        self._means = means
        self._merged_means: dict[int, Vectors] = {}
        self._sizes = sizes.astype(np.float64)
        self._fixed = fixed.copy()
        self._min_similarity = min_similarity
        self._near: dict[int, set[int]] = defaultdict(set)
        self._n_items = np.ones(len(means), np.int64)  # 0: merged into another group

    def add_pair(self, a: int, b: int) -> None:
        """Add two groups that may be similar, and queue them when they are."""
        self._near[a].add(b)
        self._near[b].add(a)
        similarity = float(self._mean(a) @ self._mean(b))
        if similarity >= self._min_similarity:
            a, b = min(a, b), max(a, b)
            heapq.heappush(self.queue, (-similarity, a, b, int(self._n_items[a]), int(self._n_items[b])))

    def merge_next(self) -> None:
        """Merge the next two groups of the queue, unless one has been merged since, or both are fixed."""
        _, a, b, n_a, n_b = heapq.heappop(self.queue)
        if (self._n_items[a], self._n_items[b]) != (n_a, n_b) or (self._fixed[a] and self._fixed[b]):
            return
        size = self._sizes[a] + self._sizes[b]
        self._merged_means[a] = (self._sizes[a] * self._mean(a) + self._sizes[b] * self._mean(b)) / size
        self._merged_means.pop(b, None)
        self._sizes[a] = size
        self._fixed[a] |= self._fixed[b]
        self._n_items[a] += self._n_items[b]
        self._n_items[b] = 0
        self.group_of[self.group_of == b] = a
        for other in sorted((self._near[a] | self._near.pop(b)) - {a, b}):
            self._near[other].discard(b)
            self.add_pair(a, other)
        self._near[a].discard(b)

    def _mean(self, group: int) -> Vectors:
        mean: Vectors = self._merged_means.get(group, self._means[group])
        return mean


def average_linkage(vectors: Vectors, min_similarity: float) -> Groups:
    """Return the groups of unit ``vectors`` (N, D): average linkage, cut at ``min_similarity``."""
    cosines = vectors @ vectors.T
    if float(cosines.min()) >= min_similarity or len(vectors) == 1:
        return np.zeros(len(vectors), np.int64)
    from scipy.cluster.hierarchy import fcluster, linkage

    distances = np.maximum(0.0, 1 - cosines[np.triu_indices(len(vectors), 1)])
    labels = fcluster(linkage(distances, "average"), 1 - min_similarity, criterion="distance")
    firsts = {label: index for index, label in reversed(list(enumerate(labels.tolist())))}
    return np.array([firsts[label] for label in labels.tolist()], np.int64)
