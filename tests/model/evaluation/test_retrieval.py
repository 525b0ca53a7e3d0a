"""Retrieval against sorting by hand."""

import numpy as np
import pytest

from model.evaluation.metrics.retrieval import choose_queries, first_hits, rank_gallery
from model.evaluation.retrieve import retrieve
from model.evaluation.scores import PairFeatures, Scores
from pipeline.base.errors import BadInput
from pipeline.records.evaluation import EvaluatedFace
from pipeline.records.schema import describe


def places(queries: list, persons: list[str], gallery: list, owners: list[str]) -> list[int]:
    order = rank_gallery(np.array(queries, np.float32), persons, np.array(gallery, np.float32), owners)
    return first_hits(order, persons, owners).tolist()


def test_order_and_places_are_those_of_sorting_the_whole_gallery() -> None:
    draw = np.random.default_rng(5)
    persons = [f"p{number}" for number in range(12)]
    queries = draw.normal(size=(12, 4)).astype(np.float32)
    owners = [persons[place % 12] for place in range(60)]
    gallery = (draw.normal(size=(60, 4)) + 0.5 * queries[np.arange(60) % 12]).astype(np.float32)
    order = rank_gallery(queries, persons, gallery, owners)
    expected = []
    for row, (query, person) in enumerate(zip(queries, persons, strict=True)):
        by_distance = sorted(range(60), key=lambda face: sum((gallery[face] - query) ** 2))
        assert order[row].tolist() == by_distance
        expected.append(1 + [owners[face] for face in by_distance].index(person))
    assert len(set(expected)) > 3
    assert first_hits(order, persons, owners).tolist() == expected


def test_features_that_are_all_equal_find_nobody() -> None:
    owners = ["ana", "b", "c", "d", "e", "f"]
    assert places([[1, 1]], ["ana"], [[1, 1]] * 6, owners) == [6]


def test_lengths_matter_because_features_are_not_normalised() -> None:
    assert places([[1, 0]], ["ana"], [[10, 0], [0, 1.5]], ["ana", "bo"]) == [2]


def test_a_query_of_nobody_in_the_gallery_is_refused() -> None:
    with pytest.raises(BadInput, match="expected faces of 'ana' in the gallery"):
        places([[1, 1]], ["ana"], [[1, 1], [2, 2]], ["b", "b"])


def test_one_face_of_each_person_asks_and_none_of_a_person_who_has_no_other() -> None:
    faces, persons = ["a/1", "a/2", "a/3", "b/1", "c/1", "c/2"], ["ana", "ana", "ana", "bo", "cy", "cy"]
    asks = choose_queries(faces, persons, seed=1)
    assert [persons[row] for row in np.flatnonzero(asks)] == ["ana", "cy"]


def test_who_asks_does_not_depend_on_the_other_faces_or_their_order() -> None:
    faces = [f"{person}/{place}" for person in "abcdefgh" for place in range(4)]
    persons = [face[0] for face in faces]
    asking = {face for face, asks in zip(faces, choose_queries(faces, persons, 3), strict=True) if asks}
    turned = choose_queries(faces[::-1], persons[::-1], 3)
    assert {face for face, asks in zip(faces[::-1], turned, strict=True) if asks} == asking
    some = choose_queries(faces[:12], persons[:12], 3)
    assert {face for face, asks in zip(faces, some, strict=False) if asks} == {f for f in asking if f[0] in "abc"}
    assert asking != {face for face, asks in zip(faces, choose_queries(faces, persons, 4), strict=True) if asks}


def row(face_id: str, person_id: str) -> EvaluatedFace:
    nothing = {name: None for name, _, is_nullable, _ in describe(EvaluatedFace) if is_nullable}
    ids = {"face_id": face_id, "dataset": "set", "person_id": person_id, "segment_id": "set/a00"}
    return EvaluatedFace(**ids, mask_share=0.25, is_found=True, is_true_found=True, **nothing)


def test_inpainted_faces_ask_and_true_faces_of_those_who_do_not_ask_answer() -> None:
    """Brute force over all rows: ana is inpainted like bo, bo like himself, cy has one face and only answers."""
    rows = [row("1", "ana"), row("2", "ana"), row("3", "bo"), row("4", "bo"), row("5", "cy")]
    true = np.array([[0, 1], [0, 2], [10, 1], [10, 2], [5, 5]], np.float32)
    inpainted = np.array([[10, 0], [10, 0], [10, 0], [10, 0], [5, 5]], np.float32)
    found = retrieve(Scores(rows, {"recognition": PairFeatures(inpainted, true)}), range(5), "recognition", seed=1)
    assert found is not None
    asks = choose_queries([one.face_id for one in rows], [one.person_id for one in rows], seed=1)
    gallery = [place for place in range(5) if not asks[place]]
    assert (found.persons, found.n_gallery) == (["ana", "bo"], 3)
    for person, query, place, true_place in zip(
        found.persons, np.flatnonzero(asks), found.places_Q, found.true_places_Q, strict=True
    ):
        for asking, at in ((inpainted[query], place), (true[query], true_place)):
            order = sorted(gallery, key=lambda face: np.linalg.norm(true[face] - asking))
            assert [rows[face].person_id for face in order].index(person) + 1 == at
        listed = [face for face in found.nearest if face.person_id == person]
        assert [face.place for face in listed] == [1, 2, 3]
        assert [face.distance for face in listed] == sorted(face.distance for face in listed)
    assert found.places_Q.tolist() == [3, 1]
    assert found.true_places_Q.tolist() == [1, 1]


def test_nobody_with_two_faces_is_no_retrieval() -> None:
    features = np.ones((2, 2), np.float32)
    scores = Scores([row("1", "ana"), row("2", "bo")], {"recognition": PairFeatures(features, features)})
    assert retrieve(scores, range(2), "recognition", seed=1) is None
