"""A montage's shots follow each other, half of them with the voice of the person seen, and nobody is in two groups."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.accuracy.montages import (
    OTHER,
    OWN,
    SHOT_S,
    UNSEEN,
    Shot,
    TalkingClip,
    groups_of_persons,
    plan,
    talking_clips,
)
from benchmarks.accuracy.turns import Links, Seconds
from pipeline.core.records.subject import Turn

CLIPS = [TalkingClip(Path(f"{person}{n}.mp4"), person, 8.0) for person in "abcdefghi" for n in range(2)]
SEEN, UNSEEN_PERSONS = ["a", "b", "c"], ["d", "e"]


def shots(seed: int = 1, duration_s: float = 300.0) -> list[Shot]:
    return plan(CLIPS, SEEN, UNSEEN_PERSONS, duration_s, seed)


def test_shots_follow_each_other_and_are_within_their_clips() -> None:
    planned = shots()
    for shot, following in pairwise(planned):
        assert shot.end_s == following.start_s
        assert shot.seen.person != following.seen.person
    for shot in planned:
        length_s = shot.end_s - shot.start_s
        assert SHOT_S[0] - 0.04 <= length_s <= SHOT_S[1]
        assert 0 <= shot.picture_from_s <= shot.seen.duration_s - length_s
        assert 0 <= shot.voice_from_s <= shot.heard.duration_s - length_s


def test_half_of_the_shots_have_another_voice_of_somebody_in_the_montage_or_of_nobody_in_it() -> None:
    planned = shots()
    counts = Counter(shot.voice for shot in planned)
    assert 0.4 < counts[OWN] / len(planned) < 0.6
    for shot in planned:
        heard = shot.heard.person
        assert {OWN: heard == shot.seen.person, OTHER: heard in SEEN, UNSEEN: heard in UNSEEN_PERSONS}[shot.voice]
        assert shot.voice == OWN or heard != shot.seen.person


def test_a_seed_gives_the_same_montage() -> None:
    assert shots(3) == shots(3) != shots(4)


def test_every_person_is_in_one_group_and_a_rest_of_one_in_none() -> None:
    groups = groups_of_persons(CLIPS, 5)
    persons = [person for group in groups for person in group]
    assert [len(group) for group in groups] == [4, 4]
    assert len(persons) == len(set(persons)) == 8


def test_only_clips_of_one_talker_are_taken(tmp_path: Path) -> None:
    rows = [
        ("good.mp4", "9.0", "type=talk; id=P01; faces/frame=1-1; more"),
        ("two.mp4", "9.0", "type=talk; id=P02; faces/frame=1-2; more"),
        ("short.mp4", "2.4", "type=talk-short; id=P03; faces/frame=1-1; more"),
        ("dubbed.mp4", "9.0", "type=voice-over; id=P04; faces/frame=1-1; more"),
    ]
    lines = ["path\tduration_s\tnotes", *("\t".join(row) for row in rows)]
    (tmp_path / "INDEX.tsv").write_text("\n".join(lines), encoding="utf-8")
    assert talking_clips([tmp_path]) == [TalkingClip(tmp_path / "good.mp4", "P01", 9.0)]


def turn(subject: str, start_s: float, end_s: float) -> Turn:
    return Turn(
        turn_id=f"{subject}-{round(1000 * start_s):08d}",
        clip_id="m/a",
        subject_id=subject,
        start_s=start_s,
        end_s=end_s,
        log_odds=1.0,
        own_log_odds=1.0,
        overlap_share=None,
        music_share=None,
    )


def test_seconds_are_counted_up_to_a_margin_around_each_cut() -> None:
    ann, ben = (TalkingClip(Path(f"{name}.mp4"), name, 9.0) for name in ("ann", "ben"))
    planned = [Shot(0.0, 4.0, ann, 0.0, OWN, ann, 0.0), Shot(4.0, 8.0, ben, 0.0, OTHER, ann, 4.0)]
    seconds = Seconds()
    seconds.add(planned, [turn("s00", 1.0, 4.05), turn("s01", 3.0, 6.0)], {"s00": "ann", "s01": "ben"})
    assert (seconds.own, seconds.other_voice) == (pytest.approx(3.8), pytest.approx(3.8))
    assert seconds.right == pytest.approx(2.9)
    assert seconds.wrong_person == pytest.approx(0.9)
    assert seconds.taken == pytest.approx(1.9)


def test_pairs_of_tracks_are_right_wrong_or_missed() -> None:
    links = Links()
    links.add([("ann", "s0"), ("ann", "s0"), ("ann", "s1"), ("ben", "s1"), ("ben", "s2")])
    assert (links.right, links.wrong, links.missed) == (1, 1, 3)
