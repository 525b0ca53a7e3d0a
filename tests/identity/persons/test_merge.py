"""Parts of two names that show one person become one person, unless an override names both."""

from pipeline.identity.persons.overrides import Override
from tests.identity.persons.decided import decide_shown, one_of, summary, whole


def test_two_names_of_one_face_become_the_first_of_them() -> None:
    found, persons = decide_shown({("Zoe", "1"): 1, ("Ana", "2"): 1, ("Ben", "3"): 2})
    assert persons == {"1": "ana", "2": "ana", "3": "ben"}
    row = one_of(found)
    assert (row.kind, row.decision, row.decided_by) == ("same_person_two_names", "merged", "evidence")
    assert (row.name, row.identity, row.subject_id, row.n_subjects) == ("ana", "set/Ana", "set/2-s00", 1)
    assert (row.other_name, row.other_identity, row.other_subject_id) == ("zoe", "set/Zoe", "set/1-s00")
    assert row.threshold == 0.5 <= row.score <= 1


def test_a_name_by_override_is_that_of_all_who_are_merged() -> None:
    overrides = {whole("Zoe"): Override("Zoe Z", "asked")}
    _, persons = decide_shown({("Zoe", "1"): 1, ("Ana", "2"): 1}, overrides)
    assert persons == {"1": "zoe_z", "2": "zoe_z"}


def test_two_persons_by_override_are_kept_apart_and_listed() -> None:
    overrides = {whole("Ana"): Override("Ana", "twin"), whole("Bea"): Override("Bea", "twin")}
    found, persons = decide_shown({("Ana", "1"): 1, ("Bea", "2"): 1, ("Cem", "3"): 1}, overrides)
    assert persons["1"] == "ana"
    assert persons["2"] == "bea"
    assert persons["3"] in ("ana", "bea")
    assert found.kept_apart == {frozenset(("ana", "bea"))}
    assert ("same_person_two_names", "set/1-s00", "overridden", "override") in summary(found)


def test_an_identity_from_which_an_override_takes_a_clip_is_not_merged_with_whom_it_goes_to() -> None:
    overrides = {("set", "Ana", "3"): Override("Ben", "seen")}
    _, persons = decide_shown({("Ana", "1"): 1, ("Ana", "3"): 1, ("Ben", "4"): 1}, overrides)
    assert persons == {"1": "ana", "3": "ben", "4": "ben"}
