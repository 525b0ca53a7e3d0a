"""Clips of one name that show two persons become parts of that name."""

from pipeline.identity.persons.overrides import Override
from tests.identity.persons.decided import decide_shown, one_of, whole


def test_two_faces_of_one_name_become_two_persons_most_clips_keep_the_name() -> None:
    found, persons = decide_shown({("Ana", n): p for n, p in (("1", 2), ("2", 2), ("3", 1), ("4", 1), ("5", 1))})
    assert {persons[n] for n in "345"} == {"ana"}
    assert persons["1"] == persons["2"] == "ana~" + persons["1"].removeprefix("ana~") != "ana"
    row = one_of(found)
    assert (row.kind, row.subject_id, row.n_subjects, row.n_other_subjects) == (
        "two_persons_one_name",
        "set/1-s00",
        2,
        3,
    )
    assert row.score < row.threshold == 0.3


def test_a_new_clip_does_not_rename_a_part() -> None:
    first = {("Ana", n): p for n, p in (("1", 2), ("2", 2), ("3", 1), ("4", 1), ("5", 1))}
    _, before = decide_shown(first)
    _, after = decide_shown({**first, ("Ana", "6"): 1, ("Ana", "7"): 2, ("Ben", "0"): 3})
    assert {n: after[n] for n in before} == before
    assert (after["6"], after["7"]) == ("ana", before["1"])


def test_a_name_that_two_persons_share_is_split_and_each_part_is_merged_with_its_other_name() -> None:
    shown = {("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 2, ("Ana", "4"): 2, ("Ben", "5"): 1, ("Cem", "6"): 2}
    found, persons = decide_shown(shown)
    assert persons == {"1": "ana", "2": "ana", "5": "ana", "3": "cem", "4": "cem", "6": "cem"}
    assert sorted(one.decision for one in found.evidence) == ["merged", "merged", "separated"]


def test_clips_that_are_one_person_by_override_stay_together_whatever_they_show() -> None:
    overrides = {whole("Ana"): Override("Ana", "make-up")}
    found, persons = decide_shown({("Ana", n): int(n) // 2 for n in ("0", "1", "2", "3", "4")}, overrides)
    assert set(persons.values()) == {"ana"}
    assert {one.decision for one in found.evidence} == {"overridden"}
    assert found.dropped == []
