"""A voice is that of the subject whose mouth goes with it, in all stretches with that voice; else it is nobody's."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, product
from math import sqrt

import numpy as np
import pytest

from pipeline.audio.segment import Interval
from pipeline.core.records.subject import Subject, Turn
from pipeline.core.records.track import ActiveSpeaker, Agreement
from pipeline.identity.subjects import turns as turns_module
from pipeline.identity.subjects.settings import SubjectsParams
from pipeline.identity.subjects.turns import ClipEvidence, log_odds_at_lags, turns_of, whole_clip_turn
from pipeline.speaker.agreement import LAGS_S
from tests.face.tracks import a_subject
from tests.identity.subjects.test_link import PARAMS

CLIP = "set/clip"
USUAL = len(LAGS_S) // 2
POWER = 20.0  # of half a second
AXES = np.eye(8)


def half_second(track: int, start_s: float, log_odds: float, lag: int = USUAL) -> Agreement:
    """Return half a second in which the mouth speaks so much for its own voice at one lag, and against it at others."""
    products = np.zeros(len(LAGS_S), np.float32)
    products[lag] = log_odds / PARAMS.mouth_weight + POWER / 2
    track_id = f"{CLIP}-t{track:02d}"
    return Agreement(
        agreement_id=f"{track_id}-{round(1000 * start_s):08d}",
        clip_id=CLIP,
        track_id=track_id,
        start_s=start_s,
        covered_s=0.5,
        products=products,
        voice_power=POWER,
        loud_products=np.zeros(len(LAGS_S), np.float32),
        loud_power=POWER,
        variance_factor=1.0,
    )


def throughout(track: int, seen_s: Interval, log_odds: float, lag: int = USUAL) -> list[Agreement]:
    """Return half seconds, of which each has these log odds."""
    return [half_second(track, float(at), log_odds, lag) for at in np.arange(*seen_s, 0.5)]


def found(
    seen_s: Sequence[Sequence[Interval]],
    agreements: Sequence[Agreement],
    voices: Sequence[int | None],
    params: SubjectsParams = PARAMS,
) -> list[tuple[str, float, float]]:
    """Return subject, start and end of the turns of a clip of stretches of two seconds with these voices."""
    return [(turn.subject_id[-3:], turn.start_s, turn.end_s) for turn in turns(seen_s, agreements, voices, params)]


def turns(
    seen_s: Sequence[Sequence[Interval]],
    agreements: Sequence[Agreement],
    voices: Sequence[int | None],
    params: SubjectsParams = PARAMS,
    active: Sequence[ActiveSpeaker] = (),
    voice_changes: Sequence[float] = (),
) -> list[Turn]:
    evidence = ClipEvidence(
        subjects=[a_subject(CLIP, number, is_main=number == 0) for number in range(len(seen_s))],
        seen_s=seen_s,
        subject_of={f"{CLIP}-t{number:02d}": number for number in range(len(seen_s))},
        agreements=agreements,
        stretches_s=[(2.0 * n, 2.0 * n + 2) for n in range(len(voices))],
        voices={n: AXES[voice] for n, voice in enumerate(voices) if voice is not None},
        active=active,
        voice_changes=voice_changes,
    )
    return turns_of(evidence, params)


def test_of_two_faces_side_by_side_the_one_whose_mouth_goes_with_the_sound_speaks() -> None:
    both = [[(0.0, 4.0)], [(0.0, 4.0)]]
    agreements = [*throughout(0, (0, 4), -0.5), *throughout(1, (0, 4), 2.0)]
    assert found(both, agreements, [None, None]) == [("s01", 0.0, 4.0)]


def test_a_voice_that_no_mouth_goes_with_is_nobodys() -> None:
    assert found([[(0.0, 4.0)]], throughout(0, (0, 4), -0.5), [0, 0]) == []


def test_a_voice_teaches_where_the_mouth_says_little() -> None:
    seen = [[(0.0, 6.0)]]
    agreements = [*throughout(0, (0, 2), 2.5), *throughout(0, (2, 4), 0.1), *throughout(0, (4, 6), 0.1)]
    assert found(seen, agreements, [0, 1, 2]) == [("s00", 0.0, 2.0)]
    assert found(seen, agreements, [0, 0, 1]) == [("s00", 0.0, 4.0)]


def test_who_speaks_before_and_behind_speaks_on_unless_another_voice_begins() -> None:
    """The mouth says as little in the third stretch as in the second: there, another voice begins."""
    seen, params = [[(0.0, 6.0)]], PARAMS.model_copy(update={"same_speaker_log_odds": 2.0})
    agreements = [*throughout(0, (0, 2), 2.5), *throughout(0, (2, 6), 0.1)]
    for changes, end_s in (((0, 0, 0.5), 4.0), ((0, 0.5, 0), 2.0), ((0.5, 0, 0), 6.0), ((), 2.0)):
        turn, *others = turns(seen, agreements, [None, None, None], params, voice_changes=changes)
        assert (turn.start_s, turn.end_s, others) == (0.0, end_s, [])


def test_the_probabilities_of_each_stretch_are_the_sums_over_all_ways_to_speak() -> None:
    rng = np.random.default_rng(3)
    candidates, same = rng.normal(size=(4, 3)), np.array([0.5, 0.0, 2.0])
    candidates[1, 2] = -np.inf
    found = turns_module._posteriors(candidates, same)
    expected = np.full((4, 3), -np.inf)
    for way in product(range(3), repeat=4):
        together = candidates[np.arange(4), way].sum() + same[[a == b for a, b in pairwise(way)]].sum()
        for place, candidate in enumerate(way):
            expected[place, candidate] = np.logaddexp(expected[place, candidate], together)
    np.testing.assert_allclose(found, expected)


def test_memory_for_the_probabilities_does_not_grow_with_the_square_of_the_subjects() -> None:
    """Without embeddings of faces each track is a subject: a clip of ten minutes has hundreds."""
    candidates, same = np.zeros((300, 601)), np.ones(299)
    tracemalloc.start()
    turns_module._posteriors(candidates, same)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_bytes < 5 * candidates.nbytes


def test_a_voice_over_a_listener_is_that_of_the_subject_it_is_known_of() -> None:
    """And so is no turn: that subject is not seen in this stretch."""
    seen = [[(0.0, 2.0)], [(2.0, 4.0)]]
    agreements = [*throughout(0, (0, 2), 2.5), *throughout(1, (2, 4), 0.8)]
    assert found(seen, agreements, [0, 0]) == [("s00", 0.0, 2.0)]
    assert found(seen, agreements, [0, 1], PARAMS.model_copy(update={"speaks_log_odds": 0.0})) == [
        ("s00", 0.0, 2.0),
        ("s01", 2.0, 4.0),
    ]


def test_a_face_seen_for_less_than_half_of_a_stretch_does_not_speak_in_it() -> None:
    agreements = throughout(0, (0, 2), 2.5)
    assert found([[(0.0, 1.0)]], agreements, [None]) == [("s00", 0.0, 2.0)]
    assert found([[(0.0, 0.99)]], agreements, [None]) == []


def test_each_subject_has_its_own_lag() -> None:
    seen = [[(0.0, 4.0)], [(4.0, 8.0)]]
    early, late = USUAL - 1, USUAL + 1
    agreements = [*throughout(0, (0, 4), 2.0, early), *throughout(1, (4, 8), 2.0, late)]
    assert [one[0] for one in found(seen, agreements, [0, 0, 1, 1])] == ["s00", "s01"]


def test_a_track_may_have_another_lag_than_its_subject() -> None:
    """At the lag of the first track, the mouth of the second speaks against it."""
    agreements = [*throughout(0, (0, 4), 2.0), *throughout(1, (4, 6), 2.0, USUAL + 5)]
    evidence = ClipEvidence(
        subjects=[a_subject(CLIP, 0, is_main=True)],
        seen_s=[[(0.0, 4.0), (4.0, 6.0)]],
        subject_of={f"{CLIP}-t00": 0, f"{CLIP}-t01": 0},
        agreements=agreements,
        stretches_s=[(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)],
        voices={},
    )
    assert [(turn.start_s, turn.end_s) for turn in turns_of(evidence, PARAMS)] == [(0.0, 6.0)]


def test_a_lag_far_from_the_usual_one_is_an_accident() -> None:
    agreements = throughout(0, (0, 2), 1.0, 0)
    assert found([[(0.0, 2.0)]], agreements, [0]) == []
    assert found([[(0.0, 2.0)]], agreements, [0], PARAMS.model_copy(update={"lag_std_s": 0.3})) != []


def test_the_log_odds_are_zero_where_a_mouth_moves_half_as_far_as_expected() -> None:
    params = PARAMS.model_copy(update={"mouth_weight": 0.3, "voice_correlation": 0.2})
    row = half_second(0, 0.0, 0.0)
    for share in (0.5, 1.0, 0.0):
        products, loud_products = (
            np.full(len(LAGS_S), share * most, np.float32) for most in (POWER, params.voice_correlation * POWER)
        )
        moved = replace(row, products=products, loud_products=loud_products, variance_factor=2.0)
        by_movements, by_loudness = log_odds_at_lags(moved, params)
        assert by_movements == pytest.approx((share - 0.5) * 0.3 * POWER, abs=1e-6)
        assert by_loudness == pytest.approx((share - 0.5) * 0.2**2 * POWER / 0.96 / 2, abs=1e-6)


def test_of_movements_and_loudness_the_one_counts_that_a_subjects_mouth_goes_with() -> None:
    """A drawn mouth opens with the loudness alone, and speaks so only where it does."""
    loud = np.full(len(LAGS_S), 0.6 * POWER, np.float32)
    agreements = [
        *(replace(row, loud_products=loud) for row in throughout(0, (0, 4), -0.5)),
        *throughout(0, (4, 8), -0.5),
    ]
    assert found([[(0.0, 8.0)]], agreements, [None] * 4) == [("s00", 0.0, 4.0)]


def test_a_turn_says_what_its_own_mouth_and_what_mouth_and_voice_say_of_its_least_sure_stretch() -> None:
    agreements = [*throughout(0, (0, 2), 1.6), *throughout(0, (2, 4), 1.0)]
    (turn,) = turns([[(0.0, 4.0)]], agreements, [0, 0])
    assert turn.own_log_odds == pytest.approx(4 * (1.6 + 1.0), abs=0.01)
    least_sure = 4 * 1.0
    by_voice = PARAMS.voice_log_odds * (1 - PARAMS.voice_cosine)
    assert turn.log_odds == pytest.approx(least_sure + by_voice + PARAMS.speaks_log_odds, abs=0.01)


@pytest.mark.parametrize(("cosine", "speaks"), [(0.51, True), (0.49, False)])
def test_a_voice_speaks_for_or_against_its_subject_from_a_cosine_on(cosine: float, speaks: bool) -> None:
    """In the last stretch the mouth says nothing: 0 to the log odds, of which half a point is asked for."""
    voices = {0: AXES[0], 1: AXES[0], 2: cosine * AXES[0] + sqrt(1 - cosine**2) * AXES[1]}
    evidence = ClipEvidence(
        subjects=[a_subject(CLIP, 0, is_main=True)],
        seen_s=[[(0.0, 6.0)]],
        subject_of={f"{CLIP}-t00": 0},
        agreements=[*throughout(0, (0, 4), 2.5), *throughout(0, (4, 6), 0.0)],
        stretches_s=[(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)],
        voices=voices,
    )
    found = turns_of(evidence, PARAMS.model_copy(update={"speaks_log_odds": 0.0}))
    assert [(turn.start_s, turn.end_s) for turn in found] == [(0.0, 6.0 if speaks else 4.0)]


def test_a_known_voice_that_is_heard_while_somebody_else_is_seen_is_not_that_ones() -> None:
    seen = [[(0.0, 4.0)], [(4.0, 6.0)]]
    agreements = [*throughout(0, (0, 4), 2.5), *throughout(1, (4, 6), 0.8)]
    assert found(seen, agreements, [0, 0, 0]) == [("s00", 0.0, 4.0)]
    assert found(seen, agreements, [0, 0, None]) == [("s00", 0.0, 4.0), ("s01", 4.0, 6.0)]


def test_how_sure_one_must_be_is_a_param() -> None:
    agreements = throughout(0, (0, 2), 2.0)
    (turn,) = turns([[(0.0, 2.0)]], agreements, [0])
    assert turn.own_log_odds is not None and turn.log_odds is not None
    for key, limit, more in (
        ("speaks_log_odds", -turn.own_log_odds, -0.01),
        ("min_speaker_log_odds", turn.log_odds, 0.01),
    ):
        for change, n_turns in ((-more, 1), (more, 0)):
            params = PARAMS.model_copy(update={key: limit + change})
            assert len(turns([[(0.0, 2.0)]], agreements, [0], params)) == n_turns


def test_a_clip_of_one_shot_and_subject_is_one_turn_of_which_nothing_is_compared() -> None:
    subject: Subject = a_subject(CLIP, 0, is_main=True)
    turn = whole_clip_turn(subject, (0.04, 6.4))
    assert (turn.turn_id, turn.start_s, turn.end_s) == (f"{CLIP}-s00-00000040", 0.04, 6.4)
    assert (turn.log_odds, turn.own_log_odds) == (None, None)


def score(start_s: float, log_odds: float) -> ActiveSpeaker:
    return ActiveSpeaker(
        score_id=f"{CLIP}-t00-{round(1000 * start_s):08d}",
        clip_id=CLIP,
        track_id=f"{CLIP}-t00",
        start_s=start_s,
        covered_s=0.5,
        network="asd-0",
        log_odds=log_odds,
    )


def test_a_mouth_still_for_three_quarters_of_a_stretch_speaks_against_a_subject_and_moving_lips_for_nobody() -> None:
    seen, agreements = [[(0.0, 2.0)]], throughout(0, (0, 2), 2.5)
    (without,) = turns(seen, agreements, [None])
    mouth = without.own_log_odds or 0.0
    for n_still, less in ((0, 0.0), (2, 0.0), (3, 4.0), (4, 4.0)):
        scores = [score(0.5 * n, -0.1 if n < n_still else 9.0) for n in range(4)]
        (turn,) = turns(seen, agreements, [None], active=scores)
        assert turn.own_log_odds == pytest.approx(mouth - less)
    still = PARAMS.model_copy(update={"still_mouth_log_odds": 20.0})
    assert turns(seen, agreements, [None], still, [score(0.5 * n, -3.0) for n in range(4)]) == []
