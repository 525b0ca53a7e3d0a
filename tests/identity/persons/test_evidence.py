"""Each decision has its row: merged, split, dropped, or listed only."""

import pytest

from tests.identity.persons.decided import decide_shown, one_of, summary


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
