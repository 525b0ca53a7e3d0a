"""The audit finds a leak of each kind, and counts what it could not check."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from pipeline.core.records.person import TEST, TRAIN, SubjectPerson
from pipeline.core.records.subject import main_subject_id
from pipeline.core.storage.vectors import StoredVectors, Vectors
from pipeline.identity.persons.embeddings import FaceEmbeddings
from pipeline.identity.persons.leakage import Audit, audit_leakage, source_video
from pipeline.identity.persons.published import PublishedIdentity
from pipeline.identity.persons.rows import TableRows

E1, E2 = np.eye(2)
SIDES = {"ana": TRAIN, "ben": TRAIN, "cem": TEST}


def subject_person(clip: str, person: str, split: str = "") -> SubjectPerson:
    return SubjectPerson(
        subject_id=f"set/{clip}-s00",
        clip_id=f"set/{clip}",
        dataset="set",
        person_id=person,
        split=split or SIDES[person],
    )


SUBJECT_PERSONS = [
    subject_person("1", "ana"),
    subject_person("2", "ben"),
    subject_person("3", "cem"),
    subject_person("4", "cem"),
]
ADDRESSES = {f"set/{i}": f"https://youtu.be/aaaaaaaaaa{i}" for i in "1234"}
CONTENTS = {f"set/{i}": i * 64 for i in "1234"}
EMBEDDINGS: dict[str, Vectors] = {"set/1": E1, "set/2": -E1, "set/3": E2, "set/4": E2}


def of_clips(subject_persons: Sequence[SubjectPerson], values: Mapping[str, str]) -> list[str | None]:
    return [values.get(one.clip_id) for one in subject_persons]


def stored(embeddings: Mapping[str, Vectors]) -> FaceEmbeddings:
    published = [
        PublishedIdentity(
            subject_id=main_subject_id(clip_id),
            dataset="set",
            identity="",
            name="",
            is_published=True,
            is_overridden=False,
        )
        for clip_id in embeddings
    ]
    vectors = np.stack(list(embeddings.values())) if embeddings else np.empty((0, 2))
    rows = TableRows.of(PublishedIdentity, published)
    return FaceEmbeddings(rows, np.arange(len(rows)), StoredVectors.of(vectors))


def audit(
    subject_persons: Sequence[SubjectPerson] = SUBJECT_PERSONS,
    addresses: Mapping[str, str] = ADDRESSES,
    contents: Mapping[str, str] = CONTENTS,
    embeddings: Mapping[str, Vectors] = EMBEDDINGS,
    kept_apart: Sequence[frozenset[str]] = (),
) -> Audit:
    return audit_leakage(
        subject_persons,
        addresses=of_clips(subject_persons, addresses),
        contents=of_clips(subject_persons, contents),
        embeddings=stored(embeddings),
        same_person_above=0.5,
        kept_apart=kept_apart,
    )


def test_a_split_without_leak_passes_and_states_what_was_compared() -> None:
    found = audit()
    assert found.leaks == []
    assert [(check.what, check.n_compared, check.n_unseen) for check in found.checks] == [
        ("person", 3, 0),
        ("media content", 4, 0),
        ("source video", 4, 0),
        ("face", 3, 0),
    ]


def test_a_person_in_both_splits_is_a_leak() -> None:
    assert audit([*SUBJECT_PERSONS, subject_person("5", "ana", TEST)]).leaks == ["person: 'ana' is in both splits"]


def test_the_same_media_on_both_sides_is_a_leak() -> None:
    contents = {**CONTENTS, "set/4": CONTENTS["set/1"]}
    assert audit(contents=contents).leaks == [
        f"media content: set/1 of 'ana' (train) and set/4 of 'cem' (test) share {'1' * 64}"
    ]


def test_the_same_media_on_one_side_is_none() -> None:
    assert audit(contents={**CONTENTS, "set/4": CONTENTS["set/3"]}).leaks == []


def test_the_same_source_video_on_both_sides_is_a_leak_however_its_address_is_written() -> None:
    addresses = {**ADDRESSES, "set/3": "https://www.youtube.com/watch?t=3&v=aaaaaaaaaa2"}
    assert audit(addresses=addresses).leaks == [
        "source video: set/2 of 'ben' (train) and set/3 of 'cem' (test) share youtube:aaaaaaaaaa2"
    ]


def test_persons_of_both_sides_who_look_like_one_are_a_leak() -> None:
    leaking = {**EMBEDDINGS, "set/3": np.array([0.6, 0.8]), "set/4": np.array([0.4, 0.9165])}
    assert audit(embeddings=leaking).leaks == ["face: 'ana' (train) and 'cem' (test) look alike, 0.500 >= 0.5"]
    assert audit(embeddings={**leaking, "set/4": np.array([0.39, 0.9208])}).leaks == []


def test_persons_who_are_two_by_override_may_look_alike() -> None:
    found = audit(embeddings={**EMBEDDINGS, "set/3": E1, "set/4": E1}, kept_apart=[frozenset(("cem", "ana"))])
    assert found.leaks == []
    assert "1 pairs are two persons by override" in found.summary()


def test_clips_that_could_not_be_checked_are_counted() -> None:
    found = audit(contents={"set/1": "1"}, embeddings={"set/1": E1, "set/3": E2})
    assert [(check.what, check.n_unseen) for check in found.checks] == [
        ("person", 0),
        ("media content", 3),
        ("source video", 0),
        ("face", 2),
    ]
    assert "face          0 leaks among 2, 2 unseen (largest mean cosine 0.0" in found.summary()


@pytest.mark.parametrize(
    ("embeddings", "note"), [({}, "no embeddings to compare"), ({"set/1": E1}, "one split has none")]
)
def test_without_embeddings_in_both_splits_the_audit_states_it(embeddings: dict[str, Vectors], note: str) -> None:
    assert audit(embeddings=embeddings).checks[-1].note == note


def test_the_error_names_five_leaks_and_what_to_do() -> None:
    subject_persons = [
        subject_person(f"{person}{side}", f"p{person}", side) for person in range(7) for side in (TRAIN, TEST)
    ]
    message = audit(subject_persons, {}, {}, {}).error_message()
    assert message.startswith("7 leaks between train and test: person: 'p0' is in both splits; ")
    assert "'p4' is in both splits and 2 more (see leakage.json)" in message
    assert "manifests/review/persons.csv" in message


@pytest.mark.parametrize(
    ("address", "video"),
    [
        ("https://www.youtube.com/watch?v=a-b_c123456", "youtube:a-b_c123456"),
        ("https://m.youtube.com/watch?list=x&v=a-b_c123456&t=3", "youtube:a-b_c123456"),
        ("https://youtu.be/a-b_c123456?t=3", "youtube:a-b_c123456"),
        ("https://www.youtube.com/shorts/a-b_c123456", "youtube:a-b_c123456"),
        ("https://www.youtube.com/live/a-b_c123456", "youtube:a-b_c123456"),
        ("https://www.youtube-nocookie.com/embed/a-b_c123456", "youtube:a-b_c123456"),
        ("https://example.org/watch?v=a-b_c123456", "https://example.org/watch?v=a-b_c123456"),
        ("clips/one.mp4", "clips/one.mp4"),
    ],
)
def test_a_source_video_is_identified_by_its_address(address: str, video: str) -> None:
    assert source_video(address) == video


def test_of_a_medium_on_both_sides_the_first_clip_of_each_is_named() -> None:
    subject_persons = [
        subject_person("9", "ana"),
        subject_person("8", "ben"),
        subject_person("7", "cem"),
        subject_person("6", "cem"),
    ]
    shared = dict.fromkeys((one.clip_id for one in subject_persons), "same")
    assert audit(subject_persons, contents=shared, addresses={}, embeddings={}).leaks == [
        "media content: set/8 of 'ben' (train) and set/6 of 'cem' (test) share same"
    ]
