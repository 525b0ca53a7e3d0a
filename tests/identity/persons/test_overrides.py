"""The table of overrides is read, or its wrong line is named."""

import re
from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.identity.persons.identities import main_subjects
from pipeline.identity.persons.overrides import Override, OverridesCheck, overrides_of, read_overrides
from tests.identity.clips import clip

HEADER = "dataset,identity,person,why\n"
CLIP_HEADER = "dataset,identity,person,why,clip\n"


def overrides_from(tmp_path: Path, content: str | bytes) -> dict[tuple[str, str, str], Override]:
    path = tmp_path / "persons.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_overrides(path)


def test_without_a_file_nothing_is_overridden(tmp_path: Path) -> None:
    assert read_overrides(tmp_path / "persons.csv") == {}


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_file_of_overrides_is_read(tmp_path: Path, start: str) -> None:
    text = f'{start}{HEADER}set,"Ünal, Ana", Ana ,same voice\n\nset,crowd,,\n'
    assert overrides_from(tmp_path, text) == {
        ("set", "Ünal, Ana", ""): Override("Ana", "same voice"),
        ("set", "crowd", ""): Override("", ""),
    }


def test_a_row_may_name_a_clip_with_or_without_its_dataset(tmp_path: Path) -> None:
    text = f"{CLIP_HEADER}set,Ana,Ben,her brother,set/2\nset,Ana,,nobody,3\nset,Ana,Ana Maria,,\n"
    assert overrides_from(tmp_path, text) == {
        ("set", "Ana", "2"): Override("Ben", "her brother"),
        ("set", "Ana", "3"): Override("", "nobody"),
        ("set", "Ana", ""): Override("Ana Maria", ""),
    }


def test_an_override_of_a_clip_is_returned_beside_that_of_its_identity() -> None:
    overrides = {("set", "Ana", ""): Override("a", ""), ("set", "Ana", "2"): Override("b", "")}
    subjects = main_subjects(clip("set", *which) for which in (("Ana", "1"), ("Ana", "2"), ("Ben", "2")))
    found = [overrides_of(one, overrides) for one in subjects]
    assert found == [(Override("a", ""), None), (Override("a", ""), Override("b", "")), (None, None)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: expected the columns dataset, identity, person, why and perhaps clip, found []"),
        ("dataset,identity,person\n", "line 1: expected the columns dataset, identity, person, why and perhaps clip"),
        (f"{HEADER}set,Ana\n", "line 2: expected 4 values, found 2"),
        (f"{CLIP_HEADER}set,Ana,x,\n", "line 2: expected 5 values, found 4"),
        (f"{HEADER}set,Ana,,\nset,Ünal, Ana,Ana,comma\n", "line 3: expected 4 values, found 5"),
        (f"{HEADER}set,Ana,x,\nset,Ben,,\nset,Ana,y,\n", "line 4: 'Ana' of 'set' is decided twice"),
        (f"{CLIP_HEADER}set,Ana,x,,2\nset,Ana,,,set/2\n", "line 3: clip '2' of 'set' is decided twice"),
        (f'{HEADER}set,"Ana"x,,\n', "line 2: expected CSV in UTF-8"),
        (f"{HEADER}set,Ünal,,\n".encode("latin1"), "expected CSV in UTF-8"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(BadInput, match=re.escape(f"{tmp_path / 'persons.csv'}: ") + ".*" + re.escape(message)):
        overrides_from(tmp_path, content)


def test_an_override_of_a_clip_is_one_of_all_its_parts_but_those_with_one_of_their_own(tmp_path: Path) -> None:
    names = ("talk-p000", "talk-p001", "talk-2")
    subjects = list(main_subjects(clip("set", "Ana", name) for name in names))
    overrides = overrides_from(tmp_path, f"{CLIP_HEADER}set,Ana,Ben,,talk\nset,Ana,Cem,,talk-p001\n")
    check = OverridesCheck(overrides)
    for subject in subjects:
        check.see(subject)
    check.finish()
    of_clips = [overrides_of(subject, overrides)[1] for subject in subjects]
    assert [one and one.person for one in of_clips] == ["Ben", "Cem", None]
