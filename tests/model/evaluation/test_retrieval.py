"""Retrieval against sorting by hand."""

import numpy as np
import pytest

from model.evaluation.face_metrics import FaceMetrics, PairFeatures
from model.evaluation.metrics.retrieval import choose_queries, first_hits, rank_gallery
from model.evaluation.retrieve import retrieve
from pipeline.core.base.errors import BadInput
from pipeline.core.records.evaluation import EvaluatedFace
from pipeline.core.records.schema import describe


def ranks(queries: list, persons: list[str], gallery: list, gallery_persons: list[str]) -> list[int]:
    order = rank_gallery(np.array(queries, np.float32), persons, np.array(gallery, np.float32), gallery_persons)
    return first_hits(order, persons, gallery_persons).tolist()


def test_order_and_ranks_are_those_of_sorting_the_whole_gallery() -> None:
    draw = np.random.default_rng(5)
    persons = [f"p{number}" for number in range(12)]
    queries = draw.normal(size=(12, 4)).astype(np.float32)
    gallery_persons = [persons[place % 12] for place in range(60)]
    gallery = (draw.normal(size=(60, 4)) + 0.5 * queries[np.arange(60) % 12]).astype(np.float32)
    order = rank_gallery(queries, persons, gallery, gallery_persons)
    expected = []
    for row, (query, person) in enumerate(zip(queries, persons, strict=True)):
        by_distance = sorted(range(60), key=lambda face: sum((gallery[face] - query) ** 2))
        assert order[row].tolist() == by_distance
        expected.append(1 + [gallery_persons[face] for face in by_distance].index(person))
    assert len(set(expected)) > 3
    assert first_hits(order, persons, gallery_persons).tolist() == expected


def test_features_that_are_all_equal_find_nobody() -> None:
    gallery_persons = ["ana", "b", "c", "d", "e", "f"]
    assert ranks([[1, 1]], ["ana"], [[1, 1]] * 6, gallery_persons) == [6]


def test_lengths_matter_because_features_are_not_normalised() -> None:
    assert ranks([[1, 0]], ["ana"], [[10, 0], [0, 1.5]], ["ana", "bo"]) == [2]


def test_a_query_of_nobody_in_the_gallery_is_refused() -> None:
    with pytest.raises(BadInput, match="expected faces of 'ana' in the gallery"):
        ranks([[1, 1]], ["ana"], [[1, 1], [2, 2]], ["b", "b"])


def test_one_face_of_each_person_is_a_query_and_none_of_a_person_who_has_no_other() -> None:
    faces, persons = ["a/1", "a/2", "a/3", "b/1", "c/1", "c/2"], ["ana", "ana", "ana", "bo", "cy", "cy"]
    is_query = choose_queries(faces, persons, seed=1)
    assert [persons[row] for row in np.flatnonzero(is_query)] == ["ana", "cy"]


def test_queries_do_not_depend_on_the_other_faces_or_their_order() -> None:
    faces = [f"{person}/{place}" for person in "abcdefgh" for place in range(4)]
    persons = [face[0] for face in faces]
    queries = {face for face, is_query in zip(faces, choose_queries(faces, persons, 3), strict=True) if is_query}
    turned = choose_queries(faces[::-1], persons[::-1], 3)
    assert {face for face, is_query in zip(faces[::-1], turned, strict=True) if is_query} == queries
    some = choose_queries(faces[:12], persons[:12], 3)
    assert {face for face, is_query in zip(faces, some, strict=False) if is_query} == {
        f for f in queries if f[0] in "abc"
    }
    assert queries != {
        face for face, is_query in zip(faces, choose_queries(faces, persons, 4), strict=True) if is_query
    }


def row(face_id: str, person_id: str) -> EvaluatedFace:
    nothing = {name: None for name, _, is_nullable, _ in describe(EvaluatedFace) if is_nullable}
    ids = {"face_id": face_id, "dataset": "set", "person_id": person_id, "segment_id": "set/a00"}
    return EvaluatedFace(**ids, mask_share=0.25, is_found=True, is_true_found=True, **nothing)


def test_queries_are_inpainted_faces_and_the_gallery_are_the_other_true_faces() -> None:
    """Brute force over all rows: ana is inpainted like bo, bo like himself, cy has one face, in the gallery."""
    rows = [row("1", "ana"), row("2", "ana"), row("3", "bo"), row("4", "bo"), row("5", "cy")]
    true = np.array([[0, 1], [0, 2], [10, 1], [10, 2], [5, 5]], np.float32)
    inpainted = np.array([[10, 0], [10, 0], [10, 0], [10, 0], [5, 5]], np.float32)
    found = retrieve(FaceMetrics(rows, {"recognition": PairFeatures(inpainted, true)}), range(5), "recognition", seed=1)
    assert found is not None
    is_query = choose_queries([one.face_id for one in rows], [one.person_id for one in rows], seed=1)
    gallery = [place for place in range(5) if not is_query[place]]
    assert (found.persons, found.n_gallery) == (["ana", "bo"], 3)
    for person, query, inpainted_rank, true_rank in zip(
        found.persons, np.flatnonzero(is_query), found.ranks_Q, found.true_ranks_Q, strict=True
    ):
        for query_D, rank in ((inpainted[query], inpainted_rank), (true[query], true_rank)):
            order = sorted(gallery, key=lambda face: np.linalg.norm(true[face] - query_D))
            assert [rows[face].person_id for face in order].index(person) + 1 == rank
        listed = [face for face in found.nearest if face.person_id == person]
        assert [face.rank for face in listed] == [1, 2, 3]
        assert [face.distance for face in listed] == sorted(face.distance for face in listed)
    assert found.ranks_Q.tolist() == [3, 1]
    assert found.true_ranks_Q.tolist() == [1, 1]


def test_nobody_with_two_faces_is_no_retrieval() -> None:
    features = np.ones((2, 2), np.float32)
    face_metrics = FaceMetrics([row("1", "ana"), row("2", "bo")], {"recognition": PairFeatures(features, features)})
    assert retrieve(face_metrics, range(2), "recognition", seed=1) is None
