"""Mouth and sound agree in those half seconds in which the mouth moves with the sound, at the lag at which it does."""

import numpy as np
import pytest

from pipeline.core.records.frame import Frame
from pipeline.core.records.track import Agreement
from pipeline.speaker.agreement import BIN_S, LAGS_S, agreement
from pipeline.speaker.mouth_sound import GRID_HZ, Floats
from tests.speaker.test_mouth_sound import mouthing, noisy, syllables

USUAL_LAG_S = 0.06
LOUD = 0.0003


def of_bins(frames: list[Frame], loud: Floats) -> list[Agreement]:
    return agreement(frames, loud, USUAL_LAG_S, LOUD)


def best_lag_s(rows: list[Agreement]) -> float:
    return LAGS_S[int(np.argmax(np.sum([row.products for row in rows], axis=0)))]


@pytest.mark.parametrize("lag_s", [-0.12, 0.0, 0.06, 0.12])
def test_the_products_are_greatest_at_the_lag_of_the_voice(lag_s: float) -> None:
    loud = syllables(1, 8.0)
    assert best_lag_s(of_bins(mouthing(loud, av_lag_s=USUAL_LAG_S + lag_s), loud)) == lag_s


def test_their_sum_over_the_power_of_the_sound_is_the_correlation() -> None:
    loud = syllables(2, 8.0)
    rows = of_bins(mouthing(loud, av_lag_s=USUAL_LAG_S), loud)
    middle = len(LAGS_S) // 2
    assert sum(row.products[middle] for row in rows) / sum(row.voice_power for row in rows) > 0.9
    other = of_bins(noisy(mouthing(syllables(3, 8.0)), 0), loud)
    assert abs(sum(row.products[middle] for row in other) / sum(row.voice_power for row in other)) < 0.3


def test_half_seconds_begin_at_multiples_of_it_and_count_what_is_covered() -> None:
    loud = syllables(4, 8.0)
    frames = mouthing(loud)[8:30]  # 0.32 to 1.16 s
    rows = of_bins(frames, loud)
    assert [row.start_s for row in rows] == [0.0, BIN_S, 2 * BIN_S]
    assert [row.covered_s for row in rows] == [pytest.approx(one) for one in (0.18, 0.5, 0.18)]
    assert rows[0].agreement_id == "set/clip-t00-00000000"
    assert sum(row.voice_power for row in rows) == pytest.approx(0.86 * GRID_HZ)


def test_without_sound_or_below_the_least_loudness_nothing_is_compared() -> None:
    loud = syllables(5, 4.0)
    frames = mouthing(loud)
    assert of_bins(frames, np.zeros(0)) == []
    assert of_bins(frames, np.full(len(loud), 0.5)) == []  # never changes
    assert agreement(frames, loud, USUAL_LAG_S, 2.0) == []


def test_sound_that_ends_before_the_track_counts_as_far_as_it_goes() -> None:
    loud = syllables(6, 8.0)
    rows = of_bins(mouthing(loud), loud[: 3 * GRID_HZ])
    assert [row.start_s for row in rows] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
