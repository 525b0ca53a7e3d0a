"""Two voices that sound at once are told from one, and where one follows another."""

import pickle

import numpy as np
import pytest

import pipeline.identity.sound.overlap_network as network_module
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
    likely = network.hear(two_at_the_end).overlap >= 0.5
    assert len(likely) == len(two_at_the_end) // STEP_SAMPLES
    change = round(4 * STEPS_PER_S)
    assert likely[: change - round(0.2 * STEPS_PER_S)].mean() == 0
    assert likely[change:].mean() > 0.25


@pytest.mark.parametrize("talker", [2, 4])
def test_voices_change_where_a_much_higher_one_begins_and_nowhere_else(network: OverlapNetwork, talker: int) -> None:
    """Generated voices are much more alike than real ones: one is played faster."""
    behind = np.concatenate([talk(talker, 1), talk(talker, 2)])
    faster = np.interp(np.arange(0, len(behind) - 1, 1.6), np.arange(len(behind)), behind)[: 4 * SAMPLE_RATE_HZ]
    change = network.hear(np.concatenate([talk(talker, 0), faster.astype(np.float32)])).change
    at, near, far = (round(seconds * STEPS_PER_S) for seconds in (4.0, 0.3, 0.8))
    assert change[at - near : at + near].max() > 0.4
    assert max(change[: at - far].max(), change[at + far :].max()) < 0.2


def test_the_change_of_a_window_is_one_less_the_cosine_of_the_voices_before_and_behind() -> None:
    steps = network_module._COMPARED_STEPS
    of_voices = np.zeros((4 * steps, 3), np.float32)
    of_voices[: 2 * steps, 0] = 1.0
    of_voices[2 * steps :, 1] = 0.1
    found = network_module._changes(of_voices)
    assert len(found) == 2 * steps + 1
    assert found[steps] == pytest.approx(0.1 / 0.3)  # so quiet a voice counts less
    assert found[[0, -1]] == pytest.approx(0.0)
    half = steps // 2
    behind = np.array([(steps - half), 0.1 * half, 0.0]) / steps
    assert found[half] == pytest.approx(1 - behind[0] / np.linalg.norm(behind), abs=1e-5)


def test_speech_is_heard_in_speech_and_not_in_a_pause(network: OverlapNetwork) -> None:
    pause = np.zeros(SAMPLE_RATE_HZ, np.float32)
    speech = network.hear(np.concatenate([talk(1, 0), pause, talk(1, 1)])).speech
    begin, end = round(4.2 * STEPS_PER_S), round(4.8 * STEPS_PER_S)
    assert speech[begin:end].max() < 0.5
    assert (speech[:begin] >= 0.5).mean() > 0.5


def test_a_copy_in_another_process_finds_the_same(network: OverlapNetwork, two_at_the_end: Waveform) -> None:
    found, again = network.hear(two_at_the_end), pickle.loads(pickle.dumps(network)).hear(two_at_the_end)
    for name in ("speech", "overlap", "change"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))


@pytest.mark.parametrize("n_samples", [0, STEP_SAMPLES - 1, STEP_SAMPLES, SAMPLE_RATE_HZ, 5 * SAMPLE_RATE_HZ + 1])
def test_silence_of_any_length_has_a_finite_probability_for_each_step(network: OverlapNetwork, n_samples: int) -> None:
    found = network.hear(np.zeros(n_samples, np.float32))
    for values in (found.speech, found.overlap, found.change):
        assert values.shape == (n_samples // STEP_SAMPLES,)
        assert np.isfinite(values).all() and (values < 0.5).all()
