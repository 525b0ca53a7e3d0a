"""Lips are measured over a window of time; standardness ranks without thresholds; thresholds alone decide."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.base.errors import BadParams
from pipeline.core.records.face import OF_PICTURE, FaceMeasures
from pipeline.core.records.schema import to_table
from pipeline.face.crops.standard import (
    LipWindow,
    check_verified,
    lip_windows,
    missed_limits,
    missed_thresholds,
    select_faces,
    standardness,
    usual_face,
    window_ranges,
)
from tests.face.faces import SCALES, SELECT, face, frame, frames

AT_25 = [n / 25 for n in range(15)]
HEIGHT = 0.3  # of the mouth in every frame, unless a test changes it


def missed_threshold(one: FaceMeasures) -> str:
    (reason,) = missed_thresholds(to_table(FaceMeasures, [one]), SELECT).to_pylist()
    return reason


def reasons_of(faces: Sequence[FaceMeasures], review: Mapping[str, bool] | None = None) -> list[str]:
    return select_faces(to_table(FaceMeasures, faces), review or {}, SELECT).to_pylist()


def test_a_window_includes_the_frames_exactly_on_its_edges() -> None:
    """+-0.12 s at 25 frames a second is three frames either way, wherever rounding puts the times."""
    for at in range(3, 12):
        for edge in (at - 3, at + 3):
            openings = [0.0] * 15
            openings[edge] = 0.5
            assert lip_windows(frames(AT_25, openings), 0.12)[at] == LipWindow(0.5, HEIGHT, 0.5, 0.0, 0.0)


def test_a_window_excludes_the_frames_just_beyond_its_edges() -> None:
    openings = [0.5] * 4 + [0.01] * 7 + [0.5] * 4
    assert lip_windows(frames(AT_25, openings), 0.12)[7] == LipWindow(0.01, HEIGHT, 0.0, 0.0, 0.0)


def test_motion_is_the_largest_opening_less_the_smallest() -> None:
    openings = [0.0] * 4 + [0.03, 0.02, 0.05, 0.04, 0.03, 0.06, 0.03] + [0.0] * 4
    window = lip_windows(frames(AT_25, openings), 0.12)[7]
    assert window is not None
    assert (window.opening_max, window.motion) == (0.06, pytest.approx(0.04))


@pytest.mark.parametrize(
    ("at", "first", "last"),
    [(0, 0, 6), (2, 0, 6), (3, 0, 6), (4, 1, 7), (10, 7, 13), (11, 8, 14), (12, 8, 14), (14, 8, 14)],
)
def test_a_window_is_shifted_where_the_track_begins_or_ends_within_it(at: int, first: int, last: int) -> None:
    assert tuple(window_ranges(frames(AT_25), 0.12)[at]) == (first, last)


@pytest.mark.parametrize(("n", "is_complete"), [(6, False), (7, True)])
def test_a_track_shorter_than_the_window_has_none(n: int, is_complete: bool) -> None:
    assert [lip_windows(frames(AT_25[:n]), 0.12)[at] is not None for at in range(n)] == [is_complete] * n


def test_a_window_does_not_reach_over_a_decoded_frame_that_was_not_observed() -> None:
    track = frames(AT_25)
    del track[9]
    complete = [at for at in range(14) if lip_windows(track, 0.12)[at] is not None]
    assert [track[at].frame_index for at in complete] == [*range(9)]
    assert tuple(window_ranges(track, 0.12)[8]) == (2, 8)


@pytest.mark.parametrize("at", [0, 14])
def test_changes_of_a_shifted_window_are_those_within_it(at: int) -> None:
    """Each frame's change is since up to 0.12 s before: of frames 0 to 6, all; of 8 to 14, those from 11 on."""
    changes = [0.1] * 7 + [0.9] * 4 + [0.2] * 4
    found = lip_windows([frame(n, n / 25, mouth_change=changes[n]) for n in range(15)], 0.12)[at]
    assert found is not None
    assert found.mouth_change == (0.1 if at == 0 else 0.2)


def test_a_window_goes_by_time_where_the_rate_varies() -> None:
    times_s = [0.0, 0.01, 0.02, 0.10, 0.20, 0.21, 0.22, 0.33, 0.34]
    openings = [0.9, 0.9, 0.9, 0.1, 0.2, 0.3, 0.3, 0.9, 0.9]
    window = lip_windows(frames(times_s, openings), 0.12)[4]
    assert window is not None
    assert (window.opening_max, window.motion) == (0.3, pytest.approx(0.2))


def test_a_window_between_two_distant_frames_holds_the_frame_itself() -> None:
    """Frames half a second apart: nothing was skipped."""
    assert lip_windows(frames([0.0, 0.5, 1.0], [0.9, 0.1, 0.9]), 0.12)[1] == LipWindow(0.1, HEIGHT, 0.0, 0.0, 0.0)
    assert lip_windows(frames([0.5]), 0.12)[0] is None


def test_a_window_of_no_width_is_the_frame_itself() -> None:
    assert lip_windows(frames([0.0], [0.2]), 0.0)[0] == LipWindow(0.2, HEIGHT, 0.0, 0.0, 0.0)


@given(st.lists(st.floats(0.001, 0.3), min_size=1, max_size=25), st.data())
def test_a_complete_window_holds_exactly_the_frames_within_it(steps_s: list[float], data: st.DataObject) -> None:
    times_s = [round(float(t), 4) for t in np.cumsum([0.0, *steps_s])]
    at = data.draw(st.integers(0, len(times_s) - 1))
    openings = [data.draw(st.floats(0, 1)) for _ in times_s]
    window = lip_windows(frames(times_s, openings), 0.12)[at]
    start_s, end_s = times_s[at] - 0.12, times_s[at] + 0.12
    if times_s[0] > start_s + 0.001:
        end_s += times_s[0] - start_s
        start_s = times_s[0]
    elif times_s[-1] < end_s - 0.001:
        start_s -= end_s - times_s[-1]
        end_s = times_s[-1]
    if times_s[0] > start_s + 0.001 or times_s[-1] < end_s - 0.001:
        assert window is None
    elif window is not None:
        inside = [o for t, o in zip(times_s, openings, strict=True) if start_s + 0.001 < t < end_s - 0.001]
        least = [*inside, openings[at]]
        most = [o for t, o in zip(times_s, openings, strict=True) if start_s - 0.001 < t < end_s + 0.001]
        assert max(least) <= window.opening_max <= max(most)
        assert max(least) - min(least) <= window.motion <= max(most) - min(most)


def test_changes_of_mouth_and_eyes_count_from_the_frame_to_the_windows_end() -> None:
    """Each frame's own change is since earlier frames: of frame 4 over frames 1 to 4, of frame 7 over 4 to 7."""
    changes = [0.9, 0.9, 0.9, 0.9, 0.1, 0.2, 0.3, 0.2, 0.9, 0.9]
    track = [frame(n, n / 25, mouth_change=changes[n], eye_change=changes[n] - 0.1) for n in range(10)]
    found = lip_windows(track, 0.12)[4]
    assert found is not None
    assert (found.mouth_change, found.eye_change) == (0.3, pytest.approx(0.2))


def test_motion_of_the_whole_mouth_counts_where_it_is_larger_than_that_of_the_gap() -> None:
    track = [frame(n, n / 25, lip_opening=0.01, mouth_height=0.3 + 0.02 * (n == 5)) for n in range(10)]
    assert lip_windows(track, 0.12)[4] == LipWindow(0.01, 0.32, pytest.approx(0.02), 0.0, 0.0)


def test_the_usual_face_has_the_median_eyes_and_a_mouth_that_is_nearly_the_least_high() -> None:
    track = [frame(n, n / 25, eye_opening=0.05 if n < 3 else 0.3, mouth_height=0.30 + 0.01 * n) for n in range(11)]
    usual = usual_face(track, shut_quantile=0.1)
    assert (usual.eye_opening, usual.mouth_height) == (0.3, pytest.approx(0.31))
    assert usual_face(track, shut_quantile=0.5).mouth_height == pytest.approx(0.35)


def test_the_ideal_face_has_standardness_0() -> None:
    assert standardness(face(), SCALES) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("yaw_deg", -10.0), ("pitch_deg", 10.0), ("roll_deg", 10.0), ("lip_opening_max", 0.06), ("lip_motion", 0.03)]
    + [("mouth_rise", 0.05), ("mouth_change", 0.4), ("eye_share", 0.8)],
)
def test_one_unit_away_costs_one(name: str, value: float) -> None:
    assert standardness(face(**{name: value}), SCALES) == pytest.approx(-1)


def test_a_mouth_flatter_than_usual_and_eyes_wider_than_usual_cost_nothing() -> None:
    assert standardness(face(mouth_rise=-0.02, eye_share=1.3), SCALES) == 0


@pytest.mark.parametrize("name", ["lip_opening_max", "mouth_rise", "lip_motion", "mouth_change"])
def test_without_a_complete_window_there_is_no_standardness(name: str) -> None:
    assert standardness(face(**{name: None}), SCALES) is None


WORSE = ["yaw_deg", "pitch_deg", "roll_deg", "lip_opening_max", "lip_motion", "mouth_rise", "mouth_change"]


@given(name=st.sampled_from(WORSE), near=st.floats(0, 1), more=st.floats(0.001, 1))
def test_the_further_from_the_ideal_the_less_standard(name: str, near: float, more: float) -> None:
    nearer, further = (standardness(face(**{name: value}), SCALES) for value in (near, near + more))
    assert nearer is not None and further is not None
    assert further < nearer
    if name.endswith("_deg"):
        assert standardness(face(**{name: -near}), SCALES) == nearer


@given(near=st.floats(0, 0.5), more=st.floats(0.001, 0.5))
def test_the_further_shut_the_eyes_the_less_standard(near: float, more: float) -> None:
    nearer, further = (standardness(face(eye_share=1 - shut), SCALES) for shut in (near, near + more))
    assert nearer is not None and further is not None
    assert further < nearer


ON_THE_LIMIT = {
    "mesh_yaw_deg": 12.0,
    "mesh_pitch_deg": -18.0,
    "roll_deg": 15.0,
    "lip_gap": 0.05,
    "lips_parted": 0.5,
    "mouth_change": 0.7,
    "lip_line": 0.05,
    "mesh_presence": 0.9,
    "eyes_shut": -1.0,
    "interocular_px": 30.0,
    "true_interocular_px": 16.0,
    "inside_share": 0.9,
}
PAST_THE_LIMIT = [
    ("mesh_yaw_deg", 12.01, "yaw"),
    ("mesh_yaw_deg", -12.01, "yaw"),
    ("mesh_pitch_deg", 18.01, "pitch"),
    ("mesh_pitch_deg", -18.01, "pitch"),
    ("roll_deg", 15.01, "roll"),
    ("roll_deg", -15.01, "roll"),
    ("lip_gap", 0.0501, "lips_open"),
    ("lips_parted", 0.501, "lips_open"),
    ("mouth_change", 0.7001, "lips_moving"),
    ("lip_line", 0.0499, "mouth_covered"),
    ("mesh_presence", 0.8999, "no_face"),
    ("eyes_shut", -0.999, "eyes_closed"),
    ("interocular_px", 29.99, "too_small"),
    ("true_interocular_px", 15.99, "low_resolution"),
    ("inside_share", 0.8999, "out_of_frame"),
    ("lip_motion", None, "window_incomplete"),
    ("lip_opening_max", None, "window_incomplete"),
    ("mouth_rise", None, "window_incomplete"),
    ("mouth_change", None, "window_incomplete"),
    ("lip_gap", None, "not_verified"),
]


def test_a_face_exactly_on_every_limit_is_standard() -> None:
    assert missed_threshold(face(**ON_THE_LIMIT)) == ""


@pytest.mark.parametrize(("name", "value", "reason"), PAST_THE_LIMIT)
def test_a_face_just_past_one_limit_has_that_reason(name: str, value: float | None, reason: str) -> None:
    assert missed_threshold(face(**{**ON_THE_LIMIT, name: value})) == reason


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, ""),
        ({"mesh_yaw_deg": -12.01}, "mesh_yaw_deg 12.01 > select.max_yaw_deg 12"),
        ({"mesh_pitch_deg": None}, "mesh_pitch_deg not measured > select.max_pitch_deg 18"),
        ({"lip_gap": 0.0501}, "lip_gap 0.0501 > select.max_lip_gap 0.05"),
        ({"lips_parted": 0.501}, "lips_parted 0.501 > select.max_lips_parted 0.5"),
        ({"lip_gap": 0.06, "lips_parted": 0.6}, "lip_gap 0.06 > select.max_lip_gap 0.05"),
        ({"true_interocular_px": 15.99}, "true_interocular_px 15.99 < select.min_true_interocular_px 16"),
        ({"lip_motion": None}, "its track is shorter than the window of crop.lip_window_s"),
    ],
)
def test_the_measure_and_the_limit_that_a_face_missed_are_told(changed: dict[str, float | None], told: str) -> None:
    """Of one face among others that miss other limits."""
    faces = to_table(FaceMeasures, [face(1.0, roll_deg=-16.0), face(2.0, **{**ON_THE_LIMIT, **changed}), face(3.0)])
    found = missed_limits(faces, missed_thresholds(faces, SELECT), SELECT).to_pylist()
    assert found == ["roll_deg 16 > select.max_roll_deg 15", told, ""]


def test_every_limit_is_tested_above() -> None:
    limits = {name.partition("_")[2] for name in type(SELECT).model_fields}
    assert {name.removeprefix("mesh_") for name in ON_THE_LIMIT} == limits - {
        "apart_s",
        "mouth",
        "faces",  # of pictures: no limit
        "rest_gap",  # two limits of a face at rest
        "above_rest",
        "parted_and_moving",  # None here: the tests below
        "asymmetry",  # these two are None here: tests/face/crops/test_selection.py
        "expression",
    }


@pytest.mark.parametrize(
    ("rest_gap", "lip_gap", "reason"),
    [
        (0.03, 0.04, ""),  # at rest: the smallest gap and a little more
        (0.03, 0.0401, "lips_open"),
        (0.055, 0.06, ""),  # at rest, but nearly open
        (0.055, 0.0601, "lips_open"),
        (0.0201, 0.0301, ""),
        (0.02, 0.02, "lips_open"),  # a subject that just shuts its lips
    ],
)
def test_people_who_never_shut_their_lips_have_standard_faces_at_rest_where_that_is_wanted(
    rest_gap: float, lip_gap: float, reason: str
) -> None:
    parted, shut = (face(lip_gap=lip_gap, rest_gap=rest_gap, lips_parted=looks) for looks in (0.51, 0.5))
    own_rest = SELECT.model_copy(update={"resting_mouth": "own_rest"})
    assert missed_thresholds(to_table(FaceMeasures, [parted]), own_rest).to_pylist() == [reason]
    assert missed_thresholds(to_table(FaceMeasures, [parted]), SELECT).to_pylist() == ["lips_open"]
    assert missed_thresholds(to_table(FaceMeasures, [shut]), SELECT).to_pylist() == [
        "" if lip_gap <= 0.05 else "lips_open"
    ]


TOGETHER = SELECT.model_copy(update={"max_parted_and_moving": 1.0})


@pytest.mark.parametrize(
    ("parted", "change", "told"),
    [
        (-1.0, 0.5, None),  # -1 + 4 * 0.5 is the limit
        (0.0, 0.25, None),
        (-1.0, 0.51, "lips_parted + 4 mouth_change 1.04 > select.max_parted_and_moving 1"),
        (0.01, 0.25, "lips_parted + 4 mouth_change 1.01 > select.max_parted_and_moving 1"),
        (-9.0, 0.71, "mouth_change 0.71 > select.max_mouth_change 0.7"),
        (0.5, 0.71, "mouth_change 0.71 > select.max_mouth_change 0.7"),
    ],
)
def test_lips_that_look_nearly_parted_may_move_less(parted: float, change: float, told: str | None) -> None:
    faces = to_table(FaceMeasures, [face(lips_parted=parted, mouth_change=change)])
    reasons = missed_thresholds(faces, TOGETHER)
    assert reasons.to_pylist() == ["" if told is None else "lips_moving"]
    assert missed_limits(faces, reasons, TOGETHER).to_pylist() == [told or ""]


def test_looks_and_movement_that_are_the_limit_in_decimals_pass() -> None:
    """0.4 + 4 * 0.2 is above 1.2 by its last bit."""
    limit = SELECT.model_copy(update={"max_parted_and_moving": 1.2})
    faces = [face(lips_parted=0.4, mouth_change=change) for change in (0.2, 0.2001)]
    assert missed_thresholds(to_table(FaceMeasures, faces), limit).to_pylist() == ["", "lips_moving"]


def test_of_lips_at_rest_and_of_still_pictures_looks_and_movement_do_not_count_together() -> None:
    own_rest = TOGETHER.model_copy(update={"resting_mouth": "own_rest"})
    at_rest = [face(lip_gap=0.03, rest_gap=0.03, lips_parted=parted, mouth_change=0.5) for parted in (0.4, 0.6, None)]
    assert missed_thresholds(to_table(FaceMeasures, at_rest), own_rest).to_pylist() == [""] * 3
    picture = face(sampled_by=OF_PICTURE, lips_parted=0.4, mouth_change=0.5)
    assert missed_thresholds(to_table(FaceMeasures, [picture]), TOGETHER).to_pylist() == [""]


def test_limits_beyond_what_was_verified_are_refused() -> None:
    check_verified(SELECT, 0.05)
    with pytest.raises(BadParams, match=r"select.max_lip_gap = 0.05: expected at most crop.max_verified_gap = 0.049"):
        check_verified(SELECT, 0.049)
    own_rest = SELECT.model_copy(update={"resting_mouth": "own_rest"})
    check_verified(own_rest, 0.06)
    with pytest.raises(BadParams, match=r"select.max_rest_gap = 0.06"):
        check_verified(own_rest, 0.059)


def test_of_two_faces_close_in_time_the_more_standard_one_is_taken() -> None:
    first, better, later = face(1.0, standardness=-2.0), face(1.1, standardness=-1.0), face(1.3, standardness=-3.0)
    assert reasons_of([first, better, later]) == ["too_close", "", ""]


def test_faces_exactly_as_far_apart_as_required_are_both_taken() -> None:
    assert reasons_of([face(1.0), face(1.2)]) == ["", ""]
    assert reasons_of([face(1.0), face(1.199)]) == ["", "too_close"]


def test_faces_of_different_clips_are_never_too_close() -> None:
    assert reasons_of([face(1.0), face(1.1, clip_id="set/other")]) == ["", ""]


def test_a_face_that_fails_a_threshold_takes_no_place() -> None:
    assert reasons_of([face(1.0, mesh_yaw_deg=40.0), face(1.1, standardness=-9.0)]) == ["yaw", ""]


def test_an_override_yes_precedes_all_thresholds() -> None:
    turned = face(1.0, mesh_yaw_deg=40.0, lip_motion=None, lip_opening_max=None, mouth_rise=None, mouth_change=None)
    assert reasons_of([turned], {turned.face_id: True}) == ["reviewed"]


def test_an_override_no_precedes_all_thresholds_and_frees_the_place() -> None:
    best, near = face(1.0, standardness=-1.0), face(1.1, standardness=-2.0)
    assert reasons_of([best, near], {best.face_id: False}) == ["rejected_by_review", ""]


def test_a_face_chosen_by_an_override_is_kept_however_close_and_whichever_is_more_standard() -> None:
    best, chosen = face(1.0, standardness=-1.0), face(1.1, standardness=-2.0)
    assert reasons_of([best, chosen], {chosen.face_id: True}) == ["too_close", "reviewed"]


def test_an_override_of_a_face_that_does_not_exist_changes_nothing() -> None:
    assert reasons_of([face(1.0)], {"set/gone": True}) == [""]


@given(st.permutations([face(n / 10, standardness=-float(n % 3)) for n in range(8)]))
def test_the_order_in_which_faces_come_does_not_matter(shuffled: list) -> None:
    reasons = dict(zip([one.face_id for one in shuffled], reasons_of(shuffled), strict=True))
    assert [reasons[face(n / 10).face_id] for n in range(8)] == [
        "", "too_close", "too_close", "", "too_close", "too_close", "", "too_close"
    ]  # fmt: skip


def test_faces_without_standardness_come_last_and_are_taken_where_they_are_apart() -> None:
    unranked, ranked = face(1.0, standardness=None), face(1.1, standardness=-9.0)
    assert reasons_of([unranked, ranked, face(2.0, standardness=None)]) == ["too_close", "", ""]


def test_no_faces_have_no_reasons() -> None:
    assert reasons_of([]) == []
    assert reasons_of([], {"set/gone": True}) == []


IN_A_PICTURE = {
    "sampled_by": OF_PICTURE,
    "lip_motion": None,
    "mouth_change": None,
    "rest_gap": None,
    "standardness": None,
}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, ""),
        ({"mesh_yaw_deg": 12.0}, ""),
        ({"mesh_yaw_deg": 12.1}, "yaw"),
        ({"lip_gap": 0.051}, "lips_open"),
        ({"lip_gap": None}, "not_verified"),
        ({"eyes_shut": -0.9}, "eyes_closed"),
    ],
)
def test_in_a_still_picture_the_limits_hold_but_for_movement_or_all_faces_are_standard(
    values: dict[str, float | None], reason: str
) -> None:
    one = face(**IN_A_PICTURE | values)
    assert missed_threshold(one) == reason
    table = to_table(FaceMeasures, [one, replace(one, sampled_by="random")])
    for resting_mouth in ("strict", "own_rest"):  # a picture does not tell how a mouth rests
        params = SELECT.model_copy(update={"resting_mouth": resting_mouth})
        assert missed_thresholds(table, params).to_pylist() == [reason, "window_incomplete"]
    every = SELECT.model_copy(update={"picture_faces": "all"})
    assert missed_thresholds(table, every).to_pylist() == ["", "window_incomplete"]


def test_two_people_in_one_picture_are_both_standard() -> None:
    one = face(**IN_A_PICTURE)
    other = replace(one, face_id="set/clip-t01-00000000", subject_id="set/clip-s01", track_id="set/clip-t01")
    assert reasons_of([one, other]) == ["", ""]


def test_an_override_precedes_the_param_for_pictures() -> None:
    one = face(**IN_A_PICTURE)
    every = SELECT.model_copy(update={"picture_faces": "all"})
    table = to_table(FaceMeasures, [one])
    assert select_faces(table, {one.face_id: False}, every).to_pylist() == ["rejected_by_review"]
