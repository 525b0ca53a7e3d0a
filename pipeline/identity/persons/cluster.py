"""Group embeddings that show one person: average linkage, over pairs found by blocks of a matrix product.

The similarity of two groups is the mean cosine over all pairs of their clips, one from each (UPGMA; Sokal and Michener
1958): the product of the groups' mean embeddings. Like no single pair it depends neither on how many clips a group has
nor on one bad clip.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pipeline.identity.vectors import Groups, Pair, Vectors


def link(
    means: Vectors, weights: NDArray[np.int64], pinned: NDArray[np.bool_], least: float, pairs: Iterable[Pair]
) -> Groups:
    """Return the groups of ``means`` (N, D) of ``weights`` clips each, joined while alike by ``least`` or more.

    The most alike are joined first, of equals those of the lowest index; a group goes by its lowest. Two groups that
    each hold a ``pinned`` item are never joined. ``pairs`` are the ``close_pairs`` of ``means`` at ``least``: only
    groups of which some two items are alike enough can be alike enough themselves.
    """
    linked = _Linked(means, weights, pinned, least)
    for a, b, _ in pairs:
        if a < b:
            linked.know(a, b)
    while linked.queue:
        linked.take()
    return linked.group_of


class _Linked:
    """Groups on their way to be joined; each goes by its first item."""

    def __init__(self, means: Vectors, weights: NDArray[np.int64], pinned: NDArray[np.bool_], least: float) -> None:
        self.group_of: Groups = np.arange(len(means))
        self.queue: list[tuple[float, int, int, int, int]] = []
        self._means = means.copy()
        self._sizes = weights.astype(np.float64)
        self._pinned = pinned.copy()
        self._least = least
        self._near: dict[int, set[int]] = defaultdict(set)
        self._n_items = np.ones(len(means), np.int64)  # 0: gone into another group

    def know(self, a: int, b: int) -> None:
        """Note that two groups may be alike, and line them up when they are."""
        self._near[a].add(b)
        self._near[b].add(a)
        alike = float(self._means[a] @ self._means[b])
        if alike >= self._least:
            a, b = min(a, b), max(a, b)
            heapq.heappush(self.queue, (-alike, a, b, int(self._n_items[a]), int(self._n_items[b])))

    def take(self) -> None:
        """Join the two groups that come next, unless one of them has grown or gone since, or both are pinned."""
        _, a, b, n_a, n_b = heapq.heappop(self.queue)
        if (self._n_items[a], self._n_items[b]) != (n_a, n_b) or (self._pinned[a] and self._pinned[b]):
            return
        together = self._sizes[a] + self._sizes[b]
        self._means[a] = (self._sizes[a] * self._means[a] + self._sizes[b] * self._means[b]) / together
        self._sizes[a] = together
        self._pinned[a] |= self._pinned[b]
        self._n_items[a] += self._n_items[b]
        self._n_items[b] = 0
        self.group_of[self.group_of == b] = a
        for other in sorted((self._near[a] | self._near.pop(b)) - {a, b}):
            self._near[other].discard(b)
            self.know(a, other)
        self._near[a].discard(b)


def parts(vectors: Vectors, least: float) -> Groups:
    """Return the groups of unit ``vectors`` (N, D) that average linkage leaves apart at a similarity of ``least``."""
    alike = vectors @ vectors.T
    if float(alike.min()) >= least or len(vectors) == 1:
        return np.zeros(len(vectors), np.int64)
    from scipy.cluster.hierarchy import fcluster, linkage

    apart = np.maximum(0.0, 1 - alike[np.triu_indices(len(vectors), 1)])
    labels = fcluster(linkage(apart, "average"), 1 - least, criterion="distance")
    firsts = {label: index for index, label in reversed(list(enumerate(labels.tolist())))}
    return np.array([firsts[label] for label in labels.tolist()], np.int64)
