"""Mouth and sound agree in half seconds in which the mouth moves as the sound says, at the lag at which it does."""

import numpy as np
import pytest

from pipeline.core.records.frame import Frame
from pipeline.core.records.track import Agreement
from pipeline.speaker.agreement import BIN_S, LAGS_S, agreement
from pipeline.speaker.mouth_sound import GRID_HZ, Floats
from pipeline.speaker.sound_bands import Bands
from tests.speaker.mouths import babble, speaking
from tests.speaker.test_mouth_sound import mouthing, noisy, syllables

LOUD = 0.0003
USUAL_LAG_S = 0.06
IN_STEP = len(LAGS_S) // 2


def of_bins(frames: list[Frame], bands: Bands, out_of_step_s: float = 0.0) -> list[Agreement]:
    return compared(frames, bands.mean(axis=1).astype(np.float64), bands, out_of_step_s)


def compared(
    frames: list[Frame], loud: Floats, bands: Bands, late_s: float = 0.0, least: float = LOUD
) -> list[Agreement]:
    return agreement(frames, loud, bands, out_of_step_s=late_s, usual_lag_s=USUAL_LAG_S, min_loudness=least)


def best_lag_s(rows: list[Agreement]) -> float:
    return LAGS_S[int(np.argmax(np.sum([row.products for row in rows], axis=0)))]


def loud_correlation(rows: list[Agreement]) -> float:
    return float(sum(row.loud_products[IN_STEP] for row in rows) / sum(row.loud_power for row in rows))


def log_odds(rows: list[Agreement]) -> float:
    return float(sum(row.products[IN_STEP] - row.voice_power / 2 for row in rows))


@pytest.mark.parametrize("lag_s", [-0.28, -0.12, 0.0, 0.04, 0.28])
def test_the_products_are_greatest_at_the_lag_of_the_voice(lag_s: float) -> None:
    bands = babble(1, 8.0)
    assert best_lag_s(of_bins(speaking(bands, late_s=lag_s), bands)) == lag_s


@pytest.mark.parametrize("lag_s", [-0.28, -0.12, 0.0, 0.12])
def test_those_of_loudness_are_greatest_at_the_lag_from_the_usual_one(lag_s: float) -> None:
    loud = syllables(1, 8.0)
    rows = compared(mouthing(loud, av_lag_s=USUAL_LAG_S + lag_s), loud, babble(1, 8.0))
    assert LAGS_S[int(np.argmax(np.sum([row.loud_products for row in rows], axis=0)))] == lag_s


def test_their_sum_over_the_power_of_the_loudness_is_the_correlation() -> None:
    loud, other = syllables(2, 8.0), syllables(3, 8.0)
    assert loud_correlation(compared(mouthing(loud, av_lag_s=USUAL_LAG_S), loud, babble(1, 8.0))) > 0.9
    assert abs(loud_correlation(compared(noisy(mouthing(other), 0), loud, babble(1, 8.0)))) < 0.3


def test_lags_are_from_where_the_clip_is_in_step() -> None:
    bands = babble(1, 8.0)
    assert best_lag_s(of_bins(speaking(bands, late_s=0.6), bands, out_of_step_s=0.56)) == 0.04


def test_a_mouth_speaks_for_its_own_voice_and_against_another_one_also_where_it_is_followed_badly() -> None:
    bands = babble(2, 8.0)
    for noise in (0.0, 1.0):
        assert log_odds(of_bins(speaking(bands, noise=noise), bands)) > 20
        assert log_odds(of_bins(speaking(babble(3, 8.0), noise=noise), bands)) < -20


def test_a_mouth_at_rest_speaks_against_a_voice() -> None:
    bands = babble(2, 8.0)
    still = speaking(np.ones_like(bands))
    rows = of_bins(still, bands)
    assert log_odds(rows) == pytest.approx(-sum(row.voice_power for row in rows) / 2, abs=1e-3)
    assert log_odds(rows) < -20


def test_half_seconds_begin_at_multiples_of_it_and_count_what_is_covered() -> None:
    bands = babble(4, 8.0)
    frames = speaking(bands)[8:30]  # 0.32 to 1.16 s
    rows = of_bins(frames, bands)
    assert [row.start_s for row in rows] == [0.0, BIN_S, 2 * BIN_S]
    assert [row.covered_s for row in rows] == [pytest.approx(one) for one in (0.18, 0.5, 0.18)]
    assert rows[0].agreement_id == "set/clip-t00-00000000"
    assert sum(row.loud_power for row in rows) == pytest.approx(0.86 * GRID_HZ)


def test_a_gap_in_a_track_counts_nothing() -> None:
    bands = babble(5, 8.0)
    frames = speaking(bands)
    rows = of_bins([*frames[:50], *frames[100:]], bands)  # nothing seen from 2 to 4 s
    assert [(row.covered_s, row.voice_power, row.products.max()) for row in rows[4:7]] == [(0.0, 0.0, 0.0)] * 3


def test_without_sound_or_below_the_least_loudness_nothing_is_compared() -> None:
    bands = babble(5, 4.0)
    frames = speaking(bands)
    assert of_bins(frames, bands[:0]) == []
    assert of_bins(frames, np.full_like(bands, 0.5)) == []  # never changes
    assert compared(frames, bands.mean(axis=1).astype(np.float64), bands, least=20.0) == []


def test_sound_that_ends_before_the_track_counts_as_far_as_it_goes() -> None:
    bands = babble(6, 8.0)
    rows = of_bins(speaking(bands), bands[: 3 * GRID_HZ])
    assert [row.start_s for row in rows] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
