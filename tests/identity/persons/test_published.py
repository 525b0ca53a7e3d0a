"""Two spellings of one name are normalised to one name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.identity.persons.published import normalised_name


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
    ],
)
def test_a_name_is_normalised(identity: str, name: str) -> None:
    assert normalised_name(identity) == name


@given(st.text(min_size=1, max_size=12))
def test_case_does_not_tell_names_apart_nor_does_normalising_twice(identity: str) -> None:
    name = normalised_name(identity)
    assert name != ""
    assert normalised_name(name) == name
