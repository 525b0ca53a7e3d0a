"""The profiles ``paper`` and ``released`` draw, initialise and schedule as the paper and its released code do."""

import math
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from model.data.masks import draw_mask
from model.data.samples import TrainingSamples
from model.data.split import DatasetSplit
from model.networks.audio_face import AudioFaceDecoder
from model.settings import EvaluateParams, MaskParams, ModelParams, PretrainAudioFaceParams, TrainParams
from model.training.distributed import TrainingProcess
from model.training.placement import reproducible
from model.training.tasks.audio_face import untrained_audio_face_decoder
from model.training.tasks.inpainting import GeneratorTrainingParams, InpaintingTask, generator_task
from pipeline.core.base.imports import ROOT
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params, read_section
from pipeline.weights.state_dict import write_state_dict
from stages.commands.profile import apply_profiles
from tests.model.training.networks_to_train import WIDTH, make_networks

Profiled = Callable[..., Layout]


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> Profiled:
    """Return a checkout's params.yaml after some profiles."""

    def apply(*names: str) -> Layout:
        root = tmp_path_factory.mktemp("profiled")
        shutil.copy(ROOT / "params.yaml", root)
        shutil.copytree(ROOT / "profiles", root / "profiles")
        apply_profiles(list(names), [], root)
        return Layout(root)

    return apply


@pytest.fixture(scope="module")
def released(profiled: Profiled) -> Layout:
    return profiled("paper", "released")


def train_of(at: Layout) -> TrainParams:
    return load_params(TrainParams, "train", at.params)


def task_of(at: Layout, data: DatasetSplit) -> InpaintingTask:
    """The networks before their first step, narrow."""
    model = load_params(ModelParams, "model", at.params).model_copy(update={"width": WIDTH})
    params = GeneratorTrainingParams(model=model, mask=load_params(MaskParams, "mask", at.params), train=train_of(at))
    with reproducible(params.train, TrainingProcess()):
        return generator_task(data, make_networks().to_start(), params, TrainingProcess())


def test_released_draws_a_label_of_the_identity_and_its_own_as_often(
    released: Layout, make_array_split: Callable[..., DatasetSplit]
) -> None:
    split = make_array_split(n_persons=2, n_faces=2, n_segments=2, face_px=256)
    samples = TrainingSamples(split, train_of(released), load_params(MaskParams, "mask", released.params))
    drawn = [samples[k] for k in range(400)]
    seen = Counter((one.face_row, int(one.label_D[0]), int(one.log_mel_MT[0, 0])) for one in drawn)
    assert set(seen) == {
        (2 * p + a, 2 * p + b, 2 * p + c) for p in (0, 1) for a in (0, 1) for b in (0, 1) for c in (0, 1)
    }
    assert min(seen.values()) > 8  # of 25 on average; by chance less than once in a thousand
    assert np.mean([bool((one.face_CHW[0] == one.face_CHW[1]).all()) for one in drawn]) == pytest.approx(0.1, abs=0.05)


def test_released_mirrors_half_of_the_faces_and_masks_a_fixed_rectangle_25_px_below_the_centre(
    released: Layout,
) -> None:
    assert (train_of(released).flip_share, train_of(released).grey_share) == (0.5, 0.1)
    rows, columns = np.nonzero(draw_mask(load_params(MaskParams, "mask", released.params), np.random.default_rng(0)))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (89, 216, 64, 191)
    assert len(rows) == 128 * 128


def bound_of(layer: nn.Module) -> float:
    """Torch's default: weights and bias uniform within one over the root of the inputs that a weight's row sums."""
    weight = layer.weight
    assert isinstance(weight, torch.Tensor)
    return 1 / math.sqrt(weight.shape[1] * weight[0, 0].numel())


@pytest.mark.slow
def test_released_starts_from_torchs_default_initialisation_and_the_paper_from_the_networks_own(
    released: Layout, profiled: Profiled, array_split: DatasetSplit
) -> None:
    for at, is_torch in ((released, True), (profiled("paper"), False)):
        task = task_of(at, array_split)
        for network in (task.generator.encoder, task.generator.decoder.convolutions, task.discriminator):
            layers = [one for one in network.modules() if isinstance(one, nn.Conv2d | nn.ConvTranspose2d)]
            assert len(layers) in (5, 8)
            for layer in layers:
                assert layer.bias is not None
                bound, weight, bias = bound_of(layer), layer.weight.detach(), layer.bias.detach()
                assert bool(bias.any()) == is_torch
                if is_torch:
                    assert 0.9 * bound < float(weight.abs().max()) <= bound * (1 + 1e-6)
                    assert float(bias.abs().max()) <= bound * (1 + 1e-6)
                else:
                    assert float(weight.std()) == pytest.approx(0.02, rel=0.1)


def test_released_begins_with_voice2faces_generator_and_random_upsampling_without_any_pretraining(
    released: Layout, tmp_path: Path
) -> None:
    params = load_params(PretrainAudioFaceParams, "pretrain_audio_face", released.params)
    assert (params.weights, params.steps, params.initialisation) == ("voice2face_generator", 0, "torch")
    torch.manual_seed(1)
    given = {name: one for name, one in AudioFaceDecoder(WIDTH).state_dict().items() if name.startswith("model.")}
    write_state_dict(given, tmp_path / "generator.safetensors")
    decoder = untrained_audio_face_decoder(params, WIDTH, tmp_path / "generator.safetensors")
    assert all(torch.equal(decoder.state_dict()[name], one) for name, one in given.items())
    for place in (0, 2, 4):
        layer = decoder.upsample[place]
        assert 0.6 * bound_of(layer) < float(layer.weight.detach().abs().max()) <= bound_of(layer) * (1 + 1e-6)
        assert bool(layer.bias.any())


def test_released_schedules_as_its_code_does(released: Layout) -> None:
    train = train_of(released)
    assert (train.beta1, train.beta2, train.batch, train.precision) == (0.5, 0.999, 4, "float32")
    assert {train.lr_of(step) for step in (1, 100_000, train.steps)} == {2e-4}
    assert train.steps == 500_000
    assert (train.gan, train.recognition_input) == ("ralsgan", "released")
    assert (train.match_gradient, train.detach_inpainted) == (False, False)
    weights = (train.weight_face, train.weight_audio_face, train.weight_gan, train.weight_label, train.weight_match)
    assert weights == (1.0, 0.01, 0.002, 0.001, 1.0)
    assert load_params(ModelParams, "model", released.params).avff_gain == 2.0
    assert read_section("audio.profile", released.params) == "voice2face"
    assert load_params(EvaluateParams, "evaluate", released.params).jpeg_quality == 75


def test_the_paper_borrows_voice2faces_generator_and_trains_as_its_text_says(profiled: Profiled) -> None:
    at = profiled("paper")
    decoder = load_params(PretrainAudioFaceParams, "pretrain_audio_face", at.params)
    assert (decoder.weights, decoder.steps) == ("voice2face_generator", 100_000)
    train = train_of(at)
    assert (train.gan, train.label_of, train.segment_of) == ("paper", "any_face", "same_dataset")
    assert (train.lr, train.beta1, train.beta2, train.batch) == (2e-4, 0.5, 0.999, 4)
    weights = (train.weight_label, train.weight_match, train.weight_face, train.weight_audio_face, train.weight_gan)
    assert weights == (0.001, 1.0, 1.0, 0.01, 0.002)
    assert (train.match_gradient, train.detach_inpainted, train.recognition_input) == (True, True, "published")
    assert load_params(ModelParams, "model", at.params).avff_gain == 1.0
    assert load_params(EvaluateParams, "evaluate", at.params).jpeg_quality is None
