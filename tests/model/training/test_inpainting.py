"""Generator and discriminator take the steps of the paper, or of the released code; no other network is trained."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from model.data.samples import TrainingSamples
from model.data.split import DatasetSplit
from model.networks.discriminator import PatchDiscriminator
from model.networks.frozen_recognition import FrozenRecognitionNetwork
from model.networks.generator import InpaintingGenerator
from model.networks.voice import VoiceNetwork
from model.settings import VARIANTS, Variant
from model.training.checkpoint import digest_of
from model.training.context import TrainingContext
from model.training.fit import CannotTrain, TrainingResult
from model.training.tasks.inpainting import train_generator
from pipeline.core.base.errors import BadInput
from pipeline.core.base.images import decode_png
from pipeline.core.base.torch_threads import single_thread
from tests.model.params_of import RELEASED, mask_params, train_params
from tests.model.training.descent import RATE, gradient_descent
from tests.model.training.networks_to_train import WIDTH, Networks, generator_params, make_networks, model_params
from tests.model.training.toy_task import bytes_of

pytestmark = pytest.mark.slow

Train = Callable[..., tuple[InpaintingGenerator, TrainingResult]]


@pytest.fixture(scope="module")
def networks() -> Networks:
    return make_networks()


@pytest.fixture
def train(array_split: DatasetSplit, networks: Networks) -> Train:
    """Train on six persons; other keywords than those of TrainingContext are fields of TrainParams."""

    def train(
        variant: Variant = "full",
        *,
        checkpoint_root: Path | None = None,
        log_folder: Path | None = None,
        **changes: object,
    ) -> tuple[InpaintingGenerator, TrainingResult]:
        context = TrainingContext(checkpoint_root=checkpoint_root, log_folder=log_folder, log=lambda line: None)
        return train_generator(array_split, networks.to_start(), generator_params(variant, **changes), context)

    return train


class Reference:
    """One step in plain torch, from the same start."""

    def __init__(self, data: DatasetSplit, networks: Networks, n_images: int) -> None:
        params = train_params()
        torch.manual_seed(params.seed)
        self.generator = InpaintingGenerator(model_params(), data.label_size)
        self.generator.set_voice_network(VoiceNetwork(width=WIDTH))
        assert self.generator.voice is not None
        assert self.generator.audio_face is not None
        self.generator.voice.load_state_dict(networks.voice.state_dict())
        self.generator.audio_face.load_state_dict(networks.audio_face.state_dict())
        torch.manual_seed(params.seed)
        InpaintingGenerator(model_params(), data.label_size)
        self.discriminator = PatchDiscriminator(n_images, WIDTH)
        self.recognition = FrozenRecognitionNetwork(deepcopy(networks.recognition))
        samples = TrainingSamples(data, params, mask_params())
        self.batch = samples.load(range(params.batch)).unpacked()
        self.of_generator = gradient_descent(one for one in self.generator.parameters() if one.requires_grad)
        self.of_discriminator = gradient_descent(self.discriminator.parameters())

    def inpaint(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the composite, and the parts of Eq. 6 without a discriminator: weighted label and audio-face losses
        with the reconstruction, and the identity match."""
        face, mask = self.batch.face_BCHW, self.batch.mask_B1HW
        inpainted = self.generator(face * (1 - mask), mask, self.batch.log_mel_BMT)
        assert inpainted.audio_face_BCHW is not None
        assert inpainted.label_BD is not None
        near = functional.l1_loss(inpainted.composite_BCHW, face)
        near = near + 0.001 * functional.l1_loss(inpainted.label_BD, self.batch.label_BD)
        near = near + 0.01 * functional.l1_loss(inpainted.audio_face_BCHW, face)
        return inpainted.composite_BCHW, near, inpainted.audio_face_BCHW


def assert_moved_alike(found: nn.Module, expected: nn.Module, start: nn.Module) -> None:
    """The weights have moved, and to the same place but for the order of sums."""
    n_moved = 0
    for name, tensor in expected.state_dict().items():
        way = tensor - start.state_dict()[name]
        torch.testing.assert_close(found.state_dict()[name] - start.state_dict()[name], way, rtol=1e-3, atol=1e-6)
        n_moved += bool(way.double().abs().max() > 1e-5)
    assert n_moved > 30


@single_thread()
def test_a_step_of_the_paper_trains_the_discriminator_then_the_generator_by_eqs_2_to_6(
    array_split: DatasetSplit, networks: Networks, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.training.tasks.inpainting.adam", gradient_descent)
    one = Reference(array_split, networks, n_images=1)
    start = deepcopy(one.generator)
    composite, near, audio_face = one.inpaint()
    face = one.batch.face_BCHW
    gan = torch.sigmoid(one.discriminator(face)).log().mean()
    gan = gan + (1 - torch.sigmoid(one.discriminator(composite.detach()))).log().mean()
    one.of_discriminator.zero_grad()
    (-gan).backward()
    one.of_discriminator.step()
    match = functional.l1_loss(one.recognition(composite, "published"), one.recognition(audio_face, "published"))
    gan_loss = (1 - torch.sigmoid(one.discriminator(composite))).log().mean()
    total = near + match + 0.002 * gan_loss
    one.of_generator.zero_grad()
    total.backward()
    one.of_generator.step()
    generator, result = train(steps=1, lr=RATE)
    assert_moved_alike(generator, one.generator, start)
    assert result.losses["total"] == pytest.approx(total.item(), rel=1e-5)
    assert result.losses["match"] == pytest.approx(match.item(), rel=1e-5)
    assert result.losses["gan"] == pytest.approx(gan_loss.item(), rel=1e-5)
    assert result.losses["discriminator"] == pytest.approx(-gan.item(), rel=1e-5)


@single_thread()
def test_a_step_of_the_released_code_moves_both_by_the_sum_of_both_losses_on_pairs(
    array_split: DatasetSplit, networks: Networks, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.training.tasks.inpainting.adam", gradient_descent)
    one = Reference(array_split, networks, n_images=2)
    start = deepcopy(one.generator)
    composite, near, audio_face = one.inpaint()
    face = one.batch.face_BCHW
    real, fake = one.discriminator(face, composite), one.discriminator(composite, face)
    of_discriminator = ((real - fake.mean() - 1) ** 2).mean() / 2 + ((fake - real.mean() + 1) ** 2).mean() / 2
    of_generator = ((real - fake.mean() + 1) ** 2).mean() / 2 + ((fake - real.mean() - 1) ** 2).mean() / 2
    with torch.no_grad():
        match = functional.l1_loss(one.recognition(composite, "released"), one.recognition(audio_face, "released"))
    total = near + match + 0.002 * of_generator
    one.of_generator.zero_grad()
    one.of_discriminator.zero_grad()
    total.backward(retain_graph=True)
    of_discriminator.backward()
    one.of_generator.step()
    one.of_discriminator.step()
    generator, result = train(steps=1, lr=RATE, **RELEASED)
    assert_moved_alike(generator, one.generator, start)
    assert result.losses["total"] == pytest.approx(total.item(), rel=1e-5)
    assert result.losses["gan"] == pytest.approx(of_generator.item(), rel=1e-5)
    assert result.losses["discriminator"] == pytest.approx(of_discriminator.item(), rel=1e-5)


def test_an_average_of_the_weights_over_the_steps_is_the_trained_network(train: Train) -> None:
    """Of step 1 decay squared, of step 2 decay times its complement, of step 3 the complement."""
    of_step = [train(steps=steps)[0].state_dict() for steps in (1, 2, 3)]
    average = train(steps=3, average_decay=0.7)[0]
    assert not average.training
    n_moved = 0
    for name, weight in average.named_parameters():
        first, second, third = (weights[name] for weights in of_step)
        torch.testing.assert_close(weight, 0.49 * first + 0.21 * second + 0.3 * third, rtol=1e-4, atol=1e-6)
        n_moved += not torch.equal(weight, third)
    assert n_moved > 30


class Killed(Exception):
    """What stops a training in these tests."""


@pytest.mark.parametrize("decay", [None, 0.7])
def test_a_killed_training_goes_on_to_the_losses_and_bytes_of_an_unbroken_one(
    decay: float | None, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it reads the batch after the checkpoint of step 2."""
    unbroken, expected = train(steps=3, average_decay=decay)

    def load(self: TrainingSamples, numbers: Sequence[int]) -> object:
        if 4 in numbers:
            raise Killed
        return original(self, numbers)

    original = TrainingSamples.load
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(TrainingSamples, "load", load)
        train(steps=3, checkpoint_root=tmp_path, average_decay=decay)
    resumed, result = train(steps=3, checkpoint_root=tmp_path, average_decay=decay)
    assert bytes_of(resumed) == bytes_of(unbroken)
    assert result.reports == expected.reports


def test_neither_the_voice_network_nor_the_start_networks_are_trained(train: Train, networks: Networks) -> None:
    before = [digest_of(network) for network in networks]
    generator, _ = train(steps=2)
    assert generator.voice is not None
    assert generator.audio_face is not None
    assert digest_of(generator.voice) == before[1]
    assert digest_of(generator.audio_face) != before[2]
    assert [digest_of(network) for network in networks] == before
    assert all(one.requires_grad for one in networks.voice.parameters())
    assert all(one.requires_grad for one in networks.recognition.parameters())
    assert not generator.training


LOSSES = ("total", "face", "gan", "discriminator")


@pytest.mark.parametrize("variant", VARIANTS[:-1])
def test_every_ablation_trains_and_reports_its_own_losses(train: Train, variant: Variant) -> None:
    generator, result = train(variant)
    expected = {*LOSSES}
    if variant in ("audio_concat", "audio_avff", "identity_label"):
        expected.add("audio_face")
    if variant == "identity_label":
        expected.add("label")
    assert set(result.losses) == expected
    assert generator.params.variant == variant


def test_formats_and_fused_steps_change_results_by_no_more_than_rounding(train: Train) -> None:
    _, plain = train("base")
    _, fast = train("base", precision="bfloat16", channels_last=True, fused=True)
    assert fast.losses == {name: pytest.approx(value, abs=0.02) for name, value in plain.losses.items()}
    assert fast.losses != plain.losses


def test_generator_and_discriminator_are_compiled_when_set_and_the_result_is_a_plain_network(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiler itself, which takes a minute, is replaced by one that changes nothing."""
    seen: list[nn.Module] = []

    def compile_nothing(network: nn.Module) -> nn.Module:
        seen.append(network)
        return network

    monkeypatch.setattr(torch, "compile", compile_nothing)
    generator, _ = train("base", compile=True)
    assert [type(network) for network in seen] == [InpaintingGenerator, PatchDiscriminator]
    assert generator is seen[0]


def test_pictures_show_four_faces_masked_inpainted_from_voice_and_true(train: Train, tmp_path: Path) -> None:
    train(steps=3, log_folder=tmp_path)
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert [path.name for path in pictures] == ["000000002.png", "000000003.png"]
    picture = decode_png(pictures[0].read_bytes())
    assert picture.shape == (4 * 256, 4 * 256, 3)
    masked, inpainted, _, true = (picture[:256, left : left + 256] for left in range(0, 1024, 256))
    assert (masked[89:217, 64:192] == 128).all()  # 0 of [-1, 1]
    assert (masked[:89] == true[:89]).all()
    assert (inpainted[:89] == true[:89]).all()
    assert (inpainted[89:217, 64:192] != true[89:217, 64:192]).any()


def test_taking_pictures_changes_no_weight(train: Train, tmp_path: Path) -> None:
    seen, _ = train(steps=2, log_folder=tmp_path, sample_every=1)
    unseen, _ = train(steps=2)
    assert bytes_of(seen) == bytes_of(unseen)


def run(data: DatasetSplit, networks: Networks, variant: Variant = "full", **changes: object) -> None:
    train_generator(data, networks.to_start(**changes), generator_params(variant))


@pytest.mark.parametrize(
    ("absent", "variant", "message"),
    [
        ("recognition", "full", "'full' matches identities: expected a face recognition network, found none"),
        ("voice", "audio_embedding", "'audio_embedding' uses voices: expected a voice network, found none"),
    ],
)
def test_a_network_that_is_missing_is_named(
    array_split: DatasetSplit, networks: Networks, absent: str, variant: Variant, message: str
) -> None:
    with pytest.raises(CannotTrain, match=message):
        run(array_split, networks, variant, **{absent: None})


def test_a_split_without_labels_trains_all_but_what_predicts_them(
    make_array_split: Callable[..., DatasetSplit], networks: Networks
) -> None:
    data = make_array_split(2, 1, 1, face_px=256, labelled=False)
    with pytest.raises(CannotTrain, match="'identity_label' predicts identity labels: no face has one"):
        run(data, networks, "identity_label")
    run(data, networks, "audio_avff")


def test_a_split_without_voices_is_an_error(make_array_split: Callable[..., DatasetSplit], networks: Networks) -> None:
    with pytest.raises(CannotTrain, match="no face has a label and a segment of its person's voice"):
        run(make_array_split(2, 1, 0, face_px=256), networks)


def test_networks_that_do_not_fit_are_refused(array_split: DatasetSplit, networks: Networks) -> None:
    with pytest.raises(BadInput, match="the voice network takes 40 mels, the dataset's log-mels have 64"):
        run(array_split, networks, voice=VoiceNetwork(40, WIDTH))
    with pytest.raises(BadInput, match=r"model\.width = 8, and the audio-face decoder has width 16"):
        run(array_split, networks, audio_face=type(networks.audio_face)(16))
