"""The samples of the face recognition network's training: sizes, epochs, and changes at random."""

from collections import Counter

import numpy as np
import torch

from model.data.recognition_faces import StoredFaces
from model.data.samples_recognition import RecognitionSamples, augment
from tests.model.params_of import identity_params

N_FACES = 10


def samples(epochs: int, batch: int = 4, seed: int = 1) -> RecognitionSamples:
    """Faces of one grey value each, of two persons in turn; the last two faces are not trained on."""
    images = np.broadcast_to((20 * np.arange(N_FACES, dtype=np.uint8))[:, None, None, None], (N_FACES, 224, 224, 3))
    faces = StoredFaces(["b", "a"] * 5, list("0123456789"), images)
    return RecognitionSamples(faces, identity_params(epochs=epochs, batch=batch, seed=seed), np.arange(8))


def test_each_face_comes_once_per_epoch_with_its_person() -> None:
    found = samples(epochs=2)
    assert found.n_steps == 4
    persons = Counter(found[k].person for k in range(8))
    assert persons == {0: 4, 1: 4}
    assert found.person_of_face.tolist() == [1, 0] * 5


def test_all_epochs_but_the_last_are_of_half_size() -> None:
    found = samples(epochs=4, batch=3)
    assert found.n_steps == 11
    sizes = [found.load(range(3 * step, 3 * step + 3)).face_BCHW.shape for step in range(11)]
    assert sizes == [(3, 3, 112, 112)] * 8 + [(3, 3, 224, 224)] * 3


def test_a_sample_depends_on_its_number_and_the_seed_alone() -> None:
    one, other = samples(epochs=8), samples(epochs=8)
    assert torch.equal(one[13].face_CHW, [other[k] for k in (0, 5, 13)][2].face_CHW)
    assert not torch.equal(one[13].face_CHW, samples(epochs=8, seed=2)[13].face_CHW)


def test_augmented_faces_stay_near_their_brightness_and_half_are_mirrored() -> None:
    face = np.zeros((224, 224, 3), np.uint8)
    face[:, 112:] = 100
    plain = augment(face, 224, _NoChange())  # type: ignore[arg-type]
    found = torch.stack([augment(face, 112, np.random.default_rng(seed)) for seed in range(64)])
    assert found.shape == (64, 3, 112, 112)
    assert float(plain.min()) * 1.2 - 30 <= float(found.min())
    assert float(found.max()) <= float(plain.max()) + 0.2 * float(plain.abs().max()) + 30
    is_mirrored = found[..., 5].mean(dim=(1, 2)) > found[..., -5].mean(dim=(1, 2))
    assert 20 <= int(is_mirrored.sum()) <= 44


def test_without_a_change_the_face_is_the_network_s_input() -> None:
    face = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    expected_CHW = torch.from_numpy(face[..., ::-1].astype(np.float32)).permute(2, 0, 1)
    shifted_CHW = augment(face, 224, _NoChange()) - expected_CHW  # type: ignore[arg-type]
    for channel in shifted_CHW:
        torch.testing.assert_close(channel, channel.mean().expand_as(channel), rtol=0, atol=0.02)


class _NoChange:
    """Draws no change, and no mirroring."""

    def uniform(self, low: float, high: float, size: int) -> np.ndarray:
        return np.zeros(size)

    def choice(self, values: tuple[int, int]) -> int:
        return values[1]
