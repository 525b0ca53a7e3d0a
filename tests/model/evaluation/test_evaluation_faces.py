from collections import Counter
from pathlib import Path

import numpy as np

from model.data.split import DatasetSplit, open_split
from model.evaluation.evaluation_faces import iterate_evaluation_faces
from pipeline.records.person import TEST, TRAIN


def test_test_faces_come_by_person_and_id_with_the_persons_first_segment(made, tmp_path: Path) -> None:
    faces = list(iterate_evaluation_faces(open_split(made.at, tmp_path, split=TEST, standard_only=True)))
    standard = [face for face in made.rows.faces if face.split == TEST and face.is_standard]
    expected = sorted((face.person_id, face.face_id, face.dataset) for face in standard)
    assert [(face.person_id, face.face_id, face.dataset) for face in faces] == expected
    for face in faces:
        assert np.array_equal(face.face, made.pictures[face.face_id])
        assert np.array_equal(face.label, made.labels[face.face_id])
        segments = [segment.segment_id for segment in made.rows.segments if segment.person_id == face.person_id]
        assert face.segment_id == min(segments)
        assert np.array_equal(face.log_mel, made.log_mels[face.segment_id])


def test_a_person_hears_one_segment_in_all_datasets(made, tmp_path: Path) -> None:
    faces = list(iterate_evaluation_faces(open_split(made.at, tmp_path, split=TRAIN, standard_only=True)))
    assert {face.segment_id for face in faces if face.person_id == "ana"} == {"one/ana.0-a00000000"}
    assert {face.dataset for face in faces if face.person_id == "ana"} == {"one", "two"}


def test_so_many_faces_of_a_person_in_a_dataset_are_drawn_by_seed(made, tmp_path: Path) -> None:
    packed = open_split(made.at, tmp_path, split=TRAIN, standard_only=False)
    drawn = [
        [face.face_id for face in iterate_evaluation_faces(packed, most_per_person=2, seed=seed)] for seed in (1, 1, 2)
    ]
    assert Counter(face_id.split(".")[0] for face_id in drawn[0]) == {"one/ana": 2, "two/ana": 2, "one/ben": 2}
    assert drawn[0] == drawn[1] != drawn[2]


def test_faces_without_a_label_have_none_and_persons_without_a_segment_are_passed_over() -> None:
    faces, log_mels = np.zeros((3, 16, 16, 3), np.uint8), np.zeros((1, 4, 5), np.float32)
    packed = DatasetSplit.from_arrays(faces, log_mels, None, ["a", "b", "b"], ["b"])
    found = list(iterate_evaluation_faces(packed))
    assert [face.person_id for face in found] == ["b", "b"]
    assert [face.label for face in found] == [None, None]
