"""Caps go by hash, pairs stay within a person, and whoever is left out is left out for the right reason."""

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.base.draws import draw_order
from pipeline.core.base.errors import SplitLeak
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.dataset import DatasetFace, DatasetSegment, Identity, Pair
from pipeline.core.records.face import CANDIDATE, RANDOM
from pipeline.core.records.person import TRAIN, SubjectPerson
from pipeline.dataset.build import DatasetParams, RankedFace, audit_split, cap_faces, pair_up, segment_drop, sound_drop
from tests.built_dataset import Dataset, build

PARAMS = DatasetParams(
    max_faces_per_person=3,
    max_standard_faces_per_person=3,
    max_segments_per_person=2,
    standard_faces="drawn",
    min_face_seen_share=0.5,
    min_av_zscore=2.5,
    full_av_covered_s=9.0,
    min_turn_log_odds=0.0,
    max_overlap_share=0.25,
    max_music_share=0.5,
    seed=1,
)
KEEP_ALL = PARAMS.model_copy(update={"min_face_seen_share": 0.0, "min_av_zscore": None})


def face(
    face_id: str,
    person: str = "ana",
    *,
    standard: bool = False,
    by: str = RANDOM,
    dataset: str = "set",
    clip: str = "c",
) -> DatasetFace:
    return DatasetFace(
        face_id=face_id,
        dataset=dataset,
        person_id=person,
        split=TRAIN,
        clip_id=f"{dataset}/{clip}",
        sampled_by=by,
        is_standard=standard,
        is_labelled=True,
        shard="data/faces/shard.parquet",
    )


def segment(
    segment_id: str,
    person: str = "ana",
    *,
    dataset: str = "set",
    clip: str = "c",
    seen: float = 1.0,
    av_covered_s: float = 9.0,
    av_zscore: float | None = 2.5,
) -> DatasetSegment:
    return DatasetSegment(
        segment_id=segment_id,
        dataset=dataset,
        person_id=person,
        split=TRAIN,
        clip_id=f"{dataset}/{clip}",
        voiced_s=3.0,
        n_valid_frames=300,
        face_seen_share=seen,
        av_covered_s=av_covered_s,
        av_zscore=av_zscore,
        turn_log_odds=None,
        overlap_share=None,
        music_share=None,
        shard="data/audio/shard.parquet",
    )


def subject_person(person: str, clip: str = "c", dataset: str = "set") -> SubjectPerson:
    return SubjectPerson(
        subject_id=f"{dataset}/{clip}-s00", clip_id=f"{dataset}/{clip}", dataset=dataset, person_id=person, split=TRAIN
    )


def identity(person: str, split: str, dataset: str = "set") -> Identity:
    return Identity(
        dataset_person=f"{dataset}/{person}",
        dataset=dataset,
        person_id=person,
        split=split,
        n_clips=1,
        n_faces=1,
        n_standard_faces=1,
        n_segments=1,
        n_pairs=1,
    )


@pytest.mark.parametrize(
    ("shares", "reason"),
    [
        ((None, None), None),
        ((0.25, 0.5), None),
        ((0.2501, 0.5), "overlapping_voices"),
        ((0.25, 0.5001), "music"),
        ((1.0, 1.0), "overlapping_voices"),
    ],
)
def test_a_segment_is_dropped_exactly_above_the_largest_share_of_other_voices_or_music(
    shares: tuple[float | None, float | None], reason: str | None
) -> None:
    one = replace(segment("a"), overlap_share=shares[0], music_share=shares[1])
    drop = sound_drop(one, PARAMS)
    assert (None if drop is None else drop.reason) == reason
    assert sound_drop(one, PARAMS.model_copy(update={"max_overlap_share": None, "max_music_share": None})) is None
    ends = dict(build([subject_person("ana")], [face("f", standard=True)], [one], PARAMS).ends)
    assert ends["a"] == drop


def test_a_cap_keeps_the_lowest_hashes_of_seed_and_id() -> None:
    faces = [face(f"f{i}") for i in range(10)]
    lowest = sorted((f"f{i}" for i in range(10)), key=lambda one: draw_order(1, one))[:3]
    assert [one.face_id for one in cap_faces(faces, PARAMS)] == sorted(lowest)


def test_another_seed_keeps_others() -> None:
    faces = [face(f"f{i:03d}") for i in range(100)]
    kept = [{one.face_id for one in cap_faces(faces, PARAMS.model_copy(update={"seed": seed}))} for seed in (1, 2)]
    assert len(kept[0]) == len(kept[1]) == 3
    assert kept[0] != kept[1]


def test_as_many_as_the_cap_are_all_kept() -> None:
    faces = [face(f"f{i}") for i in range(3)]
    assert cap_faces(faces[::-1], PARAMS) == faces


def test_a_candidate_that_is_no_standard_face_is_dropped() -> None:
    faces = [face("c", by=CANDIDATE), face("r"), face("s", by=CANDIDATE, standard=True)]
    assert [one.face_id for one in cap_faces(faces, PARAMS)] == ["r", "s"]


_FACES = st.lists(
    st.builds(
        lambda number, standard, by: face(f"f{number:04d}", standard=standard, by=by),
        st.integers(0, 9999),
        st.booleans(),
        st.sampled_from([RANDOM, CANDIDATE]),
    ),
    unique_by=lambda one: one.face_id,
    max_size=40,
)


@given(faces=_FACES, most=st.integers(0, 6), most_standard=st.integers(0, 6))
def test_nobody_has_more_faces_or_standard_faces_than_the_caps(
    faces: list[DatasetFace], most: int, most_standard: int
) -> None:
    caps = {"max_faces_per_person": most, "max_standard_faces_per_person": most_standard}
    kept = cap_faces(faces, PARAMS.model_copy(update=caps))
    n_standard = sum(one.is_standard for one in kept)
    assert sum(one.sampled_by == RANDOM for one in kept) <= most
    assert n_standard <= most_standard
    n_candidates = sum(one.is_standard and one.sampled_by == CANDIDATE for one in faces)
    assert n_standard >= min(most_standard, n_candidates)


@given(faces=_FACES)
def test_where_the_standard_cap_is_as_large_as_the_other_no_random_face_is_lost(
    faces: list[DatasetFace],
) -> None:
    n_random = sum(one.sampled_by == RANDOM for one in faces)
    assert sum(one.sampled_by == RANDOM for one in cap_faces(faces, PARAMS)) == min(3, n_random)


def made(people: dict[str, tuple[int, int]], params: DatasetParams = PARAMS) -> Dataset:
    """Return the dataset of people with so many standard faces and segments each."""
    faces = [face(f"{p}-f{i}", p, standard=True) for p, (n, _) in people.items() for i in range(n)]
    segments = [segment(f"{p}-a{i}", p) for p, (_, n) in people.items() for i in range(n)]
    return build([subject_person(person) for person in people], faces, segments, params)


_PEOPLE = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.tuples(st.integers(0, 8), st.integers(0, 6)))


@given(people=_PEOPLE, more=st.tuples(st.integers(0, 8), st.integers(0, 6)))
def test_another_person_changes_nothing_for_anybody_else(
    people: dict[str, tuple[int, int]], more: tuple[int, int]
) -> None:
    before, after = made(people), made({**people, "zed": more})
    assert [one for one in after.identities if one.person_id != "zed"] == before.identities
    assert [one for one in after.faces if one.person_id != "zed"] == before.faces
    assert [one for one in after.segments if one.person_id != "zed"] == before.segments
    assert [one for one in after.pairs if one.person_id != "zed"] == before.pairs
    assert [end for end in after.ends if "zed" not in end[0]] == before.ends


@given(old=st.sets(st.integers(0, 99), max_size=20), new=st.sets(st.integers(100, 199), max_size=5))
def test_another_clip_displaces_at_most_as_many_faces_as_it_brings(old: set[int], new: set[int]) -> None:
    before = cap_faces([face(f"f{i}") for i in old], PARAMS)
    after = cap_faces([face(f"f{i}") for i in old | new], PARAMS)
    kept_new = [one for one in after if int(one.face_id[1:]) >= 100]
    lost = [one for one in before if one not in after]
    assert [one for one in after if one not in kept_new] == [one for one in before if one not in lost]
    assert len(lost) <= len(kept_new)


def test_pairs_join_standard_faces_with_all_segments() -> None:
    faces = [face("f1", standard=True), face("f2"), face("f3", standard=True, clip="d")]
    pairs = list(pair_up(faces, [segment("a1"), segment("a2", clip="d")]))
    assert [(pair.pair_id, pair.same_clip) for pair in pairs] == [
        ("f1+a1", True),
        ("f1+a2", False),
        ("f3+a1", False),
        ("f3+a2", True),
    ]
    assert pairs[0] == Pair(
        pair_id="f1+a1",
        face_id="f1",
        segment_id="a1",
        dataset="set",
        person_id="ana",
        split=TRAIN,
        same_clip=True,
    )


def test_pairs_stay_within_a_person_and_a_dataset() -> None:
    who = [("ana", "one"), ("ana", "two"), ("ben", "one")]
    faces = [face(f"{d}/{p}-f", p, standard=True, dataset=d) for p, d in who]
    segments = [segment(f"{d}/{p}-a", p, dataset=d) for p, d in who]
    built = build([subject_person(p, dataset=d, clip=p) for p, d in who], faces, segments, PARAMS)
    assert [pair.pair_id for pair in built.pairs] == [
        "one/ana-f+one/ana-a",
        "one/ben-f+one/ben-a",
        "two/ana-f+two/ana-a",
    ]


def test_a_person_counts_clips_faces_segments_and_pairs() -> None:
    faces = [face("f1", standard=True), face("f2"), face("f3", by=CANDIDATE, standard=True)]
    built = build(
        [subject_person("ana"), subject_person("ana", "d")],
        faces,
        [segment("a1"), segment("a2"), segment("a3")],
        PARAMS,
    )
    assert built.identities == [
        replace(identity("ana", TRAIN), n_clips=2, n_faces=2, n_standard_faces=2, n_segments=2, n_pairs=4)
    ]
    assert built.ends == [("set/ana", None), ("a1", None), ("a2", None), ("a3", None)]


@pytest.mark.parametrize(
    ("faces", "segments", "end"),
    [
        ([], [], Dropped.filtered("no_face", "no clip of this person has a face")),
        ([face("f1"), face("f2")], [], Dropped.filtered("no_standard_face", "none of 2 faces is a standard face")),
        (
            [face("f1", standard=True)],
            [],
            Dropped.filtered("no_sound", "no clip of this person has a segment of sound"),
        ),
    ],
)
def test_a_person_without_faces_standard_faces_or_sound_is_dropped_for_that_reason(
    faces: list[DatasetFace], segments: list[DatasetSegment], end: Dropped
) -> None:
    ben = [face("b1", "ben", standard=True)], [segment("b2", "ben")]
    built = build([subject_person("ana"), subject_person("ben", "d")], [*faces, *ben[0]], [*segments, *ben[1]], PARAMS)
    assert built.ends == [("set/ana", end), ("set/ben", None), ("b2", None)]
    assert (built.faces, built.segments, [pair.person_id for pair in built.pairs]) == (*ben, ["ben"])


@pytest.mark.parametrize(
    "segment",
    [
        segment("a1"),
        segment("a1", seen=0.5),
        segment("a1", av_zscore=None),
        segment("a1", av_covered_s=4.0, av_zscore=5 / 3),
        segment("a1", av_covered_s=900.0, av_zscore=2.5),
    ],
    ids=[
        "at the limit",
        "face observed half of the time",
        "no av_zscore",
        "covered for a short time",
        "covered for long",
    ],
)
def test_the_face_s_own_voice_is_kept(segment: DatasetSegment) -> None:
    assert segment_drop(segment, PARAMS) is None


@pytest.mark.parametrize(
    ("segment", "reason", "detail"),
    [
        (segment("a1", seen=0.499), "face_not_seen", "the main face is observed in 0.499 of it, below 0.5"),
        (
            segment("a1", seen=0.0, av_zscore=9.0),
            "face_not_seen",
            "the main face is observed in 0.000 of it, below 0.5",
        ),
        (
            segment("a1", av_zscore=2.499),
            "other_voice",
            "av_zscore 2.499 of mouth and sound, below 2.500",
        ),
        (
            segment("a1", av_covered_s=4.0, av_zscore=1.66),
            "other_voice",
            "av_zscore 1.660 of mouth and sound, below 1.667",
        ),
        (segment("a1", av_zscore=0.0), "other_voice", "av_zscore 0.000 of mouth and sound, below 2.500"),
    ],
)
def test_a_voice_that_is_not_the_face_s_is_dropped_for_that_reason(
    segment: DatasetSegment, reason: str, detail: str
) -> None:
    assert segment_drop(segment, PARAMS) == Dropped.filtered(reason, detail)


@given(st.floats(0, 1), st.floats(0, 99), st.none() | st.floats(-9, 9))
def test_the_limits_that_are_off_leave_nothing_out(seen: float, av_covered_s: float, av_zscore: float | None) -> None:
    one = segment("a1", seen=seen, av_covered_s=av_covered_s, av_zscore=av_zscore)
    assert segment_drop(one, KEEP_ALL) is None


def test_voices_of_others_are_neither_paired_nor_do_they_take_room_under_the_cap() -> None:
    own = [segment("a1"), segment("a2")]
    others = [segment(f"o{n}", av_zscore=0.0) for n in range(9)]
    built = build([subject_person("ana")], [face("f1", standard=True)], [*others, *own], PARAMS)
    assert built.segments == own
    assert [pair.segment_id for pair in built.pairs] == ["a1", "a2"]
    reasons = [(item_id, end and end.reason) for item_id, end in built.ends]
    assert reasons == [("set/ana", None), *((f"o{n}", "other_voice") for n in range(9)), ("a1", None), ("a2", None)]


def test_a_person_without_own_voice_is_dropped_and_each_segment_has_its_reason() -> None:
    segments = [segment("a1", seen=0.0), segment("a2", av_zscore=1.0)]
    built = build([subject_person("ana")], [face("f1", standard=True)], segments, PARAMS)
    reasons = {item_id: end.reason for item_id, end in built.ends if end}
    assert reasons == {"a1": "face_not_seen", "a2": "other_voice", "set/ana": "no_own_voice"}
    assert (built.identities, built.faces, built.segments, built.pairs) == ([], [], [], [])


def test_a_split_without_leak_passes() -> None:
    audit_split([identity("ana", "train"), identity("ana", "train", "other"), identity("ben", "test")])


@pytest.mark.parametrize("second", ["set", "other"])
def test_a_person_in_both_splits_is_named(second: str) -> None:
    rows = [identity("ana", "train"), identity("ben", "test"), identity("ana", "test", second)]
    with pytest.raises(SplitLeak, match=r"^1 persons are in both train and test: ana$"):
        audit_split(rows)


@pytest.mark.parametrize("most", [0, 1, 3, 9])
def test_the_best_standard_faces_are_those_of_highest_standardness_of_either_group(most: int) -> None:
    values = {"a": -3.0, "b": -0.5, "c": None, "d": -1.0, "e": -2.0}
    faces = [
        RankedFace(**asdict(face(name, standard=True, by=RANDOM if name in "ab" else CANDIDATE)), standardness=value)
        for name, value in values.items()
    ]
    plain = [RankedFace(**asdict(face(f"p{n}")), standardness=0.0) for n in range(4)]
    caps = {"standard_faces": "best", "max_standard_faces_per_person": most, "max_faces_per_person": 2}
    kept = cap_faces([*faces, *plain], PARAMS.model_copy(update=caps))
    assert {one.face_id for one in kept if one.is_standard} == set(["b", "d", "e", "a", "c"][:most])
    assert sum(one.sampled_by == RANDOM for one in kept) == 2
