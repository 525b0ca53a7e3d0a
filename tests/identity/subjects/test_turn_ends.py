"""The ends of a turn move to where the mouth begins and ends to go with the sound, where that is clear."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records.subject import Turn
from pipeline.identity.subjects import turn_ends as module
from pipeline.identity.subjects.turn_ends import HalfSeconds, with_moved_ends
from tests.face.tracks import a_turn

CLIP = "set/clip"
STRETCHES_S = [(2.0 * n, 2.0 * n + 2) for n in range(20)]


def mouth(*speaks_s: tuple[float, float], seen_until_s: float = 40.0, loud: float = 1.0) -> HalfSeconds:
    """Return half seconds whose log odds vary around ``loud`` where the subject speaks, and around 0 elsewhere."""
    starts_s = np.arange(0.0, seen_until_s, 0.5)
    noise = np.where(np.arange(len(starts_s)) % 2, 0.25, -0.25)
    is_own = np.zeros(len(starts_s), bool)
    for start_s, end_s in speaks_s:
        is_own |= (starts_s >= start_s) & (starts_s < end_s)
    return HalfSeconds(starts_s, noise + loud * is_own)


def moved(turns: list[Turn], mouths: dict[int, HalfSeconds], least: float = 2.5) -> list[tuple[float, float]]:
    by_id = {f"{CLIP}-s{number:02d}": of for number, of in mouths.items()}
    found = with_moved_ends(turns, by_id, STRETCHES_S, least)
    assert [one.turn_id for one in found] == [f"{one.subject_id}-{round(1000 * one.start_s):08d}" for one in found]
    return [(one.start_s, one.end_s) for one in found]


@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [(10.0, 20.0), (11.0, 19.0), (9.0, 21.0), (8.0, 22.0), (11.5, 18.5)],
    ids=["as it is", "shorter", "longer", "by a whole stretch", "by most of a stretch"],
)
def test_ends_move_within_their_own_stretch_and_into_the_next(start_s: float, end_s: float) -> None:
    turns = [a_turn(CLIP, 0, 10.0, 20.0)]
    assert moved(turns, {0: mouth((start_s, end_s))}) == [(start_s, end_s)]


def test_ends_move_no_further_than_a_stretch() -> None:
    assert moved([a_turn(CLIP, 0, 10.0, 20.0)], {0: mouth((5.0, 26.0))}) == [(8.0, 22.0)]


def test_a_turn_is_not_extended_into_that_of_another_but_made_shorter_beside_it() -> None:
    turns = [a_turn(CLIP, 0, 10.0, 20.0), a_turn(CLIP, 1, 20.0, 30.0)]
    assert moved(turns, {0: mouth((10.0, 21.0)), 1: mouth((21.0, 30.0))}) == [(10.0, 20.0), (21.0, 30.0)]


def test_turns_that_move_into_one_stretch_do_not_overlap() -> None:
    turns = [a_turn(CLIP, 0, 10.0, 18.0), a_turn(CLIP, 1, 20.0, 30.0)]
    assert moved(turns, {0: mouth((10.0, 20.0)), 1: mouth((19.0, 30.0))}) == [(10.0, 20.0), (20.0, 30.0)]


def test_without_the_subject_in_the_picture_a_turn_is_not_extended() -> None:
    seen = mouth((10.0, 20.0), seen_until_s=20.0)
    assert moved([a_turn(CLIP, 0, 10.0, 20.0)], {0: replace(seen)}) == [(10.0, 20.0)]


def test_a_mouth_that_tells_little_moves_nothing() -> None:
    turns = [a_turn(CLIP, 0, 10.0, 20.0)]
    assert moved(turns, {0: mouth((11.0, 19.0), loud=0.1)}) == [(10.0, 20.0)]
    assert moved(turns, {0: mouth((11.0, 19.0), loud=-1.0)}) == [(10.0, 20.0)]  # it moves with others' voices


@pytest.mark.parametrize(("n_seen", "expected"), [(36, (11.0, 20.0)), (35, (10.0, 20.0))])
def test_with_fewer_than_sixteen_half_seconds_inside_or_outside_nothing_moves(
    n_seen: int, expected: tuple[float, float]
) -> None:
    """Of ten seconds in the turn, and eight or seven and a half outside."""
    whole = mouth((11.0, 20.0))
    seen = HalfSeconds(whole.starts_s[40 - n_seen : 40], whole.log_odds[40 - n_seen : 40])
    assert moved([a_turn(CLIP, 0, 10.0, 20.0)], {0: seen}) == [expected]


def test_an_end_moves_only_if_it_is_likelier_by_so_much() -> None:
    turns = [a_turn(CLIP, 0, 10.0, 20.0)]
    seen = mouth((11.0, 20.0))
    calibrated = module._calibrated(seen, turns[0].subject_id, turns).within(10.0, 11.0).log_odds
    gain = -2 * calibrated.sum()
    assert moved(turns, {0: seen}, least=gain + 0.01) == [(10.0, 20.0)]
    assert moved(turns, {0: seen}, least=gain - 0.01) == [(11.0, 20.0)]


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=8))
def test_the_start_is_the_likeliest_of_all(log_odds: list[float]) -> None:
    """By the sum of those in the turn, less the sum of those before it."""
    mouth_of = HalfSeconds(4.0 + 0.5 * np.arange(len(log_odds)), np.array(log_odds))
    found = module._start(mouth_of, 4.0, 4.0, 0.0)
    sums = [sum(log_odds[place:]) - sum(log_odds[:place]) for place in range(len(log_odds))]
    assert sums[round((found - 4.0) / 0.5)] == pytest.approx(max(sums))
    found = module._end(mouth_of, 4.0 + 0.5 * len(log_odds), 9.0, 0.0)
    sums = [sum(log_odds[:place]) - sum(log_odds[place:]) for place in range(1, len(log_odds) + 1)]
    assert sums[round((found - 4.0) / 0.5) - 1] == pytest.approx(max(sums))
