"""Voice swaps, on a generator whose inpaint is known: the level that the voice says."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.evaluation.evaluation_faces import EvaluationFace
from model.evaluation.figures import swap_figures
from model.evaluation.inpainted_faces import MaskedFace
from model.evaluation.swap import choose_persons, draw_swaps, measure_swaps, swap_voices
from model.networks.generator import Inpainted
from model.settings import EvaluateParams
from pipeline.base.arrays import ImageRGB

LEVELS = {"ana": 40, "bo": 120, "cy": 230}
PARAMS = EvaluateParams(
    max_faces_per_person=1, n_bootstrap=20, confidence=0.9, n_swap_persons=3, n_grid_faces=1, networks={}, seed=1
)


class LevelPainter(nn.Module):
    """Paints the grey level that fills the log-mel."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, masked_faces_BCHW: Tensor, masks_B1HW: Tensor, log_mels_BMT: Tensor) -> Inpainted:
        inpaint = log_mels_BMT.mean() / 127.5 - 1
        return Inpainted(masked_faces_BCHW + masks_B1HW * inpaint, masked_faces_BCHW, None, None)


class Levels:
    """A psi that sees two things of a face: its mean level, and one that is the same in all faces."""

    def embed(self, faces: list[ImageRGB]) -> NDArray[np.float32]:
        return np.array([[face.mean(), 100.0] for face in faces], np.float32)


def subject(person: str) -> MaskedFace:
    """A person whose face and voice have one level; the mask is the upper half."""
    mask = np.zeros((256, 256), np.uint8)
    mask[:128] = 1
    return MaskedFace(
        EvaluationFace(
            face_id=f"set/{person}-t00",
            person_id=person,
            dataset="set",
            face=np.full((256, 256, 3), LEVELS[person], np.uint8),
            label=None,
            segment_id=f"set/{person}-a00",
            log_mel=np.full((64, 8), LEVELS[person], np.float32),
        ),
        mask,
    )


@pytest.fixture
def people() -> list[MaskedFace]:
    return [subject(person) for person in LEVELS]


def features(people: list[MaskedFace]) -> dict[str, NDArray[np.float32]]:
    return {one.subject.person_id: Levels().embed([one.subject.face])[0] for one in people}


def test_each_face_is_inpainted_by_each_voice(people: list[MaskedFace]) -> None:
    inpainted = swap_voices(LevelPainter().eval(), people).inpainted
    for row, face in zip(inpainted, people, strict=True):
        for picture, voice in zip(row, people, strict=True):
            assert np.unique(picture[:128]) == LEVELS[voice.subject.person_id]
            assert np.unique(picture[128:]) == LEVELS[face.subject.person_id]


def test_the_measures_are_cosines_to_both_persons_and_their_change(people: list[MaskedFace]) -> None:
    rows = measure_swaps(swap_voices(LevelPainter().eval(), people), Levels(), features(people))
    assert len(rows) == 9

    def cosine(level: float, other: float) -> float:
        return (level * other + 1e4) / np.hypot(level, 100) / np.hypot(other, 100)

    for row in rows:
        face, voice = LEVELS[row.face_person], LEVELS[row.voice_person]
        mixed = (face + voice) / 2
        assert row.to_face_person == pytest.approx(cosine(mixed, face), abs=1e-6)
        assert row.to_voice_person == pytest.approx(cosine(mixed, voice), abs=1e-6)
        assert row.moved == pytest.approx(cosine(mixed, voice) - cosine(face, voice), abs=1e-6)
        assert row.change == abs(face - voice)
        assert row.swap_id == f"set/{row.face_person}-t00+set/{row.voice_person}-a00"
        assert row.moved > 0 if face != voice else row.moved == 0


def test_figures_are_of_other_persons_voices_only(people: list[MaskedFace]) -> None:
    rows = measure_swaps(swap_voices(LevelPainter().eval(), people), Levels(), features(people))
    figures = swap_figures(rows, PARAMS)
    others = [row for row in rows if row.face_person != row.voice_person]
    assert {name: figure["n"] for name, figure in figures.items()} == dict.fromkeys(figures, 6)
    assert figures["change"]["value"] == pytest.approx((80 + 110 + 190) / 3)
    assert figures["moved"]["value"] == pytest.approx(np.mean([row.moved for row in others]))
    low, high = figures["moved"]["low"], figures["moved"]["high"]
    assert low < figures["moved"]["value"] < high


def test_without_psi_there_is_the_change_alone(people: list[MaskedFace]) -> None:
    rows = measure_swaps(swap_voices(LevelPainter().eval(), people), None, {})
    assert {row.moved for row in rows} == {None}
    assert swap_figures(rows, PARAMS).keys() == {"change"}


def test_the_table_has_voices_on_top_and_faces_on_the_left(people: list[MaskedFace]) -> None:
    table = draw_swaps(swap_voices(LevelPainter().eval(), people))
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
