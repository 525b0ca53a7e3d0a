"""Hashes of sound are those of its copies: at another level, of another beginning, and encoded; not of other sound."""

import numpy as np
import pytest

from pipeline.speaker.sound_bands import N_BANDS, Bands, SoundBands
from pipeline.speaker.sound_hash import N_SOUND_BITS, SoundHashes, sound_hashes

RATE_HZ = 16000


def speech(seed: int, seconds: float = 12.0) -> np.ndarray:
    """Bursts of noise through moving resonances: about what hashes see of speech, float in -1 to 1."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE_HZ)
    knots = np.arange(0, seconds + 0.2, 0.15)
    time_s = np.arange(n) / RATE_HZ
    found = np.zeros(n)
    for centre_hz in (300, 800, 1600, 2600, 4000):
        tone = np.sin(
            2
            * np.pi
            * np.cumsum(centre_hz * (1 + 0.1 * np.interp(time_s, knots, rng.normal(size=len(knots)))))
            / RATE_HZ
        )
        found += tone * np.interp(time_s, knots, rng.uniform(0, 1, len(knots)) ** 3)
    return 0.1 * found


def hashes_of(sound: np.ndarray) -> SoundHashes:
    return sound_hashes(bands_of(sound))


def bands_of(sound: np.ndarray) -> Bands:
    bands = SoundBands()
    for _ in bands.passing([np.round(sound * 32767).astype(np.int16)]):
        pass
    return bands.finished()


def n_other_bits(a: SoundHashes, b: SoundHashes, offset_s: float = 0.0) -> np.ndarray:
    """Of each moment of ``a`` that ``b`` has too, how many bits differ."""
    near = np.abs(a.times_s[:, None] + offset_s - b.times_s)
    is_in_both = near.min(axis=1) <= 0.08
    return np.bitwise_count(a.hashes ^ b.hashes[near.argmin(axis=1)])[is_in_both]


@pytest.mark.parametrize("gain", [0.1, 0.5, 2.0])
def test_another_level_changes_hardly_a_bit(gain: float) -> None:
    sound = speech(1)
    first, other = hashes_of(sound), hashes_of(gain * sound)
    assert len(first.times_s) > 10
    found = n_other_bits(first, other)
    assert len(found) == len(first.times_s)
    assert found.max() <= 3


@pytest.mark.parametrize("cut_s", [0.5, 1.37, 2.003])
def test_a_trimmed_beginning_moves_the_moments_and_changes_few_bits(cut_s: float) -> None:
    sound = speech(2)
    first, other = hashes_of(sound), hashes_of(sound[round(cut_s * RATE_HZ) :])
    found = n_other_bits(first, other, -cut_s)
    assert len(found) >= 0.8 * np.count_nonzero(first.times_s > cut_s + 1)
    assert np.median(found) <= 4
    assert np.mean(found <= 12) >= 0.9


def test_other_sound_has_other_hashes() -> None:
    first, other = hashes_of(speech(3, 30.0)), hashes_of(speech(4, 30.0))
    distances = np.bitwise_count(first.hashes[:, None] ^ other.hashes)
    assert distances.mean() == pytest.approx(N_SOUND_BITS / 2, abs=3)
    assert np.mean(distances <= 12) < 1e-3


def test_only_the_sound_of_the_range_counts() -> None:
    bands = bands_of(speech(5))
    whole, part = sound_hashes(bands), sound_hashes(bands, 4.0, 8.0)
    assert 0 < len(part.times_s) < len(whole.times_s)
    assert part.times_s.min() > 4.6
    assert part.times_s.max() < 7.4


@pytest.mark.parametrize("n_steps", [0, 1, 69, 70, 500])
def test_silence_and_sound_that_is_too_short_have_no_moment(n_steps: int) -> None:
    assert len(sound_hashes(np.zeros((n_steps, N_BANDS), np.float32)).times_s) == 0


def test_of_rises_that_are_equal_the_first_is_a_moment() -> None:
    """A tone that is switched on rises alike at several steps: two moments at one time would have one id."""
    bands = np.repeat(np.linspace(0, 1, 400)[:, None] // 0.25, N_BANDS, axis=1).astype(np.float32)
    found = sound_hashes(bands)
    assert len(found.times_s) == 3
    assert np.diff(found.times_s).min() >= 0.2
