"""The label trainer tells made-up persons apart, repeats itself to the bit, and stops when it diverges."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.label_trainer import (
    LabelMetrics,
    LabelTrainerParams,
    augment,
    choose_holdout,
    train_label_network,
)
from pipeline.errors import BadInput, FacevoxError
from pipeline.identity.resnet import LabelNetwork

PARAMS = LabelTrainerParams(weights=None, width=0.125, epochs=4, batch=8, lr=0.05, holdout_share=0.25, seed=1)
Faces = NDArray[np.uint8]


def made_up_faces(n_persons: int, n_faces: int) -> tuple[Faces, list[str]]:
    """Persons are a skin and a hair colour; faces differ in light, place and noise."""
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
    return faces, [f"person {i // n_faces}" for i in range(len(faces))]


def bytes_of(network: LabelNetwork) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}


Trained = tuple[LabelNetwork, LabelMetrics, list[str]]


@pytest.fixture(scope="module")
def trained() -> Trained:
    """Four persons of eight faces, four epochs."""
    lines: list[str] = []
    network, metrics = train_label_network(*made_up_faces(4, 8), PARAMS, report=lines.append)
    return network, metrics, lines


def test_held_out_faces_are_given_to_the_right_persons(trained: Trained) -> None:
    network, metrics, lines = trained
    assert (metrics.n_persons, metrics.n_train_faces, metrics.n_holdout_faces) == (4, 24, 8)
    assert metrics.holdout_accuracy is not None
    assert metrics.holdout_accuracy > 0.6
    assert metrics.train_loss < 1.0
    assert not network.training
    assert len(lines) == 4
    assert lines[-1] == f"label network: epoch 4 of 4, 224 px: loss {metrics.train_loss:.3f}"


def test_a_second_run_gives_the_same_bytes_whatever_the_caller_s_seed_and_threads(trained: Trained) -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    torch.set_num_threads(2)
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    network, metrics = train_label_network(*made_up_faces(4, 8), PARAMS, report=lambda line: None)
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.set_num_threads(threads)
    torch.random.set_rng_state(state)
    assert metrics == trained[1]
    assert bytes_of(network) == bytes_of(trained[0])


def test_another_seed_gives_other_weights(trained: Trained) -> None:
    params = PARAMS.model_copy(update={"seed": 2, "epochs": 1})
    faces, persons = made_up_faces(2, 4)
    one, _ = train_label_network(faces, persons, params, report=lambda line: None)
    other, _ = train_label_network(faces, persons, params.model_copy(update={"seed": 3}), report=lambda line: None)
    assert bytes_of(one) != bytes_of(other)


def test_without_held_out_faces_there_is_no_accuracy() -> None:
    params = PARAMS.model_copy(update={"holdout_share": 0.0, "epochs": 1})
    _, metrics = train_label_network(*made_up_faces(2, 2), params, report=lambda line: None)
    assert metrics == replace(metrics, n_train_faces=4, n_holdout_faces=0, holdout_accuracy=None)


def test_a_loss_that_is_no_number_stops_and_names_the_learning_rate() -> None:
    params = PARAMS.model_copy(update={"lr": 1e30})
    with pytest.raises(FacevoxError, match=r"in epoch \d: lower pretrain_identity.lr \(now 1e\+30\)"):
        train_label_network(*made_up_faces(2, 4), params, report=lambda line: None)


@pytest.mark.parametrize("persons", [["a"] * 4, ["a", "b", "c"]])
def test_one_person_or_a_name_too_few_is_refused(persons: list[str]) -> None:
    with pytest.raises(BadInput, match=f"found 4 faces and {len(persons)} names"):
        train_label_network(np.zeros((4, 256, 256, 3), np.uint8), persons, PARAMS, report=lambda line: None)


def small_faces(n_faces: int) -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(1).integers(0, 256, (n_faces, 4, 4, 3), dtype=np.uint8))


@pytest.mark.parametrize(("n_faces", "n_holdout"), [(1, 0), (2, 1), (3, 1), (4, 1), (6, 2), (10, 3)])
def test_a_quarter_of_each_person_s_faces_is_held_out_to_the_nearest_face(n_faces: int, n_holdout: int) -> None:
    chosen = choose_holdout(small_faces(2 * n_faces), ["a"] * n_faces + ["b"] * n_faces, 0.25, seed=1)
    assert (chosen[:n_faces].sum(), chosen[n_faces:].sum()) == (n_holdout, n_holdout)


def test_one_face_of_each_person_stays_in_training_whatever_the_share() -> None:
    assert choose_holdout(small_faces(5), ["a"] * 4 + ["b"], 0.99, seed=1).tolist().count(False) == 2


def test_the_held_out_faces_depend_neither_on_their_order_nor_on_other_persons() -> None:
    faces = small_faces(12)
    persons = ["a"] * 8 + ["b"] * 4
    chosen = choose_holdout(faces, persons, 0.25, seed=1)
    assert choose_holdout(faces[::-1], persons[::-1], 0.25, seed=1).tolist() == chosen[::-1].tolist()
    assert choose_holdout(faces[:8], persons[:8], 0.25, seed=1).tolist() == chosen[:8].tolist()
    assert any(choose_holdout(faces, persons, 0.25, seed).tolist() != chosen.tolist() for seed in (2, 3, 4))


def test_augmented_faces_stay_near_their_brightness_and_half_are_mirrored() -> None:
    faces_BCHW = torch.zeros(64, 3, 224, 224)
    faces_BCHW[..., 112:] = 100.0
    found = augment(faces_BCHW, 112, torch.Generator().manual_seed(0))
    assert found.shape == (64, 3, 112, 112)
    assert -30 <= float(found.min()) <= float(found.max()) <= 150
    is_mirrored = found[..., 5].mean(dim=(1, 2)) > found[..., -5].mean(dim=(1, 2))
    assert 20 <= int(is_mirrored.sum()) <= 44
