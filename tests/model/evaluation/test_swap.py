"""Voice swaps, with a generator of known output: the level of the log-mel."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.evaluation.evaluation_faces import EvaluationFace, choose_persons
from model.evaluation.summary import summarise_swaps
from model.evaluation.swap import draw_swaps, measure_swaps, swap_voices
from model.networks.generator import Inpainted
from model.settings import EvaluateParams
from pipeline.core.base.arrays import ImageRGB

LEVELS = {"ana": 40, "bo": 120, "cy": 230}
PARAMS = EvaluateParams(
    max_faces_per_person=1,
    n_bootstrap=20,
    confidence=0.9,
    n_swap_persons=3,
    n_grid_faces=1,
    landmarks_doubled=False,
    jpeg_quality=None,
    threads=1,
    networks={},
    seed=1,
)


class LevelGenerator(nn.Module):
    """Inpaints with the grey level that fills the log-mel."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    audio_face = None

    def embed_voice(self, log_mels_BMT: Tensor) -> Tensor:
        return log_mels_BMT.mean(dim=(1, 2))

    def inpaint(self, masked_faces_BCHW: Tensor, masks_B1HW: Tensor, levels_B: Tensor, audio_face: None) -> Inpainted:
        level = levels_B[:, None, None, None] / 127.5 - 1
        return Inpainted(masked_faces_BCHW + masks_B1HW * level, masked_faces_BCHW, None, None)


class Levels:
    """A recogniser with two features: the mean level, and a constant."""

    def embed(self, faces: list[ImageRGB]) -> NDArray[np.float32]:
        return np.array([[face.mean(), 100.0] for face in faces], np.float32)


def evaluation_face(person: str) -> EvaluationFace:
    """A face and a voice of one level; the mask is the upper half."""
    mask = np.zeros((256, 256), np.uint8)
    mask[:128] = 1
    return EvaluationFace(
        face_id=f"set/{person}-t00",
        person_id=person,
        dataset="set",
        image=np.full((256, 256, 3), LEVELS[person], np.uint8),
        mask=mask,
        segment_id=f"set/{person}-a00",
        log_mel=np.full((64, 8), LEVELS[person], np.float32),
    )


@pytest.fixture
def faces() -> list[EvaluationFace]:
    return [evaluation_face(person) for person in LEVELS]


def features(faces: list[EvaluationFace]) -> dict[str, NDArray[np.float32]]:
    return {face.person_id: Levels().embed([face.image])[0] for face in faces}


def test_each_face_is_inpainted_by_each_voice(faces: list[EvaluationFace]) -> None:
    inpainted = swap_voices(LevelGenerator().eval(), faces).inpainted
    for row, face in zip(inpainted, faces, strict=True):
        for picture, voice in zip(row, faces, strict=True):
            assert np.unique(picture[:128]) == LEVELS[voice.person_id]
            assert np.unique(picture[128:]) == LEVELS[face.person_id]


def test_similarities_are_cosines_to_both_persons_and_their_gain(faces: list[EvaluationFace]) -> None:
    rows = measure_swaps(swap_voices(LevelGenerator().eval(), faces), Levels(), features(faces))
    assert len(rows) == 9

    def cosine(level: float, other: float) -> float:
        return (level * other + 1e4) / np.hypot(level, 100) / np.hypot(other, 100)

    for row in rows:
        face, voice = LEVELS[row.face_person], LEVELS[row.voice_person]
        mixed = (face + voice) / 2
        assert row.similarity_to_face_person == pytest.approx(cosine(mixed, face), abs=1e-6)
        assert row.similarity_to_voice_person == pytest.approx(cosine(mixed, voice), abs=1e-6)
        assert row.similarity_gain == pytest.approx(cosine(mixed, voice) - cosine(face, voice), abs=1e-6)
        assert row.l1_change == abs(face - voice)
        assert row.swap_id == f"set/{row.face_person}-t00+set/{row.voice_person}-a00"
        assert row.similarity_gain > 0 if face != voice else row.similarity_gain == 0


def test_summaries_are_of_other_persons_voices_only(faces: list[EvaluationFace]) -> None:
    rows = measure_swaps(swap_voices(LevelGenerator().eval(), faces), Levels(), features(faces))
    summaries = summarise_swaps(rows, PARAMS)
    others = [row for row in rows if row.face_person != row.voice_person]
    assert {name: summary["n"] for name, summary in summaries.items()} == dict.fromkeys(summaries, 6)
    assert summaries["l1_change"]["value"] == pytest.approx((80 + 110 + 190) / 3)
    assert summaries["similarity_gain"]["value"] == pytest.approx(np.mean([row.similarity_gain for row in others]))
    low, high = summaries["similarity_gain"]["low"], summaries["similarity_gain"]["high"]
    assert low < summaries["similarity_gain"]["value"] < high


def test_without_a_face_recognition_network_only_the_l1_change_is_measured(faces: list[EvaluationFace]) -> None:
    rows = measure_swaps(swap_voices(LevelGenerator().eval(), faces), None, {})
    assert {row.similarity_gain for row in rows} == {None}
    assert summarise_swaps(rows, PARAMS).keys() == {"l1_change"}


def test_the_table_has_voices_on_top_and_faces_on_the_left(faces: list[EvaluationFace]) -> None:
    table = draw_swaps(swap_voices(LevelGenerator().eval(), faces))
    side, head = 260, 20
    assert table.shape == (head + 4 * side, 4 * side - 4, 3)
    middles = table[head + 64 :: side, 128::side, 0]
    assert middles.tolist() == [[255, 40, 120, 230], [40, 40, 120, 230], [120, 40, 120, 230], [230, 40, 120, 230]]


def test_persons_are_drawn_by_hash_each_once() -> None:
    many = [f"p{number}" for number in range(50)]
    chosen = choose_persons([*many, *many], 5, seed=1)
    assert len(set(chosen)) == 5
    assert chosen == sorted(chosen) == choose_persons(many[::-1], 5, seed=1)
    assert choose_persons(many, 5, seed=2) != chosen
    assert set(choose_persons(many[1:], 5, seed=1)) >= set(chosen) - {"p0"}
