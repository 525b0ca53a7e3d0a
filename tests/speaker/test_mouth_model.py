"""What the sound predicts is a weighted sum of what sounds around; steady sound and mouths at rest say nothing."""

import numpy as np
import pytest

from pipeline.speaker.mouth_model import (
    CONTEXT_STEPS,
    MEASURES,
    MOUTH_WEIGHTS,
    SOUND_WEIGHTS,
    fast_bands,
    mouth_measures,
    predicted,
)
from pipeline.speaker.sound_bands import N_BANDS
from tests.speaker.mouths import babble, movements_of, speaking


def test_there_is_a_weight_for_each_measure_and_for_each_band_at_each_step() -> None:
    assert MOUTH_WEIGHTS.shape == (len(MEASURES), 2)
    assert SOUND_WEIGHTS.shape == (len(CONTEXT_STEPS), N_BANDS, 2)


def test_a_sound_moves_the_mouth_as_long_before_and_after_as_its_context_reaches() -> None:
    click = np.zeros((41, N_BANDS))
    click[20, 3] = 1.0
    found = predicted(click)
    assert len(found) == 41 - 12
    for step, weights in zip(CONTEXT_STEPS, SOUND_WEIGHTS, strict=True):
        np.testing.assert_allclose(found[20 - step - 6], weights[3])
        found[20 - step - 6] = 0
    assert not found.any()


def test_louder_sound_predicts_the_same_and_steady_sound_nothing() -> None:
    bands = babble(0, 4.0)
    np.testing.assert_allclose(fast_bands(5 * bands), fast_bands(bands), atol=1e-5)
    assert fast_bands(bands).std(axis=0) == pytest.approx(1, abs=0.5)
    assert np.abs(fast_bands(np.full_like(bands, 0.7))).max() < 1e-5
    assert np.abs(fast_bands(np.zeros_like(bands))).max() == 0


def test_measures_have_a_standard_deviation_of_one_unless_the_mouth_rests() -> None:
    bands = babble(1, 6.0)
    first, measures, covered = mouth_measures(speaking(bands), len(bands))
    assert first == 0
    assert covered.all()
    assert measures.std(axis=0) == pytest.approx(1, abs=0.2)
    still = mouth_measures(speaking(np.ones_like(bands)), len(bands))[1]
    assert np.abs(still).max() < 1e-6


def test_a_mouth_moves_as_its_voice_predicts() -> None:
    bands = babble(2, 6.0)
    _, measures, _ = mouth_measures(speaking(bands), len(bands))
    moved, expected = measures @ MOUTH_WEIGHTS, movements_of(bands)[: len(measures)]
    for n in range(2):
        assert np.corrcoef(moved[:, n], expected[:, n])[0, 1] > 0.8
