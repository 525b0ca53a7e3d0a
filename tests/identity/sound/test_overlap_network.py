"""Two voices that sound at once are told from one, in the moments in which they do."""

import pickle

import numpy as np
import pytest

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import Waveform
from pipeline.identity.sound.overlap_network import STEP_SAMPLES, OverlapNetwork
from pipeline.weights.fetch import find_weights
from tests.identity.subjects.test_voices import talk

STEPS_PER_S = SAMPLE_RATE_HZ / STEP_SAMPLES


@pytest.fixture(scope="module")
def network() -> OverlapNetwork:
    return OverlapNetwork(find_weights("overlap_detector"))


@pytest.fixture(scope="module")
def two_at_the_end(network: OverlapNetwork) -> Waveform:
    """Eight seconds of one talker; from the fourth on with another one."""
    return np.concatenate([talk(2, 0), talk(2, 0) + talk(3, 0)])


def test_voices_overlap_where_two_sound_and_nowhere_else(network: OverlapNetwork, two_at_the_end: Waveform) -> None:
    likely = network.probabilities(two_at_the_end) >= 0.5
    assert len(likely) == len(two_at_the_end) // STEP_SAMPLES
    change = round(4 * STEPS_PER_S)
    assert likely[: change - round(0.2 * STEPS_PER_S)].mean() == 0
    assert likely[change:].mean() > 0.25


def test_a_copy_in_another_process_finds_the_same(network: OverlapNetwork, two_at_the_end: Waveform) -> None:
    other = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(other.probabilities(two_at_the_end), network.probabilities(two_at_the_end))


@pytest.mark.parametrize("n_samples", [0, STEP_SAMPLES - 1, STEP_SAMPLES, SAMPLE_RATE_HZ, 5 * SAMPLE_RATE_HZ + 1])
def test_silence_of_any_length_has_a_finite_probability_for_each_step(network: OverlapNetwork, n_samples: int) -> None:
    found = network.probabilities(np.zeros(n_samples, np.float32))
    assert found.shape == (n_samples // STEP_SAMPLES,)
    assert np.isfinite(found).all() and (found < 0.5).all()
