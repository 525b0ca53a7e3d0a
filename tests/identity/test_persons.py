"""One name is one person, everywhere on one side of the split, unless somebody says otherwise."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BadInput
from pipeline.identity.persons import (
    Override,
    PersonsParams,
    find_persons,
    normalised_name,
    owners_of,
    read_overrides,
    split_of,
)
from pipeline.outcome import Dropped
from pipeline.records.clip import Clip
from pipeline.records.person import TEST, TRAIN, ClipOwner, Person

PARAMS = PersonsParams(test_share=0.2, seed=1, same_name_is_same_person=True)
HEADER = "dataset,identity,person,why\n"


def clip(dataset: str, identity: str, name: str = "c") -> Clip:
    return Clip(
        clip_id=f"{dataset}/{name}",
        dataset=dataset,
        identity=identity,
        address="a.mp4",
        start_s=None,
        end_s=None,
        crop_x=None,
        crop_y=None,
        crop_w=None,
        crop_h=None,
        crop_height_px=None,
        licence="",
        origin="",
        content_hash="0",
    )


def ids(persons: Sequence[Person]) -> dict[str, str]:
    return {person.dataset_identity: person.person_id for person in persons}


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


def test_a_fifth_of_ten_thousand_names_is_in_test() -> None:
    sides = [split_of(f"person_{i}", 0.2, 1) for i in range(10_000)]
    assert 1_900 <= sides.count(TEST) <= 2_100
    assert sides.count(TEST) + sides.count(TRAIN) == 10_000


def test_no_share_puts_nobody_into_test() -> None:
    assert {split_of(f"person_{i}", 0.0, 1) for i in range(1_000)} == {TRAIN}


def test_a_larger_share_moves_people_to_test_only() -> None:
    names = [f"person_{i}" for i in range(1_000)]
    small, large = ({name for name in names if split_of(name, share, 1) == TEST} for share in (0.1, 0.3))
    assert small < large


@given(old=st.sets(st.text("abc", min_size=1), max_size=8), new=st.sets(st.text("xyz", min_size=1), max_size=8))
def test_more_people_move_nobody(old: set[str], new: set[str]) -> None:
    before, _ = find_persons([clip("set", name) for name in sorted(old)], {}, PARAMS)
    after, _ = find_persons([clip("set", name) for name in sorted(old | new)], {}, PARAMS)
    assert [person for person in after if person.identity in old] == before


def test_one_person_is_on_one_side_in_all_datasets() -> None:
    clips = [clip(dataset, name.format(i)) for i in range(50) for dataset, name in [("vox", "A._B{}"), ("id", "ab{}")]]
    persons, dropped = find_persons(clips, {}, PARAMS)
    sides: dict[str, set[str]] = {}
    for person in persons:
        sides.setdefault(person.person_id, set()).add(person.split)
    assert dropped == []
    assert ids(persons)["vox/A._B7"] == "a_b7"
    vox = {person.split for person in persons if person.dataset == "vox"}
    assert vox == {TRAIN, TEST}
    assert all(len(found) == 1 for found in sides.values())


def test_an_identity_becomes_a_person_with_its_number_of_clips() -> None:
    persons, dropped = find_persons([clip("set", "Ana Ünal", "1"), clip("set", "Ana Ünal", "2")], {}, PARAMS)
    assert (persons, dropped) == (
        [
            Person(
                dataset_identity="set/Ana Ünal",
                dataset="set",
                identity="Ana Ünal",
                person_id="ana_unal",
                split=split_of("ana_unal", 0.2, 1),
                decided_by="name",
                n_clips=2,
            )
        ],
        [],
    )


def test_two_datasets_share_no_person_where_names_are_not_trusted() -> None:
    params = PARAMS.model_copy(update={"same_name_is_same_person": False})
    clips = [clip("one", "Ana"), clip("two", "Ana"), clip("two", "Ben")]
    overrides = {("two", "Ben"): Override("Ana", "seen")}
    persons, _ = find_persons(clips, overrides, params)
    assert ids(persons) == {"one/Ana": "one:ana", "two/Ana": "two:ana", "two/Ben": "ana"}


def test_overrides_merge_rename_and_leave_out() -> None:
    clips = [clip("set", name, name) for name in ("Obama1", "Obama2", "x17", "crowd", "Ben")]
    overrides = {
        ("set", "Obama1"): Override("Barack Obama", "digits"),
        ("set", "Obama2"): Override("barack-obama", "digits"),
        ("set", "x17"): Override("Ana", "asked"),
        ("set", "crowd"): Override("", "several people"),
        ("later", "Cem"): Override("Ana", "a dataset that is not listed now"),
    }
    persons, dropped = find_persons(clips, overrides, PARAMS)
    assert ids(persons) == {
        "set/Ben": "ben",
        "set/Obama1": "barack_obama",
        "set/Obama2": "barack_obama",
        "set/x17": "ana",
    }
    assert [person.decided_by for person in persons] == ["name", "override", "override", "override"]
    assert dropped == [("set/crowd", Dropped.filtered("left_out_by_override", "several people"))]


def test_an_override_of_an_identity_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadInput, match="dataset 'set' has no identity 'Bem'"):
        find_persons([clip("set", "Ben")], {("set", "Bem"): Override("Ana", "")}, PARAMS)


def test_clips_belong_to_persons_and_those_of_nobody_are_left_out() -> None:
    clips = [clip("set", "Ana", "1"), clip("set", "crowd", "2")]
    persons, _ = find_persons(clips, {("set", "crowd"): Override("", "")}, PARAMS)
    assert owners_of(clips, persons) == [
        ClipOwner(clip_id="set/1", dataset="set", person_id="ana", split=split_of("ana", 0.2, 1))
    ]


def overrides_from(tmp_path: Path, content: str | bytes) -> dict[tuple[str, str], Override]:
    path = tmp_path / "persons.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_overrides(path)


def test_without_a_file_nothing_is_overridden(tmp_path: Path) -> None:
    assert read_overrides(tmp_path / "persons.csv") == {}


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_file_of_overrides_is_read(tmp_path: Path, start: str) -> None:
    text = f'{start}{HEADER}set,"Ünal, Ana", Ana ,same voice\n\nset,crowd,,\n'
    assert overrides_from(tmp_path, text) == {
        ("set", "Ünal, Ana"): Override("Ana", "same voice"),
        ("set", "crowd"): Override("", ""),
    }


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "line 1: expected the columns dataset, identity, person, why, found []"),
        ("dataset,identity,person\n", "line 1: expected the columns dataset, identity, person, why, found"),
        (f"{HEADER}set,Ana\n", "line 2: expected 4 values, found 2"),
        (f"{HEADER}set,Ana,,\nset,Ünal, Ana,Ana,comma\n", "line 3: expected 4 values, found 5"),
        (f"{HEADER}set,Ana,x,\nset,Ben,,\nset,Ana,y,\n", "line 4: 'Ana' of 'set' is decided twice"),
        (f'{HEADER}set,"Ana"x,,\n', "line 2: expected CSV in UTF-8"),
        (f"{HEADER}set,Ünal,,\n".encode("latin1"), "expected CSV in UTF-8"),
    ],
)
def test_a_line_that_is_not_right_is_named(tmp_path: Path, content: str | bytes, told: str) -> None:
    with pytest.raises(BadInput, match=re.escape(f"{tmp_path / 'persons.csv'}: ") + ".*" + re.escape(told)):
        overrides_from(tmp_path, content)
