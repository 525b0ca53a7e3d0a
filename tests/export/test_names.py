"""A name is safe on every disk and in every archive, and no two ids share one."""

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pipeline.core.base.errors import BadInput
from pipeline.export.names import MAX_NAME_LENGTH, folder_names, safe_name

_TEXTS = st.text(max_size=40) | st.text("./\\ab=-", max_size=12) | st.text("aA=", min_size=60, max_size=100)


@given(_TEXTS)
@example("")
@example(".")
@example("..")
@example("-rf")
@example("\ud800")
def test_a_name_has_nothing_that_could_become_a_path_an_ending_or_an_option(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_=][A-Za-z0-9_=-]*", safe_name(text))
    assert len(safe_name(text)) <= MAX_NAME_LENGTH


@given(_TEXTS, _TEXTS)
@example("a/b", "a=2Fb")
@example("", "=")
@example("con", "=63on")
@example("a" * 81, "a" * 62 + "=x" + "0" * 16)
def test_two_texts_never_share_a_name(one: str, other: str) -> None:
    assume(one != other)
    assert safe_name(one) != safe_name(other)


@given(_TEXTS)
def test_no_name_is_taken_for_a_name_and_changed_back(text: str) -> None:
    assert (safe_name(text) == text) == bool(
        re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}", text)
        and not re.fullmatch(r"con|prn|aux|nul|com[0-9]|lpt[0-9]", text.lower())
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ana_b-1", "ana_b-1"),
        ("one/c.1-t00+a", "one=2Fc=2E1-t00=2Ba"),
        ("..", "=2E=2E"),
        ("", "="),
        ("-a-b", "=2Da-b"),
        ("é", "=C3=A9"),
        ("CON", "=43ON"),
        ("lpt1", "=6Cpt1"),
        ("console", "console"),
        ("a" * 80, "a" * 80),
        ("a" * 81, "a" * 62 + "=x8c48280d57fb88f1"),
    ],
)
def test_names_by_example(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_folders_that_differ_in_case_only_are_refused_and_both_are_named() -> None:
    with pytest.raises(BadInput, match=r"^'Ana' and 'ana' would share a folder"):
        folder_names(["ben", "ana", "Ana"])


def test_one_person_twice_has_one_folder() -> None:
    assert folder_names(["b.c", "ana", "ana"]) == {"ana": "ana", "b.c": "b=2Ec"}
