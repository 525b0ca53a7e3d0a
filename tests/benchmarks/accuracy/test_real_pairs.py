"""Pairs of real clips, judged by labels: whose voice a segment is, and which pairs are drawn."""

import pandas as pd

from benchmarks.accuracy.real_pairs import drawn_pairs, read_voices, report, voice_in


def test_a_segment_is_the_voice_of_a_person_but_for_three_tenths_of_a_second() -> None:
    labels = pd.DataFrame({"from_s": [0.0, 4.0], "to_s": [4.0, 9.0], "person": ["P01", ""]})
    assert voice_in(labels, [(1.0, 4.29)]) == "P01"
    assert voice_in(labels, [(1.0, 4.31)]) == ""


def test_the_parts_of_a_joined_segment_count_together() -> None:
    labels = pd.DataFrame({"from_s": [0.0, 6.0], "to_s": [2.0, 8.0], "person": ["P01", "P01"]})
    assert voice_in(labels, [(0.0, 2.1), (5.9, 8.0)]) == "P01"
    assert voice_in(labels, [(0.0, 2.2), (5.8, 8.0)]) == ""


def test_a_segment_of_an_unlisted_file_is_of_nobody() -> None:
    assert voice_in(pd.DataFrame({"from_s": [], "to_s": [], "person": []}), [(0.0, 6.0)]) == ""


def test_every_person_is_drawn_before_one_is_drawn_twice() -> None:
    pairs = pd.DataFrame({"pair_id": list("abcdefgh"), "person": ["P01"] * 6 + ["P02", "P03"]})
    assert sorted(drawn_pairs(pairs, 4).person) == ["P01", "P01", "P02", "P03"]


def test_every_file_of_the_labels_has_rows_that_do_not_overlap() -> None:
    for _, rows in read_voices().sort_values("from_s").groupby("file"):
        assert (rows.from_s < rows.to_s).all()
        assert (rows.from_s.to_numpy()[1:] >= rows.to_s.to_numpy()[:-1]).all()


def test_the_report_counts_what_has_no_label_apart() -> None:
    pairs = pd.DataFrame(
        {
            "pair_id": ["a", "b", "c"],
            "person": ["P01", "P02", "P02"],
            "is_labelled": [True, True, False],
            "lips": [True, False, True],
            "voice": [True, True, True],
            "split": [True, True, True],
        }
    ).assign(is_right=lambda table: table[["lips", "voice", "split"]].all(axis=1))
    lines = report(pairs, 150, 1800.0).splitlines()
    assert lines[0].endswith("; 1 are left out, as their face has no label")
    assert lines[1].startswith("drawn: 1 of 2 right, 50.0 %")
    assert lines[1].endswith("wrong: lips 1, voice 0, split 0")
    assert lines[-1] == "right pairs for an hour of this footage: 2"
