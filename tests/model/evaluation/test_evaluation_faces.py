from collections import Counter
from pathlib import Path

import numpy as np

from model.data.split import DatasetSplit, open_split
from model.evaluation.evaluation_faces import EvaluationFace, iterate_evaluation_faces
from model.settings import EvaluateParams, MaskParams
from pipeline.core.records.person import TEST, TRAIN

MASK = MaskParams(kind="rectangle_released", size_px=128, image=None)


def faces_of(data: DatasetSplit, most: int = 99, seed: int = 0) -> list[EvaluationFace]:
    params = EvaluateParams(
        max_faces_per_person=most,
        n_bootstrap=1,
        confidence=0.9,
        n_swap_persons=2,
        n_grid_faces=1,
        landmarks_doubled=False,
        jpeg_quality=None,
        threads=1,
        networks={},
        seed=seed,
    )
    return list(iterate_evaluation_faces(data, params, MASK))


def test_test_faces_come_by_person_and_id_with_the_persons_first_segment(made, tmp_path: Path) -> None:
    faces = faces_of(open_split(made.at, tmp_path, split=TEST, standard_only=True))
    standard = [face for face in made.rows.faces if face.split == TEST and face.is_standard]
    expected = sorted((face.person_id, face.face_id, face.dataset) for face in standard)
    assert [(face.person_id, face.face_id, face.dataset) for face in faces] == expected
    for face in faces:
        assert np.array_equal(face.image, made.pictures[face.face_id])
        whose = face.person_id, face.dataset
        segments = [one.segment_id for one in made.rows.segments if (one.person_id, one.dataset) == whose]
        assert face.segment_id == min(segments)
        assert np.array_equal(face.log_mel, made.log_mels[face.segment_id])


def test_a_person_has_one_segment_in_each_dataset(made, tmp_path: Path) -> None:
    faces = faces_of(open_split(made.at, tmp_path, split=TRAIN, standard_only=True))
    heard = {(face.dataset, face.segment_id) for face in faces if face.person_id == "ana"}
    assert heard == {("one", "one/ana.0-a00000000"), ("two", "two/ana.0-a00000000")}


def test_so_many_faces_of_a_person_in_a_dataset_are_drawn_by_seed(made, tmp_path: Path) -> None:
    data = open_split(made.at, tmp_path, split=TRAIN, standard_only=False)
    drawn = [[face.face_id for face in faces_of(data, most=2, seed=seed)] for seed in (1, 1, 2)]
    assert Counter(face_id.split(".")[0] for face_id in drawn[0]) == {"one/ana": 2, "two/ana": 2, "one/ben": 2}
    assert drawn[0] == drawn[1] != drawn[2]


def test_persons_without_a_segment_are_skipped() -> None:
    faces, log_mels = np.zeros((3, 16, 16, 3), np.uint8), np.zeros((1, 4, 5), np.float32)
    data = DatasetSplit.from_arrays(faces, log_mels, None, ["a", "b", "b"], ["b"])
    assert [face.person_id for face in faces_of(data)] == ["b", "b"]
