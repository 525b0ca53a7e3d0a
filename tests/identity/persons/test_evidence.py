"""Faces against names: what is one person becomes one, what is two becomes two, and a person's word wins."""

import time
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.identity.persons.evidence import Findings, comparable, weigh
from pipeline.identity.persons.overrides import WHOLE_IDENTITY, Override, Overrides
from pipeline.identity.persons.persons import PersonsParams, claim_clips, clip_persons_of
from pipeline.records.clip import Clip
from pipeline.records.evidence import ClipEmbedding, PersonEvidence
from tests.identity.clips import clip
from tests.identity.persons.test_persons import PARAMS

SIZE = 64
NONE: Overrides = {}


def faces_of(truth: Mapping[str, int], spread: float = 0.06, seed: int = 1) -> list[ClipEmbedding]:
    """One embedding a clip, near that of the person it shows; two clips of a person are alike by about 0.8."""
    centres = np.random.default_rng(0).normal(size=(100, SIZE)) / SIZE**0.5
    found = []
    for clip_id, person in sorted(truth.items()):
        noise = np.random.default_rng([seed, sum(clip_id.encode()), len(clip_id)]).normal(size=SIZE)
        vector = centres[person] / np.linalg.norm(centres[person]) + spread * noise
        vector /= np.linalg.norm(vector)
        found.append(
            ClipEmbedding(clip_id=clip_id, network="n", n_faces=1, spread=0.0, embedding=vector.astype(np.float32))
        )
    return found


def decide(
    shown: Mapping[tuple[str, str], int | None], overrides: Overrides = NONE, **changes: object
) -> tuple[Findings, dict[str, str]]:
    """Weigh clips given as (identity, name): the person that they show, or None where no face was found."""
    params = PARAMS.model_copy(update=changes)
    clips = [clip("set", identity, name) for identity, name in shown]
    truth = {f"set/{name}": person for (_, name), person in shown.items() if person is not None}
    return decided(clips, faces_of(truth), overrides, params)


def decided(
    clips: Sequence[Clip], embeddings: Sequence[ClipEmbedding], overrides: Overrides, params: PersonsParams
) -> tuple[Findings, dict[str, str]]:
    claims, _ = claim_clips(clips, overrides, params)
    findings = weigh(claims, comparable(claims, embeddings, params.whitening), params)
    return findings, {clip_id.removeprefix("set/"): person for clip_id, person in findings.person_of.items()}


def told(findings: Findings) -> list[tuple[str, str, str, str]]:
    return [(one.kind, one.clip_id, one.decision, one.decided_by) for one in findings.evidence]


def one_of(findings: Findings) -> PersonEvidence:
    (row,) = findings.evidence
    return row


def test_two_names_of_one_face_become_the_first_of_them() -> None:
    findings, persons = decide({("Zoe", "1"): 1, ("Ana", "2"): 1, ("Ben", "3"): 2})
    assert persons == {"1": "ana", "2": "ana", "3": "ben"}
    row = one_of(findings)
    assert (row.kind, row.decision, row.decided_by) == ("same_person_two_names", "merged", "evidence")
    assert (row.person, row.identity, row.clip_id, row.n_clips) == ("ana", "set/Ana", "set/2", 1)
    assert (row.other_person, row.other_identity, row.other_clip_id) == ("zoe", "set/Zoe", "set/1")
    assert row.threshold == 0.5 <= row.score <= 1


def test_a_clip_without_a_face_goes_where_its_name_goes() -> None:
    _, persons = decide({("Zoe", "1"): 1, ("Zoe", "4"): None, ("Ana", "2"): 1, ("Cem", "5"): None})
    assert persons == {"1": "ana", "4": "ana", "2": "ana", "5": "cem"}


def test_two_faces_of_one_name_become_two_persons_most_clips_keep_the_name() -> None:
    findings, persons = decide({("Ana", n): p for n, p in (("1", 2), ("2", 2), ("3", 1), ("4", 1), ("5", 1))})
    assert {persons[n] for n in "345"} == {"ana"}
    assert persons["1"] == persons["2"] == "ana~" + persons["1"].removeprefix("ana~") != "ana"
    row = one_of(findings)
    assert (row.kind, row.clip_id, row.n_clips, row.n_other_clips) == ("two_persons_one_name", "set/1", 2, 3)
    assert row.score < row.threshold == 0.3


def test_a_new_clip_does_not_rename_a_part() -> None:
    first = {("Ana", n): p for n, p in (("1", 2), ("2", 2), ("3", 1), ("4", 1), ("5", 1))}
    _, before = decide(first)
    _, after = decide({**first, ("Ana", "6"): 1, ("Ana", "7"): 2, ("Ben", "0"): 3})
    assert {n: after[n] for n in before} == before
    assert (after["6"], after["7"]) == ("ana", before["1"])


def test_a_name_that_two_share_is_parted_and_each_part_finds_its_other_name() -> None:
    shown = {("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 2, ("Ana", "4"): 2, ("Ben", "5"): 1, ("Cem", "6"): 2}
    findings, persons = decide(shown)
    assert persons == {"1": "ana", "2": "ana", "5": "ana", "3": "cem", "4": "cem", "6": "cem"}
    assert sorted(one.decision for one in findings.evidence) == ["merged", "merged", "split"]


def test_a_single_clip_of_nobodys_face_is_left_out() -> None:
    findings, persons = decide({("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 7})
    assert persons == {"1": "ana", "2": "ana"}
    ((clip_id, end),) = findings.dropped
    assert (clip_id, end.status, end.reason) == ("set/3", "filtered", "outlier")
    assert told(findings) == [("outlier", "set/3", "dropped", "evidence")]


def test_a_single_clip_of_somebody_elses_face_goes_to_them() -> None:
    findings, persons = decide({("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 7, ("Ben", "4"): 7})
    assert persons == {"1": "ana", "2": "ana", "3": "ben", "4": "ben"}
    assert findings.dropped == []


def test_of_one_clip_against_one_neither_is_left_out() -> None:
    findings, persons = decide({("Ana", "1"): 1, ("Ana", "2"): 2})
    assert persons["1"] == "ana"
    assert persons["2"].startswith("ana~")
    assert findings.dropped == []


@pytest.mark.parametrize(
    ("off", "shown", "kind"),
    [
        ("merge", {("Ana", "1"): 1, ("Ben", "2"): 1}, "same_person_two_names"),
        ("split", {("Ana", n): p for n, p in (("1", 1), ("2", 1), ("3", 2), ("4", 2))}, "two_persons_one_name"),
        ("drop_outliers", {("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 7}, "outlier"),
    ],
)
def test_what_is_off_is_listed_and_changes_nothing(off: str, shown: dict[tuple[str, str], int], kind: str) -> None:
    findings, persons = decide(shown, **{off: False})
    assert persons == {name: identity.lower() for identity, name in shown}
    row = one_of(findings)
    assert (row.kind, row.decision, row.decided_by) == (kind, "listed", "params")
    assert findings.dropped == []


def test_without_splitting_an_outlier_is_still_left_out() -> None:
    findings, persons = decide({("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 7, ("Ben", "4"): 7}, split=False)
    assert persons == {"1": "ana", "2": "ana", "4": "ben"}
    assert told(findings) == [("outlier", "set/3", "dropped", "evidence")]


def whole(identity: str) -> tuple[str, str, str]:
    return ("set", identity, WHOLE_IDENTITY)


def test_two_who_are_two_by_override_are_held_apart_and_that_is_noted() -> None:
    overrides = {whole("Ana"): Override("Ana", "twin"), whole("Bea"): Override("Bea", "twin")}
    findings, persons = decide({("Ana", "1"): 1, ("Bea", "2"): 1, ("Cem", "3"): 1}, overrides)
    assert persons["1"] == "ana"
    assert persons["2"] == "bea"
    assert persons["3"] in ("ana", "bea")
    assert findings.held_apart == {frozenset(("ana", "bea"))}
    assert ("same_person_two_names", "set/1", "overridden", "override") in told(findings)


def test_a_name_by_override_is_that_of_all_who_are_merged() -> None:
    overrides = {whole("Zoe"): Override("Zoe Z", "asked")}
    _, persons = decide({("Zoe", "1"): 1, ("Ana", "2"): 1}, overrides)
    assert persons == {"1": "zoe_z", "2": "zoe_z"}


def test_clips_that_are_one_person_by_override_stay_together_whatever_they_show() -> None:
    overrides = {whole("Ana"): Override("Ana", "make-up")}
    findings, persons = decide({("Ana", n): int(n) // 2 for n in ("0", "1", "2", "3", "4")}, overrides)
    assert set(persons.values()) == {"ana"}
    assert {one.decision for one in findings.evidence} == {"overridden"}
    assert findings.dropped == []


def test_a_clip_that_an_override_gives_to_somebody_is_theirs_against_its_face() -> None:
    overrides = {("set", "Ana", "3"): Override("Ben", "seen")}
    findings, persons = decide({("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 1, ("Ben", "4"): 2}, overrides)
    assert persons == {"1": "ana", "2": "ana", "3": "ben", "4": "ben"}
    assert findings.held_apart == {frozenset(("ana", "ben"))}


def test_an_identity_from_which_an_override_takes_a_clip_is_not_merged_with_whom_it_goes_to() -> None:
    overrides = {("set", "Ana", "3"): Override("Ben", "seen")}
    _, persons = decide({("Ana", "1"): 1, ("Ana", "3"): 1, ("Ben", "4"): 1}, overrides)
    assert persons == {"1": "ana", "3": "ben", "4": "ben"}


def test_an_override_keeps_a_clip_that_would_be_left_out() -> None:
    overrides = {("set", "Ana", "3"): Override("Ana", "with a mask")}
    findings, persons = decide({("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 7}, overrides)
    assert persons == {"1": "ana", "2": "ana", "3": "ana"}
    assert (findings.dropped, findings.held_apart) == ([], set())


def test_without_faces_names_decide() -> None:
    findings, persons = decide({("Ana", "1"): None, ("Ben", "2"): None})
    assert persons == {"1": "ana", "2": "ben"}
    assert (findings.evidence, findings.dropped, findings.held_apart) == ([], [], set())


def test_who_may_be_one_person_shares_a_side_by_however_many_between() -> None:
    shown = {("Ana", "1"): 1, ("Ben", "2"): 1, ("Cem", "3"): 1, ("Dan", "4"): 2}
    findings, persons = decide(shown, same_person_above=0.95, same_side_above=0.5)
    assert len(set(persons.values())) == 4
    assert findings.stands_with == {"ben": "ana", "cem": "ana"}
    claims, _ = claim_clips([clip("set", *one) for one in shown], NONE, PARAMS)
    owners = clip_persons_of(claims, findings.person_of, findings.stands_with, PARAMS)
    assert len({owner.split for owner in owners[:3]}) == 1


def test_who_is_another_by_override_shares_no_side() -> None:
    overrides = {whole("Ana"): Override("Ana", "twin"), whole("Bea"): Override("Bea", "twin")}
    findings, _ = decide({("Ana", "1"): 1, ("Bea", "2"): 1}, overrides, same_side_above=0.4)
    assert findings.stands_with == {}


@given(seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_the_order_of_clips_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shown = {(f"n{rng.integers(6)}", f"{i:02}"): int(rng.integers(5)) for i in range(24)}
    clips = [clip("set", identity, name) for identity, name in shown]
    embeddings = faces_of({f"set/{name}": person for (_, name), person in shown.items()}, seed=seed)
    first, persons = decided(clips, embeddings, NONE, PARAMS)
    order = rng.permutation(len(clips))
    again, same = decided([clips[i] for i in order], [embeddings[i] for i in order[::-1]], NONE, PARAMS)
    assert same == persons
    assert again.evidence == first.evidence


@given(seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_people_of_other_faces_move_nobody(seed: int) -> None:
    rng = np.random.default_rng(seed)
    old = {(f"n{rng.integers(6)}", f"a{i:02}"): int(rng.integers(5)) for i in range(20)}
    new = {(f"m{rng.integers(6)}", f"b{i:02}"): 50 + int(rng.integers(5)) for i in range(20)}
    sides = []
    for shown in (old, {**old, **new}):
        clips = [clip("set", identity, name) for identity, name in shown]
        embeddings = faces_of({f"set/{name}": person for (_, name), person in shown.items()}, seed=3)
        claims, _ = claim_clips(clips, NONE, PARAMS)
        found = weigh(claims, comparable(claims, embeddings, None), PARAMS)
        sides.append({one.clip_id: one for one in clip_persons_of(claims, found.person_of, found.stands_with, PARAMS)})
    before, after = sides
    assert {clip_id: after[clip_id] for clip_id in before} == before


def test_a_hundred_thousand_clips_take_seconds() -> None:
    rng = np.random.default_rng(0)
    n_persons, n_clips = 5_000, 20
    centres = rng.normal(size=(n_persons, 128)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    clips, embeddings = [], []
    for person in range(n_persons):
        for take in range(n_clips):
            one = clip("set", f"p{person // 2 if take < 5 else person}", f"{person}-{take}")
            vector = centres[person] + 0.06 * rng.standard_normal(128, dtype=np.float32)
            clips.append(one)
            embeddings.append(
                ClipEmbedding(
                    clip_id=one.clip_id, network="n", n_faces=1, spread=0.0, embedding=vector / np.linalg.norm(vector)
                )
            )
    claims, _ = claim_clips(clips, NONE, PARAMS)
    start = time.monotonic()
    findings = weigh(claims, comparable(claims, embeddings, 1.0), PARAMS)
    took_s = time.monotonic() - start
    truth = {one.clip_id: one.clip_id.partition("/")[2].partition("-")[0] for one in clips}
    found: dict[str, set[str]] = {}
    for clip_id, person in findings.person_of.items():
        found.setdefault(person, set()).add(truth[clip_id])
    assert max(map(len, found.values())) == 1
    assert len(found) == n_persons
    assert took_s < 60
