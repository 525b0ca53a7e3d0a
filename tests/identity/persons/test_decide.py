"""The person of every clip: by its name, its face and overrides, in any order of the clips."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.records.evidence import SubjectEmbedding
from pipeline.core.records.subject import clip_of, main_subject_id
from pipeline.identity.persons.decide import decide
from pipeline.identity.persons.embeddings import face_embeddings
from pipeline.identity.persons.identities import main_subjects
from pipeline.identity.persons.overrides import Override
from pipeline.identity.persons.persons import splits_of, subject_persons_of
from pipeline.identity.persons.published import published_identities
from tests.identity.clips import clip
from tests.identity.persons.decided import (
    NONE,
    ON_BOTH_SIDES,
    PARAMS,
    decide_clips,
    decide_shown,
    faces_of,
    summary,
    whole,
)


def test_a_clip_without_a_face_goes_where_its_name_goes() -> None:
    _, persons = decide_shown({("Zoe", "1"): 1, ("Zoe", "4"): None, ("Ana", "2"): 1, ("Cem", "5"): None})
    assert persons == {"1": "ana", "4": "ana", "2": "ana", "5": "cem"}


def test_an_outlier_is_dropped() -> None:
    found, persons = decide_shown({("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 7})
    assert persons == {"1": "ana", "2": "ana"}
    ((clip_id, end),) = found.dropped
    assert (clip_id, end.status, end.reason) == ("set/3-s00", "filtered", "outlier")
    assert summary(found) == [("outlier", "set/3-s00", "dropped", "evidence")]


def test_a_single_clip_of_somebody_elses_face_goes_to_them() -> None:
    found, persons = decide_shown({("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 7, ("Ben", "4"): 7})
    assert persons == {"1": "ana", "2": "ana", "3": "ben", "4": "ben"}
    assert found.dropped == []


def test_of_one_clip_against_one_neither_is_dropped() -> None:
    found, persons = decide_shown({("Ana", "1"): 1, ("Ana", "2"): 2})
    assert persons["1"] == "ana"
    assert persons["2"].startswith("ana~")
    assert found.dropped == []


def test_a_clip_that_an_override_gives_to_somebody_is_theirs_against_its_face() -> None:
    overrides = {("set", "Ana", "3"): Override("Ben", "seen")}
    found, persons = decide_shown({("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 1, ("Ben", "4"): 2}, overrides)
    assert persons == {"1": "ana", "2": "ana", "3": "ben", "4": "ben"}
    assert found.kept_apart == {frozenset(("ana", "ben"))}


def test_an_override_keeps_a_clip_that_would_be_dropped() -> None:
    overrides = {("set", "Ana", "3"): Override("Ana", "with a mask")}
    found, persons = decide_shown({("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 7}, overrides)
    assert persons == {"1": "ana", "2": "ana", "3": "ana"}
    assert (found.dropped, found.kept_apart) == ([], set())


def test_without_faces_names_decide() -> None:
    found, persons = decide_shown({("Ana", "1"): None, ("Ben", "2"): None})
    assert persons == {"1": "ana", "2": "ben"}
    assert (found.evidence, found.dropped, found.kept_apart) == ([], [], set())


def test_persons_who_may_be_one_share_a_split_by_however_many_between() -> None:
    shown = {("Ana", "1"): 1, ("Ben", "2"): 1, ("Cem", "3"): 1, ("Dan", "4"): 2}
    found, persons = decide_shown(shown, same_person_above=0.95, same_split_above=0.5)
    assert len(set(persons.values())) == 4
    assert found.same_split_as == {"ben": "ana", "cem": "ana"}
    published, _ = published_identities(main_subjects(clip("set", *one) for one in shown), NONE, PARAMS)
    person_of = [found.person_of[clip_of(one.subject_id)] for one in published]
    subject_persons = subject_persons_of(published, person_of, splits_of(person_of, found.same_split_as, PARAMS).of)
    assert len({one.split for one in list(subject_persons)[:3]}) == 1


@pytest.mark.parametrize("same_split_above", [None, 0.99])
def test_persons_who_have_the_name_of_one_video_in_its_parts_share_a_split(same_split_above: float | None) -> None:
    shown = {("Ana", f"talk-p00{number}"): person for number, person in enumerate((1, 1, 7, 7))}
    found, persons = decide_shown(shown | {("Ben", "b"): 3}, same_split_above=same_split_above)
    guest = persons["talk-p002"]
    assert persons == {"talk-p000": "ana", "talk-p001": "ana", "talk-p002": guest, "talk-p003": guest, "b": "ben"}
    assert guest.startswith("ana~") and found.same_split_as == {guest: "ana"}


def test_two_persons_by_override_share_no_split() -> None:
    overrides = {whole("Ana"): Override("Ana", "twin"), whole("Bea"): Override("Bea", "twin")}
    found, _ = decide_shown({("Ana", "1"): 1, ("Bea", "2"): 1}, overrides, same_split_above=0.4)
    assert found.same_split_as == {}


@given(seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_the_order_of_clips_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shown = {(f"n{rng.integers(6)}", f"{i:02}"): int(rng.integers(5)) for i in range(24)}
    clips = [clip("set", identity, name) for identity, name in shown]
    embeddings = faces_of({f"set/{name}": person for (_, name), person in shown.items()}, seed=seed)
    first, persons = decide_clips(clips, embeddings, NONE, PARAMS)
    order = rng.permutation(len(clips))
    again, same = decide_clips([clips[i] for i in order], [embeddings[i] for i in order[::-1]], NONE, PARAMS)
    assert same == persons
    assert again.evidence == first.evidence


@given(seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_more_persons_of_other_faces_move_nobody(seed: int) -> None:
    rng = np.random.default_rng(seed)
    old = {(f"n{rng.integers(6)}", f"a{i:02}"): int(rng.integers(5)) for i in range(20)}
    old |= {(name, name): 40 + place for place, name in enumerate(ON_BOTH_SIDES)}
    new = {(f"m{rng.integers(6)}", f"b{i:02}"): 50 + int(rng.integers(5)) for i in range(20)}
    sides = []
    for shown in (old, {**old, **new}):
        clips = [clip("set", identity, name) for identity, name in shown]
        embeddings = faces_of({f"set/{name}": person for (_, name), person in shown.items()}, seed=3)
        published, _ = published_identities(main_subjects(clips), NONE, PARAMS)
        found = decide(face_embeddings(published, embeddings, None), PARAMS)
        splits = splits_of(found.person_of, found.same_split_as, PARAMS)
        sides.append({one.subject_id: one for one in subject_persons_of(published, found.person_of, splits.of)})
    before, after = sides
    assert {subject_id: after[subject_id] for subject_id in before} == before


@pytest.mark.slow
def test_each_of_a_hundred_thousand_clips_is_given_its_person() -> None:
    rng = np.random.default_rng(0)
    n_persons, n_clips = 5_000, 20
    centres = rng.normal(size=(n_persons, 128)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    clips, embeddings = [], []
    for person in range(n_persons):
        for take in range(n_clips):
            one = clip("set", f"p{person // 2 if take < 5 else person}", f"{person}-{take}")
            vector = centres[person] + 0.06 * rng.standard_normal(128, dtype=np.float32)
            vector /= np.linalg.norm(vector)
            clips.append(one)
            embeddings.append(
                SubjectEmbedding(
                    subject_id=main_subject_id(one.clip_id),
                    clip_id=one.clip_id,
                    network="n",
                    n_faces=1,
                    spherical_variance=0.0,
                    embedding=vector,
                )
            )
    published, _ = published_identities(main_subjects(clips), NONE, PARAMS)
    decisions = decide(face_embeddings(published, embeddings, 1.0), PARAMS)
    truth = {one.clip_id: one.clip_id.partition("/")[2].partition("-")[0] for one in clips}
    found: dict[str, set[str]] = {}
    for one, person in zip(published, decisions.person_of, strict=True):
        found.setdefault(str(person), set()).add(truth[clip_of(one.subject_id)])
    assert max(map(len, found.values())) == 1
    assert len(found) == n_persons
