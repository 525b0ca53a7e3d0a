"""Faces are drawn by hash, so that the draw depends on ids alone; the best are taken apart in time."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records.face import FaceMeasures
from pipeline.face.crops.sample import best_apart, draw_random
from tests.face.faces import face

TRACK = [face(n / 25) for n in range(60)]


@given(st.permutations(TRACK))
def test_the_draw_does_not_depend_on_the_order_of_frames(shuffled: list) -> None:
    assert draw_random(shuffled, 10, seed=1) == draw_random(TRACK, 10, seed=1)


@given(st.sets(st.integers(0, 59), min_size=10))
def test_a_frame_once_drawn_stays_drawn_when_others_go(kept: set[int]) -> None:
    drawn = draw_random(TRACK, 10, seed=1)
    left = [TRACK[n] for n in sorted(kept)]
    again = draw_random(left, 10, seed=1)
    assert {one.face_id for one in drawn} & {one.face_id for one in left} <= {one.face_id for one in again}


def test_measures_do_not_change_the_draw() -> None:
    turned = [face(n / 25, yaw_deg=40.0, lip_opening=0.4) for n in range(60)]
    assert [one.time_s for one in draw_random(turned, 10, 1)] == [one.time_s for one in draw_random(TRACK, 10, 1)]


def test_another_seed_draws_others() -> None:
    assert draw_random(TRACK, 10, seed=1) != draw_random(TRACK, 10, seed=2)


def test_drawn_frames_come_in_time_order_and_all_where_there_are_fewer() -> None:
    times_s = [one.time_s for one in draw_random(TRACK, 10, seed=1)]
    assert len(times_s) == 10 and times_s == sorted(times_s)
    assert draw_random(TRACK[:7], 10, seed=1) == TRACK[:7]
    assert draw_random([], 10, seed=1) == []


def test_the_draw_covers_the_track() -> None:
    track = [face(n / 25) for n in range(1000)]
    times_s = [one.time_s for one in draw_random(track, 100, seed=1)]
    assert [sum(start <= t < start + 10 for t in times_s) > 10 for start in (0, 10, 20, 30)] == [True] * 4


def with_scores(scores: dict[int, float]) -> list[FaceMeasures]:
    """A track of which only some faces, by their number, have a standardness."""
    return [face(n / 25, standardness=scores.get(n)) for n in range(60)]


def numbers(faces: list[FaceMeasures]) -> list[int]:
    return [round(one.time_s * 25) for one in faces]


def test_the_best_come_first_and_neighbours_are_skipped() -> None:
    scores = with_scores({10: -1.0, 11: -0.5, 12: -0.7, 20: -3.0, 30: -2.0})
    assert numbers(best_apart(scores, 10, 0.2)) == [11, 30, 20]


def test_two_exactly_as_far_apart_as_required_are_both_taken() -> None:
    track = [face(n / 25, standardness=-float(n)) for n in (25, 29, 30, 34, 35)]
    assert numbers(best_apart(track, 10, 0.2)) == [25, 30, 35]


def test_no_more_than_requested_are_taken_and_none_without_a_score() -> None:
    scores = with_scores({5: -1.0, 15: -2.0, 25: -3.0})
    assert numbers(best_apart(scores, 2, 0.2)) == [5, 15]
    assert best_apart([], 2, 0.2) == []
    assert best_apart(scores, 0, 0.2) == []


def test_a_frame_taken_already_is_skipped_but_not_its_neighbours() -> None:
    scores = with_scores({5: -1.0, 6: -2.0})
    assert numbers(best_apart(scores, 2, 0.2, taken_s=[TRACK[5].time_s])) == [6]


def test_of_equal_scores_the_earlier_comes_first() -> None:
    scores = with_scores({30: -1.0, 10: -1.0})
    assert numbers(best_apart(list(reversed(scores)), 2, 0.2)) == [10, 30]
