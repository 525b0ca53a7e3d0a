"""Group the stretches of a clip by voice: alike ones are one voice, unless mouths tell of two speakers."""

import numpy as np
from numpy.typing import NDArray

from pipeline.core.storage.vectors import Vectors
from pipeline.identity.subjects.settings import SubjectsParams


def voice_groups(embeddings: Vectors, mouths: Vectors, params: SubjectsParams) -> list[NDArray[np.int64]]:
    """Return the stretches of each voice, by place, of (N, D) unit ``embeddings``.

    Average linkage joins the two groups with the greatest mean cosine (Sokal and Michener 1958), down to
    ``same_voice_above``. What was joined is one voice unless its two parts, as voices of their own, are likelier:
    where persons sound alike, their mouths tell them apart. ``mouths`` (N, subjects): log odds, minus infinity where a
    subject is not seen; against two voices speaks by how much the cosine of the parts exceeds ``voice_cosine``, times
    ``same_voice_log_odds``.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import pdist

    n = len(embeddings)
    if n < 2:
        return [np.arange(n)] if n else []
    joins = linkage(np.maximum(pdist(embeddings, "cosine"), 0.0), "average")
    parts = joins[:, :2].astype(np.int64)
    seen = np.concatenate([np.isfinite(mouths), np.zeros((n - 1, mouths.shape[1]), bool)])
    sums = np.where(seen, np.concatenate([mouths, np.zeros((n - 1, mouths.shape[1]))]), 0.0)
    likely = np.array([_log_likelihood(sums[at], seen[at], params) for at in range(2 * n - 1)])
    is_one = np.ones(2 * n - 1, bool)
    for at, (part, other) in enumerate(parts.tolist(), n):
        cosine = 1 - joins[at - n, 2]
        sums[at], seen[at] = sums[part] + sums[other], seen[part] | seen[other]
        together = _log_likelihood(sums[at], seen[at], params)
        apart = likely[part] + likely[other] - params.same_voice_log_odds * (cosine - params.voice_cosine)
        is_one[at] = cosine >= params.same_voice_above and together >= apart
        likely[at] = max(together, apart)
    groups, waiting = [], [2 * n - 2]
    while waiting:
        at = waiting.pop()
        if is_one[at]:
            groups.append(_leaves(at, parts, n))
        else:
            waiting += parts[at - n].tolist()
    return sorted(groups, key=lambda group: int(group[0]))


def _log_likelihood(sums: Vectors, seen: NDArray[np.bool_], params: SubjectsParams) -> float:
    """Return how much likelier stretches are by the mouths (subjects,) than if nobody seen spoke in them."""
    return float(np.logaddexp.reduce(np.concatenate([[0.0], sums[seen] + params.speaks_log_odds])))


def _leaves(at: int, parts: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the places that were joined at ``at``, in order."""
    found, waiting = [], [at]
    while waiting:
        at = waiting.pop()
        if at < n:
            found.append(at)
        else:
            waiting += parts[at - n].tolist()
    return np.array(sorted(found), np.int64)
