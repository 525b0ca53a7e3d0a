"""The plan of an interview depends on its seed only, and keeps what its kinds of shots promise."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.interview.conversation import heard_s
from pipeline.interview.plan import CUT_S, SHOT_KINDS, Interview, InterviewSpec, Shot, extras
from pipeline.interview.script import plan_interview

SEEDS = range(12)


@cache
def _plan(seed: int) -> Interview:
    return plan_interview(InterviewSpec(seed=seed))


def _shots() -> list[tuple[Interview, Shot]]:
    return [(_plan(seed), shot) for seed in SEEDS for shot in _plan(seed).shots]


def _span_s(interview: Interview, shot: Shot) -> tuple[float, float]:
    return float(shot.first / interview.spec.fps), float(shot.end / interview.spec.fps)


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert plan_interview(InterviewSpec(seed=3)) == _plan(3)
    assert plan_interview(InterviewSpec(seed=4)).shots != _plan(3).shots


def test_size_and_quality_of_the_picture_change_no_time_and_nobody() -> None:
    small = plan_interview(InterviewSpec(seed=3, width_px=320, height_px=180, crf=30))
    assert small.turns == _plan(3).turns
    assert [(s.kind, s.first, s.end, [p.person for p in s.seen]) for s in small.shots] == [
        (s.kind, s.first, s.end, [p.person for p in s.seen]) for s in _plan(3).shots
    ]


@pytest.mark.parametrize(
    "timing",
    [
        {},
        {"duration_s": 2.0},
        {"duration_s": 7.0},
        {"duration_s": 33.3},
        {"fps_num": 30_000, "fps_den": 1001},
        {"fps_num": 2213, "fps_den": 100},
    ],
)
def test_shots_tile_the_interview_and_last_two_to_ten_seconds(timing: dict[str, Any]) -> None:
    for seed in SEEDS:
        interview = plan_interview(InterviewSpec(seed=seed, **timing))
        shots = interview.shots
        assert (shots[0].first, shots[-1].end) == (0, interview.spec.n_frames)
        assert all(before.end == after.first for before, after in pairwise(shots))
        lengths_s = [(shot.end - shot.first) / interview.spec.fps for shot in shots]
        assert CUT_S[0] <= min(lengths_s) and max(lengths_s) <= CUT_S[1]


def test_every_kind_of_shot_sound_and_number_of_talkers_appears_within_a_few_interviews() -> None:
    assert {shot.kind for _, shot in _shots()} == set(SHOT_KINDS)
    assert {backing.kind for seed in SEEDS for backing in _plan(seed).backings} == {"music", "laughter"}
    assert {_plan(seed).n_talkers for seed in SEEDS} == {2, 3, 4, 5}
    assert {voice for seed in SEEDS for voice in _plan(seed).unseen_voices} & {
        turn.voice for seed in SEEDS for turn in _plan(seed).turns
    }


def test_a_kind_shows_as_many_people_as_its_name_says() -> None:
    n_seen = {kind: {len(shot.seen) for _, shot in _shots() if shot.kind == kind} for kind in SHOT_KINDS}
    assert n_seen["title"] == n_seen["slides"] == {0}
    assert n_seen["single"] == n_seen["reaction"] == n_seen["off_screen"] == n_seen["dubbing"] == {1}
    assert n_seen["b_roll"] == {0, 1}
    assert n_seen["two_shot"] == {2}
    assert n_seen["picture_in_picture"] == {1, 2}
    assert all(len(shot.seen) == interview.n_talkers for interview, shot in _shots() if shot.kind == "grid")


def test_nobody_is_in_a_picture_twice_and_the_owners_of_unseen_voices_never() -> None:
    for interview, shot in _shots():
        people = [seen.person for seen in shot.seen]
        assert len(set(people)) == len(people)
        assert not set(people) & set(interview.unseen_voices)


def test_people_who_are_not_talkers_are_seen_in_b_roll_only_and_never_heard() -> None:
    for interview, shot in _shots():
        others = {seen.person for seen in shot.seen} & set(extras(interview.n_talkers))
        assert not others or shot.kind == "b_roll"
        assert not {turn.voice for turn in interview.turns} & set(extras(interview.n_talkers))


def test_lips_that_do_not_follow_their_own_voice_are_seen_only_while_it_is_silent_but_in_b_roll() -> None:
    for interview, shot in _shots():
        silent = [seen.person for seen in shot.seen if seen.lips != "own" and shot.kind != "b_roll"]
        assert sum(heard_s(interview.turns, person, *_span_s(interview, shot)) for person in silent) == 0


def test_lips_move_with_an_unheard_speech_in_reactions_and_dubbing_and_rest_in_b_roll_and_off_screen() -> None:
    lips = {kind: {seen.lips for _, shot in _shots() if shot.kind == kind for seen in shot.seen} for kind in SHOT_KINDS}
    assert lips["reaction"] == lips["dubbing"] == {"other"}
    assert lips["b_roll"] == lips["off_screen"] == {"shut"}
    assert lips["single"] == lips["two_shot"] == lips["picture_in_picture"] == {"own"}
    assert lips["grid"] == {"own", "other"}


def test_turns_of_one_voice_never_overlap_and_those_of_two_sometimes_do() -> None:
    n_overlaps = 0
    for seed in SEEDS:
        turns = _plan(seed).turns
        assert list(turns) == sorted(turns, key=lambda turn: turn.start_s)
        for voice in {turn.voice for turn in turns}:
            own = [turn for turn in turns if turn.voice == voice]
            assert all(before.end_s < after.start_s for before, after in pairwise(own))
        n_overlaps += sum(before.end_s > after.start_s for before, after in pairwise(turns))
    assert n_overlaps > len(SEEDS)


def test_a_talker_is_seen_in_several_lights() -> None:
    for seed in SEEDS:
        places = {
            (seen.person, panel.place) for shot in _plan(seed).shots for panel in shot.panels for seen in panel.seen
        }
        assert len(places) > len({person for person, _ in places})


def test_panels_lie_within_the_picture() -> None:
    for interview, shot in _shots():
        for panel in shot.panels:
            box = panel.box
            assert box.left_px >= 0 and box.left_px + box.width_px <= interview.spec.width_px
            assert box.top_px >= 0 and box.top_px + box.height_px <= interview.spec.height_px


def _looks(shot: Shot) -> list[tuple[Any, ...]]:
    return [(panel.box, panel.place, round(seen.eyes_px / 8)) for panel in shot.panels for seen in panel.seen]


def test_a_shot_looks_unlike_the_one_before_it() -> None:
    for seed in SEEDS:
        for before, after in pairwise(_plan(seed).shots):
            assert not _looks(before) or _looks(before) != _looks(after)


def test_a_number_of_talkers_that_is_asked_for_is_kept() -> None:
    assert [plan_interview(InterviewSpec(seed=1, n_talkers=n)).n_talkers for n in (2, 3, 4, 5)] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    "values",
    [
        {"seed": -1},
        {"duration_s": 1.99},
        {"duration_s": float("inf")},
        {"duration_s": float("nan")},
        {"width_px": 641},
        {"height_px": 118},
        {"fps_num": 0},
        {"fps_num": 4},
        {"fps_num": 121},
        {"n_talkers": 1},
        {"n_talkers": 6},
        {"crf": 52},
    ],
)
def test_what_cannot_be_planned_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        replace(InterviewSpec(seed=1), **values)


@pytest.mark.parametrize(
    "values", [{"duration_s": 2.0}, {"height_px": 120}, {"fps_num": 5}, {"fps_num": 120}, {"n_talkers": 2}, {"crf": 51}]
)
def test_the_limits_themselves_are_allowed(values: dict[str, Any]) -> None:
    assert plan_interview(replace(InterviewSpec(seed=1), **values)).shots
