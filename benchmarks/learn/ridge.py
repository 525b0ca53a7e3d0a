"""Ridge regression."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ridge:
    """A linear map from F features to T targets."""

    mean: Reals
    weights: Reals
    offset: Reals

    def read(self, features: Reals) -> Reals:
        """Return predictions (N, T) for features (N, F)."""
        return np.asarray((features - self.mean) @ self.weights + self.offset)


def fit_ridge(features: Reals, targets: Reals, penalty: float) -> Ridge:
    """Return the regression of (N, T) ``targets`` on (N, F) ``features``.

    ``penalty`` is that of the squared weights, in units of N times the mean variance of the features.
    """
    mean, offset = features.mean(axis=0), targets.mean(axis=0)
    centred = features - mean
    gram = centred.T @ centred
    gram[np.diag_indices_from(gram)] += penalty * np.trace(gram) / len(gram)
    return Ridge(mean, np.linalg.solve(gram, centred.T @ (targets - offset)), offset)


def explained_variance(readings: Reals, targets: Reals) -> Reals:
    """Return for each target the share of its variance that (N, T) readings explain, R^2; at most 1."""
    return np.asarray(1 - np.mean((readings - targets) ** 2, axis=0) / targets.var(axis=0))
