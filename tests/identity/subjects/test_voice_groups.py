"""Stretches that sound alike are one voice, unless mouths tell of two speakers."""

from math import inf, log1p, sqrt

import numpy as np
import pytest

from pipeline.identity.subjects.voice_groups import voice_groups
from tests.identity.subjects.test_link import PARAMS

PAIR = np.array([[1.0, 0.0], [0.9, sqrt(1 - 0.9**2)]])
NOBODY = np.zeros((2, 0))


def grouped(embeddings: np.ndarray, mouths: np.ndarray, **changes: float) -> list[list[int]]:
    return [one.tolist() for one in voice_groups(embeddings, mouths, PARAMS.model_copy(update=changes))]


def test_stretches_on_the_limit_are_one_voice() -> None:
    assert grouped(PAIR, NOBODY, same_voice_above=0.9 - 1e-9) == [[0, 1]]
    assert grouped(PAIR, NOBODY, same_voice_above=0.9 + 1e-9) == [[0], [1]]
    assert grouped(PAIR[:1], NOBODY[:1]) == [[0]]
    assert grouped(PAIR[:0], NOBODY[:0]) == []


def test_alike_stretches_are_two_voices_where_two_mouths_are_so_much_likelier() -> None:
    """Each of two persons speaks in one stretch, in which the other one is not seen."""
    mouth, prior = 3.0, PARAMS.speaks_log_odds
    mouths = np.array([[mouth, -inf], [-inf, mouth]])
    apart, together = 2 * log1p(np.exp(mouth + prior)), log1p(2 * np.exp(mouth + prior))
    limit = (apart - together) / (0.9 - PARAMS.voice_cosine)
    assert grouped(PAIR, mouths, same_voice_log_odds=limit - 1e-6) == [[0], [1]]
    assert grouped(PAIR, mouths, same_voice_log_odds=limit + 1e-6) == [[0, 1]]


def test_one_mouth_that_goes_with_all_of_a_voice_leaves_it_whole() -> None:
    mouths = np.array([[2.0, 0.0], [2.0, 0.0]])
    assert grouped(PAIR, mouths) == [[0, 1]]


@pytest.mark.parametrize("n_each", [1, 3])
def test_two_persons_whose_voices_are_alike_have_one_each(n_each: int) -> None:
    """Within each the voices are more alike than between the two."""
    angles = np.concatenate([np.linspace(0.0, 0.05, n_each), np.linspace(0.5, 0.55, n_each)])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    mouths = np.repeat([[4.0, -3.0], [-3.0, 4.0]], n_each, axis=0)
    both = [[*range(n_each)], [*range(n_each, 2 * n_each)]]
    assert grouped(embeddings, mouths) == both
    assert grouped(embeddings, np.zeros((2 * n_each, 2))) == [[*range(2 * n_each)]]
