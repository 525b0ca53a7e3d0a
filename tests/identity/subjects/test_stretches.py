"""Stretches are parts of shots, and end at pauses and where another voice begins."""

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.storage.vectors import Vectors
from pipeline.identity.sound.overlap_network import STEP_SAMPLES, HeardVoices
from pipeline.identity.subjects import stretches as module
from pipeline.identity.subjects.sound import ClipSound
from pipeline.identity.subjects.stretches import ended_at_pauses, stretches

BEGIN_S, LENGTH_S = 1.0, 20.0
SOUND = ClipSound("set/one", np.zeros(round(LENGTH_S * SAMPLE_RATE_HZ), np.float32), BEGIN_S)
TIMES_S = BEGIN_S + (np.arange(len(SOUND.waveform) // STEP_SAMPLES) + 0.5) * STEP_SAMPLES / SAMPLE_RATE_HZ
NEAR_S = 0.11  # half a change, or a step of the ends


def heard(*, pauses_s: Any = (), changes_s: Any = ()) -> HeardVoices:
    """Return speech with pauses of 0.4 s around some times, and changes of voice at others."""
    speech = np.ones(len(TIMES_S), np.float32)
    for time_s in pauses_s:
        speech[np.abs(TIMES_S - time_s) < 0.2] = 0
    change = np.zeros(len(TIMES_S), np.float32)
    for time_s in changes_s:
        change[np.abs(TIMES_S - time_s) < 0.1] = 1
    return HeardVoices(speech, np.zeros_like(speech), change)


def edges(shots: list[list[tuple[float, float]]]) -> list[list[float]]:
    """Return the inner edges of each shot."""
    for parts in shots:
        assert all(before[1] == here[0] for before, here in pairwise(parts))
    return [[start_s for start_s, _ in parts[1:]] for parts in shots]


def test_shots_are_cut_into_equal_parts_as_near_to_the_length_as_can_be() -> None:
    assert stretches([(0.0, 5.0), (5.0, 5.4)], 2.0) == [[(0.0, 2.5), (2.5, 5.0)], [(5.0, 5.4)]]
    assert stretches([(0.0, 5.1)], 2.0) == [[pytest.approx((1.7 * n, 1.7 * n + 1.7)) for n in range(3)]]


def test_a_shot_of_the_last_frame_alone_has_no_stretch() -> None:
    shots = stretches([(2.0, 8.0), (8.0, 8.0)], 2.0)
    assert ended_at_pauses(shots, heard(), SOUND) == [[pytest.approx((2.0 * n, 2.0 * n + 2)) for n in (1, 2, 3)], []]


def test_where_nothing_is_heard_parts_stay_equal() -> None:
    shots = stretches([(2.0, 8.0), (8.0, 9.0)], 2.0)
    assert edges(ended_at_pauses(shots, heard(), SOUND)) == [pytest.approx([4.0, 6.0]), []]


@pytest.mark.parametrize("kind", ["pauses_s", "changes_s"])
def test_the_nearest_end_moves_to_a_pause_and_to_a_change_and_shots_stay(kind: str) -> None:
    shots = stretches([(2.0, 8.0), (8.0, 12.0)], 2.0)
    [first, second] = ended_at_pauses(shots, heard(**{kind: [4.7, 8.0]}), SOUND)
    assert (first[0][0], first[-1][1], second[0][0], second[-1][1]) == (2.0, 8.0, 8.0, 12.0)
    assert edges([first, second])[0][0] == pytest.approx(4.7, abs=NEAR_S)
    assert edges([first, second])[1] == pytest.approx([10.0])


def test_a_change_of_voices_is_worth_more_than_a_pause() -> None:
    shots = stretches([(2.0, 6.0)], 2.0)
    assert edges(ended_at_pauses(shots, heard(pauses_s=[3.6], changes_s=[4.6]), SOUND)) == [
        [pytest.approx(4.6, abs=NEAR_S)]
    ]


def test_no_stretch_is_shorter_than_six_tenths_of_an_equal_part() -> None:
    shots = stretches([(2.0, 8.0)], 2.0)
    found = ended_at_pauses(shots, heard(changes_s=[3.0, 4.1, 5.0, 7.0]), SOUND)
    lengths_s = np.diff([2.0, *edges(found)[0], 8.0])
    assert lengths_s.min() >= 1.2 - 1e-9
    assert ended_at_pauses(stretches([(2.0, 8.0)], 2.0), heard(changes_s=[3.0]), SOUND)[0][0] == pytest.approx(
        (2.0, 4.0)
    )


def test_a_stretch_behind_the_sound_ends_where_it_did() -> None:
    shots = stretches([(BEGIN_S + LENGTH_S + 1, BEGIN_S + LENGTH_S + 5)], 2.0)
    assert edges(ended_at_pauses(shots, heard(), SOUND)) == [pytest.approx([BEGIN_S + LENGTH_S + 3])]


@pytest.mark.parametrize("n_steps", [0, 1])
def test_of_hardly_any_sound_parts_stay_equal(n_steps: int) -> None:
    sound = ClipSound("set/one", np.zeros(STEP_SAMPLES * n_steps + 5, np.float32), 0.0)
    silence = np.zeros(n_steps, np.float32)
    voices = HeardVoices(silence, silence, silence)
    assert edges(ended_at_pauses(stretches([(0.0, 4.0)], 2.0), voices, sound)) == [pytest.approx([2.0])]


@given(st.lists(st.floats(0, 3), min_size=60, max_size=60), st.integers(1, 3))
def test_the_ends_are_those_of_greatest_worth_of_all(worths: list[float], n_parts: int) -> None:
    worth = np.repeat(np.array(worths), 1 + len(TIMES_S) // 60)[: len(TIMES_S)]
    [parts] = stretches([(2.0, 2.0 + 2.0 * n_parts)], 2.0)
    found = module._moved(parts, worth, SOUND)
    moves_s = 2.0 * 0.6 * np.linspace(-1, 1, 25)
    at = [[start_s + move_s for move_s in moves_s] for start_s, _ in parts[1:]]
    all_edges = [[parts[0][0], *inner, parts[-1][1]] for inner in product(*at)]
    assert _sum(found, worth) == pytest.approx(max(_sum(edges_s, worth) for edges_s in all_edges))


def _sum(edges_s: list[float], worth: Vectors) -> float:
    lengths = np.diff(edges_s) / 2.0
    if lengths.min() < 0.6 - 1e-9:
        return -np.inf
    places = [SOUND.place(edge_s, STEP_SAMPLES) for edge_s in edges_s[1:-1]]
    return float(sum(worth[place] for place in places) - ((lengths - 1) ** 2).sum())
