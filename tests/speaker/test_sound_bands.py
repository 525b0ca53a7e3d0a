"""Sound is in the band of its frequency, at its time, however it comes in pieces."""

import numpy as np
import pytest

from pipeline.audio.pcm import to_int16
from pipeline.core.base.arrays import WaveformInt16
from pipeline.speaker.sound_bands import N_BANDS, Bands, SoundBands
from tests.speaker.test_mouth_sound import loudness_of, tone


def bands_of(*pieces: WaveformInt16) -> Bands:
    bands = SoundBands()
    for piece, passed in zip(pieces, bands.passing(pieces), strict=True):
        assert passed is piece
    return bands.finished()


@pytest.mark.parametrize(("hz", "band"), [(498, 0), (896, 1), (1355, 2), (2042, 3), (3079, 4), (4643, 5)])
def test_a_tone_is_in_its_band(hz: float, band: int) -> None:
    found = bands_of(to_int16(tone(hz)))[10]
    assert int(found.argmax()) == band
    assert found[band] > 1.3 * np.delete(found, band).max()


def test_pieces_make_no_difference() -> None:
    sound = to_int16(0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32))
    whole = bands_of(sound)
    for edges in ([1], [100, 300, 301], [5000, 5400, 5800], [15_999]):
        np.testing.assert_array_equal(bands_of(*np.split(sound, edges)), whole)


@pytest.mark.parametrize("n_samples", [0, 1, 319, 320, 16_000, 16_100])
def test_bands_have_an_entry_for_each_of_the_loudness(n_samples: int) -> None:
    found = bands_of(np.zeros(n_samples, np.int16))
    assert found.shape == (len(loudness_of(np.zeros(n_samples, np.float32))), N_BANDS)
    assert found.dtype == np.float32


def test_a_click_is_strongest_at_its_own_time() -> None:
    sound = np.zeros(16_000, np.int16)
    sound[8003] = 30_000
    assert set(bands_of(sound).argmax(axis=0).tolist()) == {25}


def test_ten_times_the_loudness_is_twice_the_value() -> None:
    """A power a hundred times as large, to the power of 0.15."""
    quiet, loud = (bands_of(to_int16(level * tone(896)))[10, 1] for level in (0.1, 1.0))
    assert loud / quiet == pytest.approx(100**0.15, rel=0.01)
