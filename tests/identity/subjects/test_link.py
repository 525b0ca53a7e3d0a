"""Tracks of one face are one subject: by average linkage, never two seen at once, and of still pictures none."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from pipeline.core.records.track import Track
from pipeline.core.storage.vectors import Vectors
from pipeline.identity.subjects.link import linked_groups, subjects_of
from pipeline.identity.subjects.settings import SubjectsParams
from tests.face.tracks import a_track

PARAMS = SubjectsParams(
    people="one",
    min_seen_s=1.0,
    max_faces=3,
    min_apart_s=0.4,
    min_interocular_px=12,
    max_spherical_variance=0.19,
    same_subject_above=0.6,
    voices=None,
    overlap=None,
    music=None,
    active_speaker=None,
    stretch_s=2.0,
    voice_s=3.0,
    same_voice_above=0.55,
    same_voice_log_odds=8.0,
    voice_cosine=0.5,
    voice_log_odds=15.0,
    still_mouth_log_odds=4.0,
    voice_correlation=0.2,
    mouth_weight=0.1,
    lag_std_s=0.06,
    speaks_log_odds=-1.0,
    same_speaker_log_odds=1.0,
    min_speaker_log_odds=0.0,
    min_end_log_odds=2.5,
    min_av_zscore=2.7,
    min_av_zscore_lead=1.0,
    min_presence_share=0.3,
)
CLIP = "set/clip"


def track(number: int, start_s: float, end_s: float, **changes: object) -> Track:
    return replace(a_track(CLIP, number), start_s=start_s, end_s=end_s, **changes)  # type: ignore[arg-type]


def at_angles(*cosines: float) -> dict[str, Vectors]:
    """Return embeddings with these cosines to the first axis, all in one plane, of tracks 0, 1, 2, ..."""
    return {f"{CLIP}-t{n:02d}": np.array([one, sqrt(1 - one**2)]) for n, one in enumerate(cosines)}


def subject_of(tracks: list[Track], embeddings: dict[str, Vectors]) -> list[str]:
    return [row.subject_id[-3:] for row in subjects_of(tracks, embeddings, 0.6, PARAMS).tracks]


def no_overlap(n: int) -> np.ndarray:
    return np.zeros((n, n), bool)


@pytest.mark.parametrize(("cosine", "groups"), [(0.6, [[0, 1]]), (0.599, [[0], [1]])])
def test_two_tracks_on_the_limit_are_one_subject(cosine: float, groups: list[list[int]]) -> None:
    assert linked_groups(np.array([[1.0, cosine], [cosine, 1.0]]), no_overlap(2), 0.6) == groups


def test_a_group_is_joined_by_the_mean_of_its_similarities() -> None:
    alike = np.array([[1.0, 0.9, 0.7], [0.9, 1.0, 0.5], [0.7, 0.5, 1.0]])
    assert linked_groups(alike, no_overlap(3), 0.6) == [[0, 1, 2]]
    assert linked_groups(alike, no_overlap(3), 0.61) == [[0, 1], [2]]


def test_tracks_seen_at_the_same_time_are_never_one_subject_however_alike() -> None:
    alike = np.full((3, 3), 0.99)
    alike[0, 2] = alike[2, 0] = 0.9
    overlaps = no_overlap(3)
    overlaps[0, 1] = overlaps[1, 0] = True
    assert linked_groups(alike, overlaps, 0.6) == [[0], [1, 2]]
    twice = [track(0, 0.0, 2.0), track(1, 1.0, 3.0)]
    assert subject_of(twice, at_angles(1.0, 1.0)) == ["s00", "s01"]
    hand_over = [track(0, 0.0, 2.0), track(1, 1.8, 3.0)]
    assert subject_of(hand_over, at_angles(1.0, 1.0)) == ["s00", "s00"]


def test_subjects_are_numbered_by_first_appearance_after_the_main_one() -> None:
    tracks = [track(n, 2.0 * n, 2.0 * n + 1.9) for n in range(4)]
    assert subject_of(tracks, at_angles(1.0, 0.0, 1.0, 0.1)) == ["s00", "s01", "s00", "s01"]
    tracks[3] = replace(tracks[3], presence_px2=9e9)
    assert subject_of(tracks, at_angles(1.0, 0.0, 1.0, 0.1)) == ["s01", "s00", "s01", "s00"]


def test_a_subject_adds_up_its_tracks_and_weighs_their_zscores_by_length() -> None:
    tracks = [
        track(0, 0.0, 2.0, av_covered_s=2.0, av_zscore=5.0),
        track(1, 3.0, 9.0, av_covered_s=6.0, av_zscore=3.0, presence_px2=1000.0),
        track(2, 9.1, 9.5),
    ]
    (subject,) = subjects_of(tracks, at_angles(1.0, 1.0, 1.0), 0.6, PARAMS).subjects
    assert (subject.subject_id, subject.n_tracks, subject.is_main) == (f"{CLIP}-s00", 3, True)
    assert (subject.start_s, subject.end_s, subject.seen_s) == (0.0, 9.5, pytest.approx(8.4))
    assert subject.presence_px2 == 432_000.0 * 2 + 1000
    assert (subject.av_covered_s, subject.av_zscore) == (8.0, pytest.approx(3.5))


def test_the_only_track_gives_its_own_numbers_unchanged() -> None:
    one = track(0, 0.1, 0.4, av_covered_s=0.3, av_zscore=0.1 + 0.2)
    (subject,) = subjects_of([one], {}, 0.6, PARAMS).subjects
    assert (subject.av_zscore, subject.av_covered_s, subject.presence_px2) == (0.1 + 0.2, 0.3, one.presence_px2)


def test_many_short_shots_of_one_face_outweigh_a_longer_one_of_another() -> None:
    tracks = [track(0, 0.0, 3.0, presence_px2=5.0), *(track(n, 3.0 + n, 3.9 + n, presence_px2=2.0) for n in (1, 2, 3))]
    found = subjects_of(tracks, at_angles(0.0, 1.0, 1.0, 1.0), 0.6, PARAMS)
    assert [(one.is_main, one.start_s) for one in found.subjects] == [(True, 4.0), (False, 0.0)]
    assert [row.is_taken for row in found.tracks] == [False, True, True, True]
    apart = subjects_of(tracks, {}, 0.6, PARAMS)
    assert [one.is_main for one in apart.subjects] == [True, False, False, False]


def test_a_still_picture_is_linked_to_nobody_and_is_the_main_one_only_alone() -> None:
    photo = track(0, 0.0, 4.0, is_still_picture=True, presence_px2=9e9)
    found = subjects_of([photo, track(1, 4.1, 6.0)], at_angles(1.0, 1.0), 0.6, PARAMS)
    assert [(row.subject_id[-3:], row.is_taken) for row in found.tracks] == [("s01", False), ("s00", True)]
    photos = [photo, track(1, 4.1, 6.0, is_still_picture=True)]
    assert subject_of(photos, at_angles(1.0, 1.0)) == ["s00", "s00"]


@pytest.mark.parametrize(("seen_s", "is_taken"), [(1.0, True), (0.99, False)])
def test_of_all_people_those_seen_long_enough_are_taken_and_still_pictures_never(seen_s: float, is_taken: bool) -> None:
    params = PARAMS.model_copy(update={"people": "all"})
    tracks = [
        track(0, 0.0, 9.0, presence_px2=9e9),
        track(1, 4.0, 4.0 + seen_s),
        track(2, 5.0, 9.0, is_still_picture=True),
    ]
    found = subjects_of(tracks, {}, 0.6, params)
    assert [one.is_taken for one in found.subjects] == [one.is_taken for one in found.tracks] == [True, is_taken, False]


def test_a_track_of_two_persons_is_linked_to_nobody_and_is_taken_only_where_there_is_no_other() -> None:
    params = PARAMS.model_copy(update={"people": "all"})
    tracks = [track(0, 0.0, 4.0, presence_px2=9e9), track(1, 4.1, 6.0), track(2, 6.1, 8.0)]
    found = subjects_of(tracks, at_angles(1.0, 1.0, 1.0), 0.6, params, [tracks[0].track_id])
    assert [(row.subject_id[-3:], row.is_taken) for row in found.tracks] == [
        ("s01", False),
        ("s00", True),
        ("s00", True),
    ]
    alone = subjects_of(tracks[:1], at_angles(1.0), 0.6, params, [tracks[0].track_id])
    assert [row.is_taken for row in alone.tracks] == [True]


def test_the_similarities_that_decided_are_kept() -> None:
    tracks = [track(n, 2.0 * n, 2.0 * n + 1.9) for n in range(4)]
    embeddings = at_angles(1.0, 0.8, 0.0)
    first, second, third, unseen = subjects_of(tracks, embeddings, 0.6, PARAMS).tracks
    assert first.own_similarity == second.own_similarity == pytest.approx(0.8)
    assert third.own_similarity is None
    assert third.other_similarity == pytest.approx((0.0 + 0.6) / 2)
    assert (unseen.own_similarity, unseen.other_similarity) == (None, None)


def main_of(tracks: list[Track], in_crop: set[int] | None, embeddings: dict[str, Vectors] | None = None) -> list[str]:
    """Return the places of the tracks of the main subject; ``in_crop``: of those in the published crop."""
    ids = None if in_crop is None else {tracks[n].track_id for n in in_crop}
    rows = subjects_of(tracks, embeddings or {}, 0.6, PARAMS, in_crop=ids).tracks
    return [row.track_id[-2:] for row in rows if row.is_taken]


def test_of_those_in_the_published_crop_the_main_one_is_chosen_as_of_all() -> None:
    tracks = [
        track(0, 0.0, 9.0, presence_px2=9e9),
        track(1, 0.0, 9.0, presence_px2=100.0),
        track(2, 0.0, 9.0, presence_px2=30.0, av_zscore=2.7),
        track(3, 0.0, 9.0, presence_px2=29.0, av_zscore=9.0),
    ]
    assert main_of(tracks, None) == main_of(tracks, {0, 1, 2, 3}) == ["00"]
    assert main_of(tracks, {1, 3}) == ["01"]  # the speaker is seen too little
    assert main_of(tracks, {1, 2}) == ["02"]
    assert main_of(tracks, {3}) == ["03"]
    assert main_of(tracks, set()) == []


def test_all_tracks_of_the_one_in_the_published_crop_are_taken_by_what_is_seen_in_it() -> None:
    """After a cut both are elsewhere in the picture."""
    tracks = [
        track(0, 0.0, 4.0, presence_px2=50.0),
        track(1, 0.0, 4.0, presence_px2=40.0),
        track(2, 4.1, 9.0, presence_px2=9e9),
        track(3, 4.1, 9.0, presence_px2=9e9),
    ]
    angles = at_angles(1.0, 0.0, 1.0, 0.0)
    assert main_of(tracks, {0}, angles) == ["00", "02"]
    assert main_of(tracks, {1}, angles) == ["01", "03"]
    assert main_of(tracks, {0, 1}, angles) == ["00", "02"]


def test_a_still_picture_in_the_published_crop_is_the_main_one_only_alone_there() -> None:
    photo = track(0, 0.0, 4.0, is_still_picture=True, presence_px2=9e9)
    tracks = [photo, track(1, 0.0, 4.0), track(2, 0.0, 4.0)]
    assert main_of(tracks, {0, 1}) == ["01"]
    assert main_of(tracks, {0}) == ["00"]


def test_with_a_published_crop_nobody_else_is_taken_of_all_people_and_nobody_is_main_where_it_is_empty() -> None:
    params = PARAMS.model_copy(update={"people": "all"})
    tracks = [track(0, 0.0, 9.0), track(1, 0.0, 9.0)]
    one = subjects_of(tracks, {}, 0.6, params, in_crop={tracks[1].track_id})
    assert [(row.subject_id[-3:], row.is_taken) for row in one.tracks] == [("s01", False), ("s00", True)]
    none = subjects_of(tracks, {}, 0.6, params, in_crop=())
    assert [(row.subject_id[-3:], row.is_main, row.is_taken) for row in none.subjects] == [
        ("s01", False, False),
        ("s02", False, False),
    ]
