"""Turns of one subject are joined without what lies between, and each second of them knows its time in the media."""

import numpy as np
import pytest

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.audio.segment import WHOLE_CLIP, HeardTurn, StretchShares, joined_turns, shares_within

SECONDS = np.repeat(np.arange(10, dtype=np.float32), SAMPLE_RATE_HZ)
"""Ten seconds of sound whose samples are the number of their second."""
TURNS = (HeardTurn(1.0, 3.0, 2.0), HeardTurn(5.0, 6.0, 4.0))


def seconds_of(waveform: np.ndarray) -> list[int]:
    return waveform[SAMPLE_RATE_HZ // 2 :: SAMPLE_RATE_HZ].astype(int).tolist()


def test_a_whole_clip_is_its_waveform_unchanged() -> None:
    (joined,) = joined_turns(SECONDS, 20.0, (WHOLE_CLIP,), join=True)
    assert joined.waveform is SECONDS
    assert joined.parts(0.0, 10.0) == [(HeardTurn(20.0, 30.0, None), (20.0, 30.0))]


def test_turns_are_joined_in_order() -> None:
    (joined,) = joined_turns(SECONDS, 0.0, TURNS, join=True)
    assert seconds_of(joined.waveform) == [1, 2, 5]
    assert joined.parts(0.0, 3.0) == [(TURNS[0], (1.0, 3.0)), (TURNS[1], (5.0, 6.0))]
    assert joined.parts(1.5, 2.0) == [(TURNS[0], (2.5, 3.0))]
    assert joined.parts(2.0, 2.5) == [(TURNS[1], (5.0, 5.5))]


def test_a_clip_that_begins_later_in_the_media_is_cut_by_the_medias_times() -> None:
    later = [HeardTurn(turn.start_s + 20, turn.end_s + 20, turn.log_odds) for turn in TURNS]
    (joined,) = joined_turns(SECONDS, 20.0, later, join=True)
    assert seconds_of(joined.waveform) == [1, 2, 5]
    assert joined.parts(0.0, 3.0)[1][1] == (25.0, 26.0)


def test_without_joining_each_turn_is_by_itself() -> None:
    assert [seconds_of(one.waveform) for one in joined_turns(SECONDS, 0.0, TURNS, join=False)] == [[1, 2], [5]]


@pytest.mark.parametrize("join", [True, False])
def test_what_lies_beyond_the_sound_is_left_out(join: bool) -> None:
    beyond = (HeardTurn(8.0, 12.0, 1.0), HeardTurn(12.0, 13.0, 1.0))
    (joined,) = joined_turns(SECONDS, 0.0, beyond, join=join)
    assert seconds_of(joined.waveform) == [8, 9]
    assert joined.turns == (HeardTurn(8.0, 10.0, 1.0),)
    assert joined_turns(SECONDS, 0.0, beyond[1:], join=join) == []


def test_a_stretch_counts_by_how_much_of_it_lies_in_the_parts() -> None:
    stretches = [
        StretchShares(0.0, 2.0, 0.5, None),
        StretchShares(2.0, 4.0, 0.0, None),
        StretchShares(4.0, 6.0, 1.0, 1.0),
    ]
    assert shares_within([(0.0, 6.0)], stretches) == (0.5, 1.0)
    assert shares_within([(1.0, 2.0), (4.0, 4.5)], stretches) == (pytest.approx((1.0 * 0.5 + 0.5 * 1.0) / 1.5), 1.0)
    assert shares_within([(0.0, 4.0)], stretches) == (0.25, None)
    assert shares_within([(6.0, 7.0)], stretches) == (None, None)
