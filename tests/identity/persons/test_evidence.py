"""Each decision has its row: merged, split, dropped, or listed only."""

from unicodedata import normalize

import pytest

from pipeline.core.records.evidence import PersonEvidence
from pipeline.identity.persons.overrides import Override
from tests.identity.clips import clip
from tests.identity.persons.decided import NONE, PARAMS, decide_clips, decide_shown, one_of, summary, whole


@pytest.mark.parametrize(
    ("off", "shown", "kind"),
    [
        ("merge", {("Ana", "1"): 1, ("Ben", "2"): 1}, "same_person_two_names"),
        ("separate", {("Ana", n): p for n, p in (("1", 1), ("2", 1), ("3", 2), ("4", 2))}, "two_persons_one_name"),
        ("drop_outliers", {("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 7}, "outlier"),
    ],
)
def test_what_is_off_is_listed_and_changes_nothing(off: str, shown: dict[tuple[str, str], int], kind: str) -> None:
    found, persons = decide_shown(shown, **{off: False})
    assert persons == {name: identity.lower() for identity, name in shown}
    row = one_of(found)
    assert (row.kind, row.decision, row.decided_by) == (kind, "listed", "params")
    assert found.dropped == []


def test_without_splitting_an_outlier_is_still_dropped() -> None:
    found, persons = decide_shown({("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 7, ("Ben", "4"): 7}, separate=False)
    assert persons == {"1": "ana", "2": "ana", "4": "ben"}
    assert summary(found) == [("outlier", "set/3-s00", "dropped", "evidence")]


def test_two_spellings_of_one_name_are_listed_with_both_of_them() -> None:
    found, persons = decide_shown({("Peña", "1"): None, ("pena", "2"): None, ("pena", "3"): None, ("Ben", "4"): None})
    assert persons == {"1": "pena", "2": "pena", "3": "pena", "4": "ben"}
    assert found.evidence == [
        PersonEvidence(
            evidence_id="one_name_two_spellings:set/1-s00",
            kind="one_name_two_spellings",
            name="pena",
            identity="set/Peña",
            subject_id="set/1-s00",
            n_subjects=1,
            other_name="pena",
            other_identity="set/pena",
            other_subject_id="set/2-s00",
            n_other_subjects=2,
            score=None,
            threshold=None,
            decision="merged",
            decided_by="name",
            voice_score=None,
            is_doubtful=False,
        )
    ]


def test_each_spelling_has_a_row_across_datasets_and_one_spelling_in_two_encodings_none() -> None:
    clips = [
        clip("one", "Zoë Ó", "1"),
        clip("two", normalize("NFD", "Zoë Ó"), "2"),
        clip("two", "ZOE-O", "3"),
        clip("two", "zoe_o", "4"),
    ]
    found, _ = decide_clips(clips, [], NONE, PARAMS)
    assert [(one.identity, one.other_identity, one.n_other_subjects) for one in found.evidence] == [
        ("two/ZOE-O", "one/Zoë Ó", 2),
        ("two/zoe_o", "one/Zoë Ó", 2),
    ]


def test_the_faces_of_two_spellings_are_compared() -> None:
    found, persons = decide_shown({("Peña", "1"): 1, ("Peña", "2"): 1, ("pena", "3"): 1})
    assert set(persons.values()) == {"pena"}
    row = one_of(found)
    assert row.score == pytest.approx(0.8, abs=0.1)
    assert (row.identity, row.other_identity, row.decision, row.decided_by) == (
        "set/pena",
        "set/Peña",
        "merged",
        "name",
    )


@pytest.mark.parametrize(("n", "decision"), [(1, "dropped"), (2, "separated")])
def test_two_spellings_of_other_faces_are_as_the_faces_decided(n: int, decision: str) -> None:
    found, persons = decide_shown(
        {("Peña", "1"): 1, ("Peña", "2"): 1, ("Peña", "3"): 1} | {("pena", f"4{i}"): 7 for i in range(n)}
    )
    assert [persons.get(f"4{i}", "").startswith("pena~") for i in range(n)] == [n > 1] * n
    (row,) = (one for one in found.evidence if one.kind == "one_name_two_spellings")
    assert (row.identity, row.decision, row.decided_by) == ("set/pena", decision, "evidence")
    assert row.score == pytest.approx(0, abs=0.3)


def test_overrides_part_two_spellings() -> None:
    shown = {("Peña", "1"): None, ("pena", "2"): None}
    found, persons = decide_shown(shown, {whole("Peña"): Override("Peña the elder", "asked")})
    assert persons == {"1": "pena_the_elder", "2": "pena"}
    assert found.evidence == []


def test_identities_that_overrides_make_one_are_no_spellings() -> None:
    overrides = {whole("Obama1"): Override("Barack Obama", "asked"), whole("Obama2"): Override("barack-obama", "asked")}
    found, persons = decide_shown({("Obama1", "1"): None, ("Obama2", "2"): None}, overrides)
    assert persons == {"1": "barack_obama", "2": "barack_obama"}
    assert found.evidence == []
