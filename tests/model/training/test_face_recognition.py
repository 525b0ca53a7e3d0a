"""The training classifies made-up persons, resumes to the same bytes, and stops when it diverges."""

from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from model.data.holdout import choose_holdout
from model.data.recognition_faces import StoredFaces, recognition_crop
from model.data.samples_recognition import RecognitionSamples
from model.training.context import TrainingContext
from model.training.distributed import TrainingProcess
from model.training.fit import CannotTrain
from model.training.tasks.face_recognition import RecognitionMetrics, one_cycle, train_recognition_network
from pipeline.core.base.errors import FacevoxError
from pipeline.identity.network.resnet import FaceRecognitionNetwork
from tests.model.params_of import identity_params

PARAMS = identity_params(epochs=4)
SILENT = TrainingContext(log=lambda line: None)


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


Trained = tuple[FaceRecognitionNetwork, RecognitionMetrics]


@pytest.fixture(scope="module")
def faces() -> StoredFaces:
    """Four persons of eight faces in four clips."""
    return made_up_faces(4, 8, 4)


@pytest.fixture(scope="module")
def trained(faces: StoredFaces) -> Trained:
    """Four epochs, of three steps each: 24 faces are trained on, in batches of 8."""
    network, metrics, _ = train_recognition_network(faces, PARAMS, SILENT)
    return network, metrics


@pytest.mark.slow
def test_faces_of_held_out_clips_are_given_to_the_right_persons(trained: Trained) -> None:
    network, metrics = trained
    assert (metrics.n_persons, metrics.n_train_faces, metrics.n_holdout_faces) == (4, 24, 8)
    assert (metrics.n_persons_without_holdout, metrics.n_unreadable_faces) == (0, 0)
    assert metrics.holdout_accuracy is not None
    assert metrics.holdout_accuracy > 0.6
    assert metrics.train_loss < 1.0
    assert not network.training


@pytest.mark.slow
def test_a_second_run_gives_the_same_bytes_whatever_the_caller_s_seed_threads_and_loader_workers(
    trained: Trained, faces: StoredFaces
) -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    torch.set_num_threads(2)
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    context = replace(SILENT, process=TrainingProcess(n_loader_workers=2))
    network, metrics, _ = train_recognition_network(faces, PARAMS, context)
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.set_num_threads(threads)
    torch.random.set_rng_state(state)
    assert metrics == trained[1]
    assert bytes_of(network) == bytes_of(trained[0])


@pytest.mark.slow
def test_two_threads_give_the_same_bytes_twice_and_compute_on_two(
    faces: StoredFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []

    def read(self: RecognitionSamples, k: int) -> object:
        found.append(torch.get_num_threads())
        return original(self, k)

    original = RecognitionSamples.__getitem__
    monkeypatch.setattr(RecognitionSamples, "__getitem__", read)
    params = identity_params(threads=2)
    one, _, _ = train_recognition_network(faces, params, SILENT)
    other, _, _ = train_recognition_network(faces, params, SILENT)
    assert set(found) == {2}
    assert bytes_of(one) == bytes_of(other)


class Killed(Exception):
    """What stops a training in these tests."""


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_bytes_of_an_unbroken_one(
    trained: Trained, faces: StoredFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it reads the batch of step 9, the second of full size, after the checkpoint of step 8."""
    lines: list[str] = []
    context = TrainingContext(checkpoint_root=tmp_path, checkpoint_every=4, log=lines.append)

    def read(self: RecognitionSamples, k: int) -> object:
        if k == 8 * PARAMS.batch + 3:
            raise Killed
        return original(self, k)

    original = RecognitionSamples.__getitem__
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(RecognitionSamples, "__getitem__", read)
        train_recognition_network(faces, PARAMS, context)
    resumed, metrics, result = train_recognition_network(faces, PARAMS, context)
    assert "pretrain_identity: goes on after step 8 of 12" in lines
    assert bytes_of(resumed) == bytes_of(trained[0])
    assert metrics == trained[1]
    assert [step for step, _ in result.reports] == [2, 4, 6, 8, 10, 12]


@pytest.mark.slow
def test_faces_of_other_content_start_another_training(faces: StoredFaces, tmp_path: Path) -> None:
    few = replace(faces, persons=faces.persons[:16], origins=faces.origins[:16], images=faces.images[:16])
    other = few.images.copy()
    other[0, 0, 0, 0] ^= 1
    context = replace(SILENT, checkpoint_root=tmp_path)
    for one in (few, few, replace(few, images=other), replace(few, persons=["a"] * 8 + ["b"] * 8)):
        train_recognition_network(one, identity_params(), context)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.slow
def test_faces_and_network_are_on_the_device_of_the_context(
    faces: StoredFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device 'meta' computes shapes only, and so ends at the first number that is read."""
    devices: list[str] = []

    def classify(self: nn.Linear, x: torch.Tensor) -> torch.Tensor:
        devices.append(f"{x.device.type} {self.weight.device.type}")
        return original(self, x)

    original = nn.Linear.forward
    monkeypatch.setattr(nn.Linear, "forward", classify)
    monkeypatch.setattr("model.training.tasks.face_recognition.autocast", lambda *_: nullcontext())  # knows no 'meta'
    context = replace(SILENT, process=TrainingProcess(device=torch.device("meta")))
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        train_recognition_network(faces, PARAMS, context)
    assert set(devices) == {"meta meta"}


@pytest.mark.parametrize("n_steps", [10, 45, 200])
def test_the_schedule_is_torch_s_one_cycle(n_steps: int) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1, momentum=0.9)
    schedule = OneCycleLR(optimizer, 0.1, total_steps=n_steps, pct_start=0.2)
    for step in range(1, n_steps + 1):
        group = optimizer.param_groups[0]
        assert one_cycle(step, n_steps, 0.1) == pytest.approx((group["lr"], group["momentum"]), rel=1e-9)
        optimizer.step()
        if step < n_steps:
            schedule.step()


@pytest.mark.parametrize("n_steps", [1, 2, 5])
def test_the_shortest_trainings_have_a_schedule(n_steps: int) -> None:
    found = [one_cycle(step, n_steps, 0.1) for step in range(1, n_steps + 1)]
    assert all(0 < lr <= 0.1 and 0.85 <= momentum <= 0.95 for lr, momentum in found)


def test_another_seed_gives_other_weights() -> None:
    faces = made_up_faces(2, 4, 2)
    one, _, _ = train_recognition_network(faces, identity_params(seed=2), SILENT)
    other, _, _ = train_recognition_network(faces, identity_params(seed=3), SILENT)
    assert bytes_of(one) != bytes_of(other)


def test_without_held_out_faces_there_is_no_accuracy() -> None:
    _, metrics, _ = train_recognition_network(made_up_faces(2, 2, 2), identity_params(holdout_share=0.0), SILENT)
    expected = replace(metrics, n_train_faces=4, n_holdout_faces=0, holdout_accuracy=None, n_persons_without_holdout=2)
    assert metrics == expected


def test_a_loss_that_is_no_number_stops_and_names_the_learning_rate() -> None:
    message = r"pretrain_identity: .* was no longer .*finite.* step \d.* Lower pretrain_identity.lr \(now 1e\+30\)"
    with pytest.raises(FacevoxError, match=message):
        train_recognition_network(made_up_faces(2, 4, 1), PARAMS.model_copy(update={"lr": 1e30}), SILENT)


def test_one_person_alone_cannot_be_classified() -> None:
    with pytest.raises(CannotTrain, match="expected faces of 2 persons or more, found 4 of 1"):
        train_recognition_network(made_up_faces(1, 4, 2), PARAMS, SILENT)


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
