"""Losses are the paper's equations, and their gradients reach what is trained and nothing else."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd import gradcheck

from model.networks import frozen_recognition
from model.networks.frozen_recognition import FrozenRecognitionNetwork, RecognitionInput
from model.networks.generator import Inpainted
from model.training.tasks.losses import (
    GanKind,
    GeneratorLosses,
    PatchLogits,
    discriminator_loss,
    generator_gan_loss,
    generator_losses,
    identity_label_loss,
    identity_match_loss,
    reconstruction_loss,
)
from pipeline.identity.network.resnet import FaceRecognitionNetwork, preprocess
from tests.model.params_of import train_params

GAN_KINDS: tuple[GanKind, ...] = ("paper", "ralsgan")
RECOGNITION_INPUTS: tuple[RecognitionInput, ...] = ("published", "released")
Values = NDArray[np.float64]

PAPER = train_params()


def values(seed: int, *shape: int, scale: float = 1.0) -> Values:
    return np.random.default_rng(seed).normal(0, scale, shape)


def tensor(array: Values) -> Tensor:
    return torch.from_numpy(array)


def leaf(array: Values) -> Tensor:
    return torch.from_numpy(array.copy()).requires_grad_()


def sigmoid(logits: Values) -> Values:
    return 1 / (1 + np.exp(-logits))


# ---- Eqs. 2 and 4


def test_the_label_loss_is_the_mean_distance_of_labels() -> None:
    predicted, labels = values(0, 3, 16), values(1, 3, 16)
    expected = sum(abs(predicted[i, d] - labels[i, d]) for i in range(3) for d in range(16)) / 48
    assert identity_label_loss(tensor(predicted), tensor(labels)).item() == pytest.approx(expected, rel=1e-12)


def test_the_reconstruction_loss_is_the_mean_distance_of_pixels() -> None:
    made, faces = values(0, 2, 3, 4, 5), values(1, 2, 3, 4, 5)
    expected = np.abs(made - faces).sum() / (2 * 3 * 4 * 5)
    assert reconstruction_loss(tensor(made), tensor(faces)).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("loss", [identity_label_loss, reconstruction_loss])
def test_a_distance_has_its_derivative_as_gradient(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    assert gradcheck(loss, (leaf(values(0, 2, 6)), tensor(values(1, 2, 6))))


def test_the_label_losss_gradient_reaches_the_predicted_label() -> None:
    predicted = leaf(values(0, 2, 6))
    labels = values(1, 2, 6)
    identity_label_loss(predicted, tensor(labels)).backward()
    np.testing.assert_allclose(predicted.grad, np.sign(predicted.detach().numpy() - labels) / 12)


# ---- Eq. 3


def recognition_network() -> FaceRecognitionNetwork:
    """A network of 8 channels of which no part is idle: as it starts, each block would be its shortcut."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = FaceRecognitionNetwork(0.125)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.3, 0.6)
                nn.init.normal_(module.bias, 0, 0.1)
    return network


@pytest.fixture(scope="module")
def network() -> FaceRecognitionNetwork:
    return recognition_network()


@pytest.fixture(scope="module")
def recognition(network: FaceRecognitionNetwork) -> FrozenRecognitionNetwork:
    return FrozenRecognitionNetwork(network)


def picture(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (1, 256, 256, 3), np.uint8)


def face(seed: int) -> Tensor:
    return torch.from_numpy(picture(seed).transpose(0, 3, 1, 2) / np.float32(127.5) - np.float32(1))


def test_the_match_loss_is_the_mean_distance_of_what_psi_says(
    network: FaceRecognitionNetwork, recognition: FrozenRecognitionNetwork
) -> None:
    with torch.no_grad():
        inpainted, audio_face = (network(preprocess(picture(seed))).numpy() for seed in (0, 1))
    loss = identity_match_loss(recognition, face(0), face(1), "published", with_gradient=True)
    assert loss.item() == pytest.approx(np.abs(inpainted - audio_face).mean(), rel=1e-3)


def test_the_match_loss_of_the_released_input_is_over_four_places(recognition: FrozenRecognitionNetwork) -> None:
    inpainted, audio_face = (recognition(face(seed), "released").numpy() for seed in (0, 1))
    assert inpainted.shape == (1, 4 * 256)
    loss = identity_match_loss(recognition, face(0), face(1), "released", with_gradient=True)
    assert loss.item() == pytest.approx(np.abs(inpainted - audio_face).mean(), rel=1e-4)


@pytest.mark.parametrize("recognition_input", RECOGNITION_INPUTS)
def test_the_match_losss_gradient_reaches_both_faces_and_not_psi(
    network: FaceRecognitionNetwork, recognition: FrozenRecognitionNetwork, recognition_input: RecognitionInput
) -> None:
    inpainted, audio_face = face(0).requires_grad_(), face(1).requires_grad_()
    identity_match_loss(recognition, inpainted, audio_face, recognition_input, with_gradient=True).backward()
    for reached in (inpainted.grad, audio_face.grad):
        assert reached is not None
        assert (reached != 0).float().mean() > 0.3  # published: (160 / 256) ** 2 of the face is used
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("recognition_input", RECOGNITION_INPUTS)
def test_the_match_loss_without_gradient_has_the_same_value(
    monkeypatch: pytest.MonkeyPatch, recognition: FrozenRecognitionNetwork, recognition_input: RecognitionInput
) -> None:
    """The same bits by the same kernels; the packed network, which has none for gradients, adds in another order."""
    inpainted, audio_face = face(0).requires_grad_(), face(1).requires_grad_()

    def loss(with_gradient: bool) -> Tensor:
        return identity_match_loss(recognition, inpainted, audio_face, recognition_input, with_gradient=with_gradient)

    with_gradient, without = loss(True), loss(False)
    torch.testing.assert_close(without, with_gradient.detach(), rtol=1e-4, atol=0)
    assert not without.requires_grad
    monkeypatch.setattr(frozen_recognition, "can_pack", lambda network: False)
    assert torch.equal(with_gradient, loss(False))


def test_the_match_losss_gradient_is_the_derivative() -> None:
    recognition = FrozenRecognitionNetwork(recognition_network()).double()
    inpainted, audio_face = face(0).double(), face(1).double()
    to_inpainted, to_audio_face = (tensor(values(seed, 1, 3, 256, 256)) for seed in (2, 3))

    def moved(by_inpainted: Tensor, by_audio_face: Tensor) -> Tensor:
        faces = inpainted + by_inpainted * to_inpainted, audio_face + by_audio_face * to_audio_face
        return identity_match_loss(recognition, *faces, "published", with_gradient=True)

    assert gradcheck(moved, (leaf(np.zeros(())), leaf(np.zeros(()))), eps=1e-7, atol=1e-4)


def test_the_match_loss_takes_faces_of_two_widths(recognition: FrozenRecognitionNetwork) -> None:
    loss = identity_match_loss(recognition, face(0), face(1).bfloat16(), "published", with_gradient=True)
    expected = identity_match_loss(recognition, face(0), face(1).bfloat16().float(), "published", with_gradient=True)
    assert torch.equal(loss, expected)


# ---- Eq. 5, and the released GAN loss


def test_the_papers_gan_loss_is_eq_5_as_written() -> None:
    real, fake = values(0, 2, 1, 3, 3), values(1, 2, 1, 3, 3)
    on_fake, on_real = np.log(1 - sigmoid(fake)).mean(), np.log(sigmoid(real)).mean()
    for_discriminator = discriminator_loss("paper", tensor(real), tensor(fake)).item()
    for_generator = generator_gan_loss("paper", tensor(real), tensor(fake)).item()
    assert for_discriminator == pytest.approx(-(on_fake + on_real), rel=1e-12)
    assert for_generator == pytest.approx(on_fake, rel=1e-12)


def test_the_released_gan_loss_is_relativistic_average_least_squares() -> None:
    real, fake = values(0, 2, 1, 3, 3), values(1, 2, 1, 3, 3)
    to_fake, to_real = real - fake.mean(), fake - real.mean()
    discriminator = ((to_fake - 1) ** 2).mean() / 2 + ((to_real + 1) ** 2).mean() / 2
    generator = ((to_fake + 1) ** 2).mean() / 2 + ((to_real - 1) ** 2).mean() / 2
    pair = tensor(real), tensor(fake)
    assert discriminator_loss("ralsgan", *pair).item() == pytest.approx(discriminator, rel=1e-12)
    assert generator_gan_loss("ralsgan", *pair).item() == pytest.approx(generator, rel=1e-12)


@pytest.mark.parametrize("kind", GAN_KINDS)
@pytest.mark.parametrize("loss", [discriminator_loss, generator_gan_loss])
def test_a_gan_loss_has_its_derivative_as_gradient(loss: Callable[..., Tensor], kind: GanKind) -> None:
    logits = leaf(values(0, 2, 1, 3, 3)), leaf(values(1, 2, 1, 3, 3))
    assert gradcheck(lambda real, fake: loss(kind, real, fake), logits)


@pytest.mark.parametrize("kind", GAN_KINDS)
@pytest.mark.parametrize(("real_logit", "fake_logit"), [(100.0, -100.0), (-100.0, 100.0), (100.0, 100.0)])
def test_a_gan_loss_is_finite_for_logits_of_100(kind: GanKind, real_logit: float, fake_logit: float) -> None:
    real = torch.full((1, 1, 2, 2), real_logit, requires_grad=True)
    fake = torch.full((1, 1, 2, 2), fake_logit, requires_grad=True)
    both = discriminator_loss(kind, real, fake) + generator_gan_loss(kind, real, fake)
    both.backward()
    for logits in (real, fake):
        assert logits.grad is not None
        assert logits.grad.isfinite().all()
    if kind == "paper":  # log(sigmoid(x)) is x for x = -100, and 0 for x = 100, to 42 digits
        expected = max(-real_logit, 0) + max(fake_logit, 0)
        assert discriminator_loss(kind, real, fake).item() == pytest.approx(expected, abs=1e-42)
        assert generator_gan_loss(kind, real, fake).item() == pytest.approx(-max(fake_logit, 0), abs=1e-42)


# Above 20 torch's softplus is x itself: its slope is too steep by e^-20, 2.06e-9.
@settings(max_examples=60)
@given(real=st.floats(-30, 30), fake=st.floats(-30, 30))
@example(real=0.0, fake=math.nextafter(20, 21))
def test_what_the_generator_gains_in_eq_5_the_discriminator_loses(real: float, fake: float) -> None:
    logits = leaf(np.array([real])), leaf(np.array([fake]))
    (to_discriminator,) = torch.autograd.grad(discriminator_loss("paper", *logits), logits[1])
    (to_generator,) = torch.autograd.grad(generator_gan_loss("paper", *logits), logits[1])
    assert to_discriminator.item() == pytest.approx(sigmoid(np.array(fake)), rel=2.07e-9)
    assert to_generator.item() == -to_discriminator.item()


def test_eq_5_gives_the_generator_no_gradient_in_the_logits_of_true_faces() -> None:
    real, fake = leaf(values(0, 4)), leaf(values(1, 4))
    (to_real,) = torch.autograd.grad(generator_gan_loss("paper", real, fake), real, allow_unused=True)
    assert to_real is None


@settings(max_examples=60)
@given(shift=st.floats(-50, 50), seed=st.integers(0, 1000))
def test_the_relativistic_loss_depends_on_differences_only(shift: float, seed: int) -> None:
    real, fake = tensor(values(seed, 8)), tensor(values(seed + 1, 8))
    for loss in (discriminator_loss, generator_gan_loss):
        shifted = loss("ralsgan", real + shift, fake + shift)
        assert shifted.item() == pytest.approx(loss("ralsgan", real, fake).item(), rel=1e-9)


@pytest.mark.parametrize("kind", GAN_KINDS)
@pytest.mark.parametrize("loss", [discriminator_loss, generator_gan_loss])
def test_logits_of_16_bits_are_averaged_in_32(loss: Callable[..., Tensor], kind: GanKind) -> None:
    logits = (tensor(values(seed, 1, 1, 30, 30)).bfloat16() for seed in (0, 1))
    real, fake = logits
    found = loss(kind, real, fake)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(loss(kind, real.double(), fake.double()).item(), rel=1e-5)


# ---- Eq. 6


def inpainted_of(variant_has: set[str]) -> Inpainted:
    """A generator's output of 256 px, with label and audio face where the variant has them."""
    return Inpainted(
        composite_BCHW=face(0).requires_grad_(),
        raw_BCHW=face(5),
        audio_face_BCHW=face(1).requires_grad_() if "audio_face" in variant_has else None,
        label_BD=leaf(values(6, 1, 256)).float() if "label" in variant_has else None,
    )


def losses_of(inpainted: Inpainted, recognition: FrozenRecognitionNetwork | None, **changed: Any) -> GeneratorLosses:
    params = PAPER.model_copy(update=changed)
    logits = PatchLogits(tensor(values(7, 1, 1, 30, 30)), tensor(values(8, 1, 1, 30, 30)))
    labels = tensor(values(9, 1, 256))
    return generator_losses(params, inpainted, face(2), labels, recognition=recognition, logits=logits)


def test_the_generators_loss_is_eq_6_with_the_papers_weights(
    network: FaceRecognitionNetwork, recognition: FrozenRecognitionNetwork
) -> None:
    found = losses_of(inpainted_of({"label", "audio_face"}), recognition)
    with torch.no_grad():
        of_inpainted, of_audio_face = (network(preprocess(picture(seed))).numpy() for seed in (0, 1))
    inpainted, audio_face, true = (picture(seed) / 127.5 for seed in (0, 1, 2))
    label = np.abs(values(6, 1, 256) - values(9, 1, 256)).mean()
    match = np.abs(of_inpainted - of_audio_face).mean()
    gan = np.log(1 - sigmoid(values(8, 1, 1, 30, 30))).mean()
    on_face, on_audio_face = np.abs(inpainted - true).mean(), np.abs(audio_face - true).mean()
    total = 0.001 * label + 1 * match + 1 * on_face + 0.01 * on_audio_face + 0.002 * gan
    expected = GeneratorLosses(*map(torch.tensor, (total, label, match, on_face, on_audio_face, gan)))
    for name, value in expected._asdict().items():
        assert getattr(found, name).item() == pytest.approx(value.item(), rel=1e-3), name


def test_the_generators_gan_loss_is_the_one_of_the_params(recognition: FrozenRecognitionNetwork) -> None:
    found = losses_of(inpainted_of(set()), None, gan="ralsgan")
    expected = generator_gan_loss("ralsgan", tensor(values(7, 1, 1, 30, 30)), tensor(values(8, 1, 1, 30, 30)))
    assert found.gan.item() == expected.item()


@pytest.mark.parametrize(
    ("has", "with_recognition", "zero"),
    [
        (set(), False, {"label", "match", "audio_face"}),
        ({"audio_face"}, False, {"label", "match"}),
        ({"audio_face", "label"}, False, {"match"}),
        ({"audio_face", "label"}, True, set()),
        (set(), True, {"label", "match", "audio_face"}),
    ],
)
def test_what_the_variant_lacks_counts_nothing(
    recognition: FrozenRecognitionNetwork, has: set[str], with_recognition: bool, zero: set[str]
) -> None:
    found = losses_of(inpainted_of(has), recognition if with_recognition else None)
    parts = {name: part.item() for name, part in found._asdict().items() if name != "total"}
    assert {name for name, part in parts.items() if part == 0} == zero
    weights = {name: getattr(PAPER, f"weight_{name}") for name in parts}
    assert found.total.item() == pytest.approx(sum(weights[name] * parts[name] for name in parts), rel=1e-6)


@pytest.mark.parametrize("with_gradient", [True, False])
def test_without_the_match_gradient_only_eq_4_moves_the_audio_face(
    recognition: FrozenRecognitionNetwork, with_gradient: bool
) -> None:
    inpainted = inpainted_of({"label", "audio_face"})
    losses_of(inpainted, recognition, match_gradient=with_gradient).total.backward()
    assert inpainted.audio_face_BCHW is not None
    assert inpainted.audio_face_BCHW.grad is not None
    difference = (inpainted.audio_face_BCHW.detach() - face(2)).numpy()
    of_eq_4 = 0.01 * np.sign(difference) / difference.size
    assert np.allclose(inpainted.audio_face_BCHW.grad, of_eq_4, rtol=1e-4, atol=0) != with_gradient
