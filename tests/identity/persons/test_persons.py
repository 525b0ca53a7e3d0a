"""One name is one person, in one split everywhere, unless an override names another."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from types import MappingProxyType
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.base.draws import draw_unit
from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip
from pipeline.core.records.person import TEST, TRAIN, Person, SubjectPerson
from pipeline.export.names import folder_names
from pipeline.identity.persons.identities import main_subjects
from pipeline.identity.persons.overrides import WHOLE_IDENTITY, Override, Overrides, read_overrides
from pipeline.identity.persons.params import PersonsParams
from pipeline.identity.persons.persons import persons_of, split_of, splits_of, subject_persons_of
from pipeline.identity.persons.published import published_identities
from tests.identity.clips import clip
from tests.identity.persons.decided import ON_BOTH_SIDES, PARAMS, name_in


def find_persons(
    clips: Iterable[Clip], overrides: Overrides = MappingProxyType({}), params: PersonsParams = PARAMS
) -> tuple[list[Person], list[tuple[str, Dropped]]]:
    """By name and override alone, as without a face recognition network."""
    published, dropped = published_identities(main_subjects(clips), overrides, params)
    person_of = [one.name for one in published]
    subject_persons = subject_persons_of(published, person_of, splits_of(person_of, {}, params).of)
    return persons_of(published, subject_persons), dropped


def ids(persons: Sequence[Person]) -> dict[str, str]:
    return {person.dataset_identity: person.person_id for person in persons}


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
    old = {*old, *ON_BOTH_SIDES}
    before, _ = find_persons([clip("set", name, name) for name in sorted(old)])
    after, _ = find_persons([clip("set", name, name) for name in sorted(old | new)])
    assert [person for person in after if person.identity in old] == before


def test_one_person_is_on_one_side_in_all_datasets() -> None:
    clips = [
        clip(dataset, name.format(i), str(i))
        for i in range(50)
        for dataset, name in [("vox", "A._B{}"), ("id", "ab{}")]
    ]
    persons, dropped = find_persons(clips)
    sides: dict[str, set[str]] = {}
    for person in persons:
        sides.setdefault(person.person_id, set()).add(person.split)
    assert dropped == []
    assert ids(persons)["vox/A._B7"] == "a_b7"
    vox = {person.split for person in persons if person.dataset == "vox"}
    assert vox == {TRAIN, TEST}
    assert all(len(found) == 1 for found in sides.values())


def test_an_identity_becomes_a_person_with_its_number_of_clips() -> None:
    persons, dropped = find_persons([clip("set", "Ana Ünal", "1"), clip("set", "Ana Ünal", "2")])
    assert (persons, dropped) == (
        [
            Person(
                dataset_identity="set/Ana Ünal",
                dataset="set",
                identity="Ana Ünal",
                person_id="ana_unal",
                split=TRAIN,
                decided_by="name",
                n_clips=2,
            )
        ],
        [],
    )


def test_two_datasets_share_no_person_where_names_are_not_trusted() -> None:
    params = PARAMS.model_copy(update={"same_name_is_same_person": False})
    clips = [clip("one", "Ana"), clip("two", "Ana", "a"), clip("two", "Ben", "b")]
    overrides = {("two", "Ben", WHOLE_IDENTITY): Override("Ana", "seen")}
    persons, _ = find_persons(clips, overrides, params)
    assert ids(persons) == {"one/Ana": "one:ana", "two/Ana": "two:ana", "two/Ben": "ana"}


def test_overrides_merge_rename_and_leave_out() -> None:
    clips = [clip("set", name, name) for name in ("Obama1", "Obama2", "x17", "crowd", "Ben")]
    overrides = {
        ("set", "Obama1", WHOLE_IDENTITY): Override("Barack Obama", "digits"),
        ("set", "Obama2", WHOLE_IDENTITY): Override("barack-obama", "digits"),
        ("set", "x17", WHOLE_IDENTITY): Override("Ana", "asked"),
        ("set", "crowd", WHOLE_IDENTITY): Override("", "several people"),
        ("later", "Cem", WHOLE_IDENTITY): Override("Ana", "a dataset that is not listed now"),
    }
    persons, dropped = find_persons(clips, overrides)
    assert ids(persons) == {
        "set/Ben": "ben",
        "set/Obama1": "barack_obama",
        "set/Obama2": "barack_obama",
        "set/x17": "ana",
    }
    assert [person.decided_by for person in persons] == ["name", "override", "override", "override"]
    assert dropped == [("set/crowd-s00", Dropped.filtered("left_out_by_override", "several people"))]


def test_an_override_of_a_clip_goes_before_that_of_its_identity() -> None:
    clips = [clip("set", "Ana", name) for name in ("1", "2", "3", "4")]
    overrides = {
        ("set", "Ana", WHOLE_IDENTITY): Override("Ana Maria", "asked"),
        ("set", "Ana", "2"): Override("Ben", "her brother"),
        ("set", "Ana", "3"): Override("", "nobody"),
    }
    published, dropped = published_identities(main_subjects(clips), overrides, PARAMS)
    assert [(one.subject_id, one.name, one.is_overridden) for one in published] == [
        ("set/1-s00", "ana_maria", True),
        ("set/2-s00", "ben", True),
        ("set/4-s00", "ana_maria", True),
    ]
    assert dropped == [("set/3-s00", Dropped.filtered("left_out_by_override", "nobody"))]
    persons, _ = find_persons(clips, overrides)
    assert ids(persons) == {"set/Ana": "ana_maria", "set/Ana~ben": "ben"}
    assert [person.n_clips for person in persons] == [2, 1]


def test_an_override_of_what_is_not_there_is_refused() -> None:
    clips = [clip("set", "Ben", "1"), clip("set", "Ana", "2")]
    with pytest.raises(BadInput, match="dataset 'set' has no identity 'Bem'"):
        find_persons(clips, {("set", "Bem", WHOLE_IDENTITY): Override("Ana", "")})
    with pytest.raises(BadInput, match="identity 'Ben' of 'set' has no clip '2'"):
        find_persons(clips, {("set", "Ben", "2"): Override("Ana", "")})


def test_clips_without_a_person_have_no_subject_person() -> None:
    published, _ = published_identities(main_subjects([clip("set", "Ana", "1"), clip("set", "Ana", "2")]), {}, PARAMS)
    assert list(subject_persons_of(published, ["ana", None], {"ana": TEST})) == [
        SubjectPerson(subject_id="set/1-s00", clip_id="set/1", dataset="set", person_id="ana", split=TEST)
    ]


def test_parts_that_would_be_merged_again_are_refused() -> None:
    with pytest.raises(ValueError, match="'other_person_below' must not be larger than 'same_person_above'"):
        PersonsParams(**{**PARAMS.model_dump(), "other_person_below": 0.6})


@given(
    st.sets(st.tuples(st.sampled_from(["one", "two", "three"]), st.text("abcdef", min_size=1, max_size=3)), min_size=1)
)
def test_each_dataset_has_the_share_that_its_persons_hashes_give_it_and_no_other_dataset_changes_that(
    identities: set[tuple[str, str]],
) -> None:
    identities |= {(dataset, name) for dataset in ("one", "two", "three") for name in ON_BOTH_SIDES}
    clips = [clip(dataset, identity, identity) for dataset, identity in sorted(identities)]
    together, _ = find_persons(clips)
    for dataset in {dataset for dataset, _ in identities}:
        alone, _ = find_persons([one for one in clips if one.dataset == dataset])
        assert [person for person in together if person.dataset == dataset] == alone


def test_a_fifth_of_every_large_dataset_is_in_test_though_they_share_persons() -> None:
    clips = [clip(name, f"p{i}", f"p{i}") for name, ids in (("a", range(3000)), ("b", range(2000, 5000))) for i in ids]
    persons, _ = find_persons(clips)
    for dataset in ("a", "b"):
        sides = [person.split for person in persons if person.dataset == dataset]
        assert sides.count(TEST) / len(sides) == pytest.approx(0.2, abs=0.02)


def splits(
    persons: Iterable[str], same_split_as: Mapping[str, str] = MappingProxyType({})
) -> tuple[dict[str, str], str]:
    found = splits_of([*persons, None], same_split_as, PARAMS)
    return dict(found.of), found.note


@pytest.mark.parametrize("side", [TRAIN, TEST])
def test_one_person_is_in_train_whatever_the_hash(side: str) -> None:
    assert splits([name_in(side)]) == ({name_in(side): TRAIN}, "there is one person: nobody is in test")


def test_persons_who_may_be_one_are_in_train_together() -> None:
    names = [name_in(TEST, start) for start in "ab"]
    assert splits(names, {names[1]: names[0]}) == (
        dict.fromkeys(names, TRAIN),
        "all persons may be one, or are in one video: nobody is in test",
    )


@pytest.mark.parametrize("side", [TRAIN, TEST])
@pytest.mark.parametrize("n", [2, 3, 8])
def test_of_persons_all_on_one_side_by_hash_the_one_nearest_to_the_limit_is_moved(side: str, n: int) -> None:
    names = [name_in(side, f"{start}-") for start in "abcdefgh"[:n]]
    nearest = min(names, key=lambda name: abs(draw_unit(PARAMS.seed, name) - PARAMS.test_share))
    other = TEST if side == TRAIN else TRAIN
    expected = {name: other if name == nearest else side for name in names}
    note = f"the hash puts all {n} persons into {side}: '{nearest}', nearest to the limit, is in {other}"
    assert splits(names) == splits(reversed(names)) == (expected, note)
    assert splits([*names, name_in(other)]) == ({**dict.fromkeys(names, side), name_in(other): other}, "")


def test_a_person_is_moved_with_all_who_may_be_the_same() -> None:
    names = [name_in(TEST, start) for start in "abc"]
    found, note = splits(names, {names[2]: names[0]})
    assert found[names[0]] == found[names[2]] != found[names[1]]
    assert note.startswith("the hash puts all 3 persons into test: ")


def test_without_a_share_for_test_nobody_is_moved() -> None:
    found = splits_of(["ana", "ben"], {}, PARAMS.model_copy(update={"test_share": 0.0}))
    assert (found.of, found.note) == ({"ana": TRAIN, "ben": TRAIN}, "")


def test_an_override_finds_an_identity_however_it_is_encoded(tmp_path: Path) -> None:
    file = tmp_path / "persons.csv"
    for written, listed in product(("NFC", "NFD"), repeat=2):
        file.write_text(f"dataset,identity,person,why\nset,{normalize(written, 'Ünal')},Ana,asked\n", encoding="utf-8")
        persons, _ = find_persons([clip("set", normalize(listed, "Ünal"), "1")], read_overrides(file))
        assert ids(persons) == {"set/Ünal": "ana"}


def test_persons_whose_names_differ_in_marks_of_their_script_or_in_numbers_are_as_many_as_names() -> None:
    names = ["कुमार", "कुमारी", "かわばた", "かわはた", "S1.2", "S12", "1.0", "10"]
    persons, _ = find_persons(clip("set", name, str(place)) for place, name in enumerate(names))
    assert ids(persons) == {f"set/{name}": name.lower() for name in names}
    assert len(set(folder_names(person.person_id for person in persons).values())) == len(names)
