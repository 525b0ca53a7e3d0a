"""A voice is a subject's own where its mouth goes with it; of two unlike voices one is, the one it goes with best."""

from math import sqrt

import numpy as np
import pytest

from pipeline.identity.subjects.own_voices import by_voices, own_voices
from tests.identity.subjects.test_link import PARAMS

SURE = PARAMS.model_copy(update={"speaks_log_odds": 0.0})


def at_cosine(cosine: float) -> np.ndarray:
    return np.array([cosine, sqrt(1 - cosine**2)])


def test_a_voice_is_not_known_by_stretches_that_are_likelier_somebody_elses() -> None:
    voices = {0: at_cosine(1.0), 1: at_cosine(1.0)}
    for by_mouth, is_own in ((0.01, True), (-0.01, False)):  # of both stretches together: 0.02 and -0.02
        likely = own_voices(np.full((2, 1), by_mouth), voices, SURE)
        assert (likely > 0).all() == is_own
        assert by_voices(likely, voices, SURE)[1].all() == is_own


def test_a_voice_is_known_by_other_stretches_than_the_one_compared() -> None:
    likely = own_voices(np.array([[5.0], [-5.0]]), {0: at_cosine(1.0), 1: at_cosine(0.0)}, SURE)
    log_odds, is_known = by_voices(likely, {0: at_cosine(1.0), 1: at_cosine(0.0)}, SURE)
    assert is_known[:, 0].tolist() == [False, True]
    assert log_odds[1, 0] == pytest.approx(-SURE.voice_cosine * SURE.voice_log_odds)


@pytest.mark.parametrize(("cosine", "n_voices"), [(0.51, 2), (0.49, 1)])
def test_of_two_unlike_voices_a_subject_has_the_one_that_its_mouth_goes_with_best(cosine: float, n_voices: int) -> None:
    voices = {0: at_cosine(cosine), 1: at_cosine(1.0)}
    likely = own_voices(np.array([[2.0], [5.0]]), voices, SURE)
    assert likely[1, 0] == pytest.approx(1 / (1 + np.exp(-5.0)))
    assert (likely > 0).sum() == n_voices


def test_a_voice_is_of_one_subject_at_most() -> None:
    likely = own_voices(np.array([[3.0, 2.0]]), {0: at_cosine(1.0)}, SURE)
    assert (likely > 0).tolist() == [[True, False]]
