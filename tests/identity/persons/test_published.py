"""Two spellings of one name are normalised to one name, those of two persons' names to two."""

import csv
import re
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.names import safe_name
from pipeline.identity.persons.published import normalised_name

_ESCAPE = re.compile(r"\\u([0-9a-f]{4})|\\U([0-9a-f]{8})")
# Of all kinds that are treated by themselves: letters and marks of scripts, digits, signs, what is not seen.
LETTERS = "aéßİΐςйёأشקכ\u05c1कि\u094d\u093cক\u09cbகொน้ำかは\u3099ガ가\u1100\u1161林\u0301\u0308\u200d\ufe0f12٣.-+–_ ’,~"


def _pairs() -> list[tuple[str, str, str, bool]]:
    """Return (script, name, other name, whether they are one person) of the list; escapes are decoded."""
    with Path(__file__).with_name("names.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [(row["script"], _decoded(row["name"]), _decoded(row["other"]), row["persons"] == "1") for row in rows]


def _decoded(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text)


PAIRS = _pairs()


def test_the_list_has_two_hundred_names_in_ten_scripts_and_pairs_of_both_kinds_in_each() -> None:
    scripts = {script for script, *_ in PAIRS}
    assert len(PAIRS) >= 100 and len(scripts) >= 10
    assert {(script, is_one) for script, *_, is_one in PAIRS} == {(one, kind) for one in scripts for kind in (0, 1)}


@pytest.mark.parametrize(("script", "name", "other", "is_one"), PAIRS, ids=lambda value: ascii(value))
def test_names_of_one_person_are_one_and_of_two_persons_two(script: str, name: str, other: str, is_one: bool) -> None:
    del script
    assert name != other
    for form in ("NFC", "NFD"):
        assert (normalised_name(normalize(form, name)) == normalised_name(other)) == is_one


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("A.J._Buckley", "aj_buckley"),
        ("aj-buckley", "aj_buckley"),
        ("AJ Buckley", "aj_buckley"),
        ("  Ünal,  Ana ", "unal_ana"),
        ("Conan O'Brien", "conan_obrien"),
        ("conan_o’brien", "conan_obrien"),
        ("Groß", "gross"),
        ("id10001", "id10001"),
        ("Obama1", "obama1"),
        ("王菲", "王菲"),
        ("???", "???"),
        ("कुमारी", "कुमारी"),
        ("かわは\u3099た", "かわばた"),
        ("김민수", "김민수"),
        ("S1.2", "s1.2"),
        ("v.1.2.", "v1.2"),
        ("a -5", "a_-5"),
        ("a-5", "a_5"),
        ("1..2", "1..2"),
        ("1. 2", "1_2"),
    ],
)
def test_a_name_is_normalised(identity: str, name: str) -> None:
    assert normalised_name(identity) == name


@given(st.text(min_size=1, max_size=12) | st.text(LETTERS, min_size=1, max_size=8))
def test_case_does_not_tell_names_apart_nor_does_normalising_twice(identity: str) -> None:
    name = normalised_name(identity)
    assert name != ""
    assert normalised_name(name) == name
    assert normalize("NFC", name) == name


@given(st.text(min_size=1, max_size=12) | st.text(LETTERS, min_size=1, max_size=8))
def test_one_name_in_either_form_of_unicode_is_one(identity: str) -> None:
    assert len({normalised_name(normalize(form, identity)) for form in ("NFC", "NFD")}) == 1


def test_two_persons_of_any_script_never_share_a_folder() -> None:
    names = {normalised_name(name) for _, *both, _ in PAIRS for name in both}
    assert len({safe_name(name).lower() for name in names}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_=][A-Za-z0-9_=-]*", safe_name(name)) for name in names)
