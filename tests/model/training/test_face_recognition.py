"""The training classifies made-up persons, is reproducible to the bit, and stops when it diverges."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from model.data.holdout import choose_holdout
from model.data.recognition_faces import StoredFaces, recognition_crop
from model.training.tasks.face_recognition import (
    RecognitionMetrics,
    RecognitionTrainingParams,
    augment,
    train_recognition_network,
)
from pipeline.base.arrays import ImageRGB
from pipeline.base.errors import BadInput, FacevoxError
from pipeline.identity.network.resnet import FaceRecognitionNetwork

PARAMS = RecognitionTrainingParams(
    weights=None, faces=None, width=0.125, epochs=4, batch=8, lr=0.05, holdout_share=0.25, seed=1
)


def made_up_faces(n_persons: int, n_faces: int, n_clips: int) -> StoredFaces:
    """Persons are a skin and a hair colour; faces differ in light, place and noise; clips follow each other."""
    rng = np.random.default_rng(0)
    faces = np.empty((n_persons * n_faces, 256, 256, 3), dtype=np.uint8)
    rows, columns = np.mgrid[:256, :256]
    colours = rng.uniform(40, 215, (n_persons, 2, 3))
    for i in range(len(faces)):
        skin, hair = colours[i // n_faces]
        x, y = rng.normal(128, 5, 2)
        is_face = ((columns - x) / 70) ** 2 + ((rows - y) / 90) ** 2 < 1
        picture = np.where(is_face[..., None], skin, np.where((rows < y)[..., None], hair, 128))
        noisy = picture * rng.uniform(0.85, 1.15) + rng.normal(0, 10, picture.shape)
        faces[i] = noisy.clip(0, 255).astype(np.uint8)
    persons = [f"person {i // n_faces}" for i in range(len(faces))]
    clips = [f"{person}/{i % n_faces * n_clips // n_faces}" for i, person in enumerate(persons)]
    return StoredFaces(persons, clips, np.stack([recognition_crop(face) for face in faces]))


def bytes_of(network: FaceRecognitionNetwork) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}


Trained = tuple[FaceRecognitionNetwork, RecognitionMetrics, list[str]]


@pytest.fixture(scope="module")
def trained() -> Trained:
    """Four persons of eight faces in four clips, four epochs."""
    lines: list[str] = []
    network, metrics = train_recognition_network(made_up_faces(4, 8, 4), PARAMS, log=lines.append)
    return network, metrics, lines


def test_faces_of_held_out_clips_are_given_to_the_right_persons(trained: Trained) -> None:
    network, metrics, lines = trained
    assert (metrics.n_persons, metrics.n_train_faces, metrics.n_holdout_faces) == (4, 24, 8)
    assert (metrics.n_persons_without_holdout, metrics.n_unreadable_faces) == (0, 0)
    assert metrics.holdout_accuracy is not None
    assert metrics.holdout_accuracy > 0.6
    assert metrics.train_loss < 1.0
    assert not network.training
    assert len(lines) == 4
    assert lines[-1] == f"face recognition network: epoch 4 of 4, 224 px: loss {metrics.train_loss:.3f}"


def test_a_second_run_gives_the_same_bytes_whatever_the_caller_s_seed_and_threads(trained: Trained) -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    torch.set_num_threads(2)
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    network, metrics = train_recognition_network(made_up_faces(4, 8, 4), PARAMS, log=lambda line: None)
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.set_num_threads(threads)
    torch.random.set_rng_state(state)
    assert metrics == trained[1]
    assert bytes_of(network) == bytes_of(trained[0])


def test_another_seed_gives_other_weights(trained: Trained) -> None:
    params = PARAMS.model_copy(update={"seed": 2, "epochs": 1})
    faces = made_up_faces(2, 4, 2)
    one, _ = train_recognition_network(faces, params, log=lambda line: None)
    other, _ = train_recognition_network(faces, params.model_copy(update={"seed": 3}), log=lambda line: None)
    assert bytes_of(one) != bytes_of(other)


def test_without_held_out_faces_there_is_no_accuracy() -> None:
    params = PARAMS.model_copy(update={"holdout_share": 0.0, "epochs": 1})
    _, metrics = train_recognition_network(made_up_faces(2, 2, 2), params, log=lambda line: None)
    expected = replace(metrics, n_train_faces=4, n_holdout_faces=0, holdout_accuracy=None, n_persons_without_holdout=2)
    assert metrics == expected


def test_a_loss_that_is_no_number_stops_and_names_the_learning_rate() -> None:
    params = PARAMS.model_copy(update={"lr": 1e30})
    with pytest.raises(FacevoxError, match=r"in epoch \d: lower pretrain_identity.lr \(now 1e\+30\)"):
        train_recognition_network(made_up_faces(2, 4, 1), params, log=lambda line: None)


def test_one_person_alone_is_refused() -> None:
    with pytest.raises(BadInput, match="expected faces of 2 persons or more, found 4 of 1"):
        train_recognition_network(made_up_faces(1, 4, 2), PARAMS, log=lambda line: None)


@dataclass(frozen=True)
class PartlyUnreadable:
    """Faces of which some rows can't be read."""

    faces: StoredFaces
    bad: frozenset[int]

    @property
    def persons(self) -> Sequence[str]:
        return self.faces.persons

    @property
    def origins(self) -> Sequence[str]:
        return self.faces.origins

    def read(self, row: int) -> ImageRGB | None:
        return None if row in self.bad else self.faces.read(row)


def test_faces_that_cannot_be_read_are_left_out_and_counted_once() -> None:
    faces = made_up_faces(2, 8, 4)
    bad = frozenset({0, 1, 2, 9})
    params = PARAMS.model_copy(update={"epochs": 2, "batch": 2})
    _, metrics = train_recognition_network(PartlyUnreadable(faces, bad), params, log=lambda line: None)
    is_holdout = choose_holdout(faces.persons, faces.origins, PARAMS.holdout_share, PARAMS.seed)
    n_bad_holdout = int(is_holdout[sorted(bad)].sum())
    assert metrics.n_unreadable_faces == 4
    assert metrics.n_holdout_faces == is_holdout.sum() - n_bad_holdout
    assert metrics.n_train_faces == 16 - is_holdout.sum() - (4 - n_bad_holdout)


def test_a_folder_in_which_nothing_can_be_read_stops_the_training() -> None:
    faces = PartlyUnreadable(made_up_faces(2, 2, 2), frozenset(range(4)))
    with pytest.raises(BadInput, match="found no picture that can be read"):
        train_recognition_network(faces, PARAMS, log=lambda line: None)


def of_clips(n_persons: int, n_clips: int, n_faces: int) -> tuple[list[str], list[str]]:
    """Return persons and clips of faces."""
    clips = [f"{person}-{clip}" for person in range(n_persons) for clip in range(n_clips) for _ in range(n_faces)]
    return [clip.split("-")[0] for clip in clips], clips


def held_out_clips(persons: list[str], clips: list[str], share: float, seed: int = 1) -> list[str]:
    """Return the held-out clips; each is held out as a whole, or not at all."""
    chosen = choose_holdout(persons, clips, share, seed)
    held_out = {clip for clip, is_held_out in zip(clips, chosen, strict=True) if is_held_out}
    assert chosen.tolist() == [clip in held_out for clip in clips]
    return sorted(held_out)


@pytest.mark.parametrize(("n_clips", "share", "n_holdout"), [(4, 0.25, 1), (2, 0.5, 1), (8, 0.25, 2), (3, 0.99, 2)])
def test_whole_clips_of_each_person_are_held_out(n_clips: int, share: float, n_holdout: int) -> None:
    held_out = held_out_clips(*of_clips(5, n_clips, 3), share)
    assert Counter(clip.split("-")[0] for clip in held_out) == dict.fromkeys("01234", n_holdout)


def test_a_person_of_one_clip_has_none_held_out() -> None:
    assert held_out_clips(*of_clips(50, 1, 3), 0.99) == []


def test_where_the_share_is_no_whole_clip_it_is_kept_over_many_persons() -> None:
    held_out = held_out_clips(*of_clips(2000, 2, 1), 0.15)
    assert len(held_out) == pytest.approx(0.15 * 4000, rel=0.1)
    assert set(Counter(clip.split("-")[0] for clip in held_out).values()) == {1}


def test_the_held_out_clips_depend_neither_on_their_order_nor_on_other_persons() -> None:
    persons, clips = of_clips(20, 3, 2)
    held_out = held_out_clips(persons, clips, 0.25)
    assert held_out_clips(persons[::-1], clips[::-1], 0.25) == held_out
    assert held_out_clips(persons[:60], clips[:60], 0.25) == [clip for clip in held_out if int(clip.split("-")[0]) < 10]
    assert any(held_out_clips(persons, clips, 0.25, seed) != held_out for seed in (2, 3, 4))


def test_augmented_faces_stay_near_their_brightness_and_half_are_mirrored() -> None:
    faces_BCHW = torch.zeros(64, 3, 224, 224)
    faces_BCHW[..., 112:] = 100.0
    found = augment(faces_BCHW, 112, torch.Generator().manual_seed(0))
    assert found.shape == (64, 3, 112, 112)
    assert -30 <= float(found.min()) <= float(found.max()) <= 150
    is_mirrored = found[..., 5].mean(dim=(1, 2)) > found[..., -5].mean(dim=(1, 2))
    assert 20 <= int(is_mirrored.sum()) <= 44
