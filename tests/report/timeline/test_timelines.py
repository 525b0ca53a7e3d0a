"""The timeline of a clip: places of its bars and marks, and why time is not used."""

from pathlib import Path

import pytest

from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.dataset import DatasetSegment
from pipeline.core.records.person import SubjectPerson
from pipeline.core.records.subject import Turn
from pipeline.core.storage.manifest import write_manifest
from pipeline.report.timeline.draw import Row, Timeline, draw_timeline, shown_part, tick_times
from pipeline.report.timeline.read import choose_clips, read_timelines
from pipeline.report.timeline.results import ClipResults
from tests.face.tracks import a_turn
from tests.report.made_run import SET, write_ledger
from tests.report.timeline.made_clips import (
    SHOTS_S,
    TALK,
    joined_of,
    make_clips,
    write_audio_ledger,
    write_joined,
    write_shots,
    write_subjects,
)

Bars = list[tuple[str, float, float]]


@pytest.fixture
def at(tmp_path: Path) -> Layout:
    at = Layout(tmp_path)
    make_clips(at)
    return at


def timeline_of(at: Layout, clip_id: str = TALK) -> Timeline:
    found = draw_timeline(ClipResults(SET, at).of(clip_id))
    assert found is not None
    return found


def bars(row: Row) -> Bars:
    return [(bar.kind, bar.x, bar.width) for bar in row.bars]


def unused(at: Layout, clip_id: str = TALK) -> dict[str, list[tuple[float, float]]]:
    return {row.label: [(bar.x, bar.width) for bar in row.bars] for row in timeline_of(at, clip_id).unused}


def test_bars_stand_where_shots_tracks_turns_and_parts_of_segments_are(at: Layout) -> None:
    timeline = timeline_of(at)
    # 20 s: 1 s is 5 %.
    assert [(row.label, row.numbers, row.is_main, bars(row)) for row in timeline.rows] == [
        ("shots", "", False, [("shot odd", 0.0, 50.0), ("shot even", 50.0, 50.0)]),
        (
            "s00",
            "seen 14.9 s, speaks 8.0 s",
            True,
            [("track", 0.0, 49.8), ("track", 75.0, 24.8), ("turn", 0.0, 20.0), ("turn", 75.0, 20.0)],
        ),
        ("1 segment of s00", "", False, [("joined", 0.0, 85.0), ("segment", 0.0, 20.0), ("segment", 75.0, 10.0)]),
        ("s01", "seen 1.2 s, speaks 4.0 s", False, [("track", 50.0, 24.8), ("turn", 50.0, 20.0)]),
    ]
    assert timeline.numbers == "20.0 s, 2 shots, 2 subjects; used: 6.0 s (30 %)"
    assert [(tick.x, tick.text) for tick in timeline.ticks] == [
        (0.0, "0 s"),
        (25.0, "5 s"),
        (50.0, "10 s"),
        (75.0, "15 s"),
        (100.0, "20 s"),
    ]


def test_a_bar_says_its_numbers(at: Layout) -> None:
    titles = [bar.title for row in timeline_of(at).rows[1:3] for bar in row.bars]
    assert titles[0] == "s00 seen, track t00: 0.00 to 9.96 s (9.96 s), z-score of mouth and sound 3.5"
    assert titles[2] == "s00 speaks: 0.00 to 4.00 s (4.00 s), log odds 2.5"
    assert titles[4] == (
        "segment: 0.00 to 17.00 s (17.00 s); voice for 5.50 s, log odds 2.5, joined of 2 turns with 11.00 s between"
    )


def test_faces_are_marked_in_the_row_of_their_subject(at: Layout) -> None:
    marks = [(row.label, mark.x, mark.is_standard, mark.title) for row in timeline_of(at).rows for mark in row.marks]
    assert marks == [
        ("s00", 5.0, True, "s00 at 1.00 s: standard face, candidate"),
        ("s00", 80.0, False, "s00 at 16.00 s: no standard face (lips open), drawn at random"),
    ]


def test_each_moment_without_a_segment_has_one_reason(at: Layout) -> None:
    """A track's last frame is shown up to the cut, so there is no time without a face."""
    assert unused(at) == {
        "nobody seen speaks": [(20.0, 30.0), (70.0, 5.0), (95.0, 5.0)],
        "a subject not taken speaks": [(50.0, 20.0)],
        "too short for a segment": [(85.0, 10.0)],
    }


def test_time_of_a_shot_without_a_track_has_no_face(at: Layout) -> None:
    write_shots(at, {TALK: [*SHOTS_S, (20.0, 40.0)]})
    assert unused(at)["no face seen"] == [(50.0, 50.0)]


def test_a_dropped_piece_gives_its_reason_up_to_the_next_segment(at: Layout) -> None:
    write_audio_ledger(
        at, {TALK: None, joined_of(TALK): None, f"{TALK}-a00017000": Dropped.filtered("no_speech", "0.02 of it")}
    )
    assert unused(at)["too little voice"] == [(85.0, 10.0)]
    assert "too short for a segment" not in unused(at)


def test_a_dropped_piece_goes_on_in_the_next_turn_whatever_others_say_between(at: Layout) -> None:
    write_joined(at, [])
    too_little = Dropped.filtered("no_speech", "0.02 of it")
    write_audio_ledger(at, {TALK: None, f"{TALK}-a00002000": too_little, f"{TALK}-a00012000": too_little})
    assert unused(at)["too little voice"] == [(10.0, 10.0), (75.0, 20.0)]
    assert unused(at)["a subject not taken speaks"] == [(50.0, 20.0)]


def test_a_clip_without_segments_gives_the_reason_of_its_sound(at: Layout) -> None:
    write_joined(at, [])
    write_audio_ledger(at, {TALK: Dropped.filtered("no_audio", "the media has no sound")})
    assert unused(at)["the clip has no sound"] == [(0.0, 20.0), (75.0, 20.0)]
    at.ledger("audio", SET).unlink()
    assert unused(at)["the stage audio has not run"] == [(0.0, 20.0), (75.0, 20.0)]


@pytest.mark.parametrize(
    ("segment_end", "person_end", "why"),
    [
        (Dropped.filtered("other_voice", "log odds -0.1"), None, "log odds or z-score under the limit"),
        (None, Dropped.filtered("no_standard_face", "none of 2"), "its person has no standard face"),
        (None, None, "its person has enough segments"),
    ],
)
def test_a_segment_that_the_dataset_has_not_gives_its_reason(
    at: Layout, segment_end: Dropped | None, person_end: Dropped | None, why: str
) -> None:
    write_manifest(at.dataset("audio"), DatasetSegment, [])
    person = SubjectPerson(subject_id=f"{TALK}-s00", clip_id=TALK, dataset=SET, person_id="ana", split="train")
    write_manifest(at.subject_persons, SubjectPerson, [person])
    write_ledger(at, "dataset", None, [(joined_of(TALK), segment_end), (f"{SET}/ana", person_end)])
    assert unused(at)[why] == [(0.0, 20.0), (75.0, 10.0)]
    segments = timeline_of(at).rows[2]
    assert [kind for kind, _, _ in bars(segments)] == ["joined", "segment left-out", "segment left-out"]
    assert segments.bars[0].title.endswith(f"; not in the dataset: {why}")


def test_a_segment_in_the_dataset_is_used(at: Layout) -> None:
    row = DatasetSegment(
        segment_id=joined_of(TALK),
        dataset=SET,
        person_id="ana",
        split="train",
        clip_id=TALK,
        voiced_s=5.5,
        n_valid_frames=1,
        face_seen_share=1.0,
        av_covered_s=1.0,
        av_zscore=None,
        turn_log_odds=2.5,
        overlap_share=None,
        music_share=None,
        shard="shard",
    )
    write_manifest(at.dataset("audio"), DatasetSegment, [row])
    assert timeline_of(at).numbers.endswith("used: 6.0 s (30 %)")


def test_a_clip_of_a_longer_name_is_another_clip(at: Layout) -> None:
    alone = timeline_of(at)
    make_clips(at, [TALK, f"{TALK}-2"])
    assert timeline_of(at) == alone


def test_a_clip_of_one_shot_and_one_subject_has_a_simple_picture(at: Layout) -> None:
    clip_id = f"{SET}/alone"
    write_shots(at, {clip_id: [(0.0, 20.0)]})
    write_subjects(at, {clip_id: 1})
    write_manifest(at.turns(SET), Turn, [a_turn(clip_id, 0, 0.0, 20.0, None)])
    timeline = timeline_of(at, clip_id)
    assert [(row.label, row.numbers) for row in timeline.rows] == [
        ("shots", ""),
        ("s00", "seen 14.9 s, all sound its own"),
    ]
    assert timeline.rows[1].bars[0].title == "all sound taken as that of s00: 0.00 to 20.00 s (20.00 s)"


def test_of_a_long_clip_the_part_with_the_most_speech_is_shown() -> None:
    assert shown_part((0.0, 180.0), []) == (0.0, 180.0)
    assert shown_part((0.0, 181.0), []) == (0.0, 180.0)
    assert shown_part((0.0, 600.0), [(300.0, 310.0), (400.0, 450.0)]) == (270.0, 450.0)
    assert shown_part((0.0, 600.0), [(595.0, 600.0)]) == (420.0, 600.0)
    assert shown_part((0.0, 610.0), [(605.0, 610.0)]) == (450.0, 610.0)


def test_a_long_clip_says_which_part_is_shown_and_counts_all_of_it(at: Layout) -> None:
    write_shots(at, {TALK: [*SHOTS_S, (20.0, 400.0)]})
    timeline = timeline_of(at)
    assert timeline.numbers == "400.0 s, 3 shots, 2 subjects; used: 6.0 s (2 %); 0 to 180 s are shown"
    first = timeline.unused[0]
    assert (first.label, first.numbers) == ("no face seen", "380.0 s")
    assert first.bars[0].width == pytest.approx(100 * 160 / 180, abs=0.01)


def test_at_most_eight_subjects_are_shown_the_main_one_first(at: Layout) -> None:
    write_subjects(at, {TALK: 12})
    timeline = timeline_of(at)
    assert [row.label for row in timeline.rows if row.kind == "subject"] == [f"s{number:02}" for number in range(8)]
    assert timeline.numbers.endswith("8 of the subjects are shown")


def test_at_most_400_bars_are_drawn_in_a_row(at: Layout) -> None:
    write_shots(at, {TALK: [(second / 10, second / 10 + 0.1) for second in range(1000)]})
    assert len(timeline_of(at).rows[0].bars) == 400


@pytest.mark.parametrize(
    ("shown_s", "expected"),
    [
        ((0.0, 0.5), [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        ((0.0, 6.4), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ((61.0, 122.5), [70.0, 80.0, 90.0, 100.0, 110.0, 120.0]),
        ((0.0, 180.0), [0.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0]),
    ],
)
def test_the_axis_has_a_few_round_times(shown_s: tuple[float, float], expected: list[float]) -> None:
    assert tick_times(shown_s) == expected


def test_a_clip_without_shots_has_no_timeline(at: Layout) -> None:
    assert draw_timeline(ClipResults(SET, at).of(f"{SET}/nothing")) is None


def test_clips_of_several_shots_and_subjects_come_first(at: Layout) -> None:
    alone = [f"{SET}/alone-{number}" for number in range(20)]
    cut, shared = f"{SET}/cut", f"{SET}/shared"
    write_shots(at, {TALK: SHOTS_S, cut: SHOTS_S, **dict.fromkeys([shared, *alone], ((0.0, 20.0),))})
    write_subjects(at, {TALK: 2, shared: 2, **dict.fromkeys([cut, *alone], 1)})
    assert choose_clips(at, SET, 1) == [TALK]
    assert choose_clips(at, SET, 3) == [cut, shared, TALK]
    chosen = choose_clips(at, SET, 6)
    assert len(chosen) == 6 and {cut, shared, TALK} < set(chosen) == set(choose_clips(at, SET, 6))


def test_at_most_six_clips_are_shown_of_all_datasets_together(at: Layout) -> None:
    make_clips(at, [f"{SET}/clip-{number}" for number in range(9)])
    names = [f"set-{number}" for number in range(8)]
    for name in names:
        for path in (at.shots, at.subjects):
            path(name).parent.mkdir(parents=True, exist_ok=True)
            path(name).write_bytes(path(SET).read_bytes())
    for datasets in ([SET], [SET, names[0]], names):
        found = read_timelines(at, datasets)
        assert found is not None
        assert len(found) == 6


def test_before_subjects_are_linked_there_is_no_timeline(at: Layout) -> None:
    at.subjects(SET).unlink()
    assert read_timelines(at, [SET]) is None
