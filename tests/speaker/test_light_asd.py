"""The cepstra of a sound are those that the network was trained with, and a file is refused that is no such network."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.errors import BadInput
from pipeline.speaker.light_asd import LightAsd, mel_cepstra


@pytest.mark.parametrize(("n_samples", "n"), [(1, 1), (400, 1), (401, 2), (560, 2), (561, 3), (SAMPLE_RATE_HZ, 99)])
def test_there_are_cepstra_every_10_ms_and_zeros_fill_the_last_window(n_samples: int, n: int) -> None:
    assert mel_cepstra(np.ones(n_samples, np.float32)).shape == (n, 13)


def test_ten_times_the_sound_changes_the_first_alone_by_the_logarithm_of_its_power() -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, SAMPLE_RATE_HZ).astype(np.float32)
    quiet, loud = mel_cepstra(noise), mel_cepstra(10 * noise)
    np.testing.assert_allclose((loud - quiet)[:, 0], np.log(100), atol=1e-4)
    np.testing.assert_allclose(loud[:, 1:], quiet[:, 1:], atol=1e-3)


def test_the_first_is_the_logarithm_of_the_windows_power_of_16_bit_samples() -> None:
    """Of a click of 1/2 that stands in one window only, before its pre-emphasis spreads to the next sample."""
    click = np.zeros(SAMPLE_RATE_HZ, np.float32)
    click[2 * 160 + 300] = 0.5
    halves = np.abs(np.fft.rfft([16384.0, -0.97 * 16384.0], 512)) ** 2 / 512
    assert mel_cepstra(click)[2, 0] == pytest.approx(np.log(halves.sum()), abs=1e-5)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.model"
    torch.save({"model.visualEncoder.block1.s_3.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(BadInput, match=r"other.model: .*expected"):
        LightAsd(path).log_odds(np.zeros((1, 112, 112), np.uint8), np.zeros((4, 13), np.float32))
