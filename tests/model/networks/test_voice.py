"""The voice network, the generator and the discriminator: shapes, and files in the released form."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.networks.audio_face import AudioFaceDecoder, load_audio_face_decoder
from model.networks.discriminator import PatchDiscriminator
from model.networks.voice import load_voice_network
from pipeline.core.base.errors import BadInput, UntrustedWeights

State = dict[str, Tensor]


def released_voice(width: int = 64, n_mels: int = 64) -> State:
    """Names and shapes of voice2face's ``voice_embedding.pth`` at width 64, values at random."""
    torch.manual_seed(8)
    channels = [n_mels, 4 * width, 6 * width, 9 * width, 27 * width // 2, 64]
    state: State = {}
    for layer, place in enumerate((0, 3, 6, 9, 12)):
        n_in, n_out = channels[layer], channels[layer + 1]
        state[f"model.{place}.weight"] = torch.randn(n_out, n_in, 3) / (3 * n_in) ** 0.5
        if place == 12:
            state["model.12.bias"] = torch.randn(64)
            continue
        norm = f"model.{place + 1}"
        state |= {f"{norm}.weight": torch.rand(n_out) + 0.5, f"{norm}.bias": torch.randn(n_out)}
        state |= {f"{norm}.running_mean": torch.randn(n_out), f"{norm}.running_var": torch.rand(n_out) + 0.5}
        state[f"{norm}.num_batches_tracked"] = torch.tensor(50_000)
    return state


def released_generator(width: int) -> State:
    """Names of voice2face's ``generator.pth``, and its shapes at width 64."""
    torch.manual_seed(9)
    channels = [64, 16 * width, 8 * width, 4 * width, 2 * width, width, 3]
    state: State = {}
    for layer, place in enumerate((0, 2, 4, 6, 8, 10)):
        side_px = 1 if place == 10 else 4
        n_in, n_out = channels[layer], channels[layer + 1]
        state[f"model.{place}.weight"] = torch.randn(n_in, n_out, side_px, side_px) / n_in**0.5
        state[f"model.{place}.bias"] = torch.randn(n_out)
    return state


def stored(state: object, folder: Path) -> Path:
    path = folder / "weights.pth"
    torch.save(state, path)
    return path


def test_the_released_voice_network_loads_and_embeds_the_same(tmp_path: Path) -> None:
    state = released_voice()
    network = load_voice_network(stored(state, tmp_path))
    assert (network.width, network.n_mels, network.training) == (64, 64, False)
    log_mels = torch.randn(2, 64, 100)
    x = log_mels
    for place in (0, 3, 6, 9):
        x = torch.conv1d(x, state[f"model.{place}.weight"], stride=2, padding=1)
        norm = f"model.{place + 1}"
        scale = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + 1e-5)
        x = torch.relu((x - state[f"{norm}.running_mean"][:, None]) * scale[:, None] + state[f"{norm}.bias"][:, None])
    x = torch.conv1d(x, state["model.12.weight"], state["model.12.bias"], stride=2, padding=1)
    assert x.shape == (2, 64, 4)  # 100, 50, 25, 13, 7, 4
    with torch.no_grad():
        torch.testing.assert_close(network(log_mels), x.mean(dim=2), rtol=1e-4, atol=1e-4)
        length = x.mean(dim=2).norm(dim=1, keepdim=True)
        torch.testing.assert_close(network.embed(log_mels), x.mean(dim=2) / length, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("width", "n_mels"), [(8, 64), (16, 40), (2, 1)])
def test_width_and_mels_are_read_from_the_file(width: int, n_mels: int, tmp_path: Path) -> None:
    network = load_voice_network(stored(released_voice(width, n_mels), tmp_path))
    assert (network.width, network.n_mels) == (width, n_mels)


def test_batch_counters_may_be_missing(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in released_voice(8).items() if "num_batches" not in name}
    assert torch.equal(load_voice_network(stored(state, tmp_path)).model[0].weight, state["model.0.weight"])


def without(name: str) -> Callable[[State], object]:
    return lambda state: state.pop(name)


def having(name: str, tensor: Tensor) -> Callable[[State], None]:
    return lambda state: state.update({name: tensor})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without("model.0.weight"), "not a voice network: it has no convolution over time 'model.0.weight'"),
        (having("model.0.weight", torch.zeros(32, 64, 3, 1)), "not a voice network"),
        (having("model.0.weight", torch.zeros(33, 64, 3)), "'model.0.weight': expected a multiple of 4 .* found 33"),
        (having("model.0.weight", torch.zeros(0, 64, 3)), "'model.0.weight': expected a multiple of 4 .* found 0"),
        (having("model.0.weight", torch.zeros(32, 64, 5)), r"'model.0.weight': expected \(32, 64, 3\) float32 .*5\)"),
        (without("model.4.running_var"), r"'model.4.running_var': expected \(48,\) float32 .* found nothing"),
        (having("model.6.weight", torch.zeros(72, 8, 3)), r"'model.6.weight': .*\(72, 48, 3\).* found \(72, 8, 3\)"),
        (having("model.9.weight", torch.zeros(108, 72, 3).half()), "'model.9.weight': .* found .* float16"),
        (having("model.12.bias", torch.full((64,), torch.nan)), "'model.12.bias': expected finite numbers"),
        (having("model.13.weight", torch.zeros(1)), "'model.13.weight': expected no such tensor in a voice network"),
    ],
)
def test_the_first_wrong_tensor_of_a_voice_network_is_named(
    spoil: Callable[[State], object], message: str, tmp_path: Path
) -> None:
    state = released_voice(8)
    spoil(state)
    with pytest.raises(BadInput, match=message):
        load_voice_network(stored(state, tmp_path))


def test_a_voice_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UntrustedWeights):
        load_voice_network(stored({"model.0.weight": print}, tmp_path))


def test_voice2face_s_generator_loads_and_leaves_the_upsampling_as_it_is(tmp_path: Path) -> None:
    decoder = AudioFaceDecoder(8)
    before = {name: tensor.clone() for name, tensor in decoder.state_dict().items()}
    state = released_generator(8)
    load_audio_face_decoder(decoder, stored(state, tmp_path))
    for name, tensor in decoder.state_dict().items():
        assert torch.equal(tensor, state[name] if name.startswith("model.") else before[name])


def test_voice2face_s_generator_has_the_shapes_of_width_64(tmp_path: Path) -> None:
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in AudioFaceDecoder(64).model.state_dict(prefix="model.").items()}
        released = {name: tensor.shape for name, tensor in released_generator(64).items()}
    assert shapes == released


def test_a_whole_decoder_loads(tmp_path: Path) -> None:
    torch.manual_seed(1)
    given, decoder = AudioFaceDecoder(8), AudioFaceDecoder(8)
    load_audio_face_decoder(decoder, stored(given.state_dict(), tmp_path))
    voice = torch.randn(1, 64)
    assert torch.equal(decoder(voice).face_BCHW, given(voice).face_BCHW)


def test_a_generator_of_another_width_or_with_a_part_missing_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    decoder = AudioFaceDecoder(8)
    before = {name: tensor.clone() for name, tensor in decoder.state_dict().items()}
    with pytest.raises(BadInput, match=r"'model.0.weight': expected \(64, 128, 4, 4\).* generator of width 8, found"):
        load_audio_face_decoder(decoder, stored(released_generator(16), tmp_path))
    partly = AudioFaceDecoder(8).state_dict()
    del partly["upsample.2.bias"]
    with pytest.raises(BadInput, match=r"'upsample.2.bias': expected \(2,\) float32 of an audio-face decoder"):
        load_audio_face_decoder(decoder, stored(partly, tmp_path))
    with pytest.raises(BadInput, match="'face': expected no such tensor in a voice2face generator"):
        load_audio_face_decoder(decoder, stored(released_generator(8) | {"face": torch.zeros(1)}, tmp_path))
    assert all(torch.equal(tensor, before[name]) for name, tensor in decoder.state_dict().items())


def test_audio_faces_have_four_taps_after_relu_and_no_bounds() -> None:
    torch.manual_seed(0)
    decoder = AudioFaceDecoder(16)
    decoder.upsample[-1].bias.data.fill_(5.0)
    face, taps = decoder(torch.nn.functional.normalize(torch.randn(2, 64), dim=1))
    assert face.shape == (2, 3, 256, 256) and face.mean() > 4
    assert [tuple(tap.shape[1:]) for tap in taps] == [(64, 16, 16), (32, 32, 32), (16, 64, 64), (8, 128, 128)]
    assert all((tap >= 0).all() and (tap == 0).any() for tap in taps)


def test_faces_of_different_voices_differ_from_the_first_step_on() -> None:
    """Torch's own start: by 1e-6, against a standard deviation of 0.2 within one face."""
    torch.manual_seed(0)
    voices = torch.nn.functional.normalize(torch.randn(16, 64), dim=1)
    with torch.no_grad():
        assert 0.02 < AudioFaceDecoder(8)(voices).face_BCHW.std(dim=0).mean() < 0.5


@pytest.mark.parametrize("n_images", [1, 2])
def test_the_discriminator_classifies_30_by_30_patches_of_70_px(n_images: int) -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator(n_images, 8).eval()
    image = torch.randn(1, 3, 256, 256, requires_grad=True)
    logits = network(*[image] * n_images)
    assert logits.shape == (1, 1, 30, 30)
    for module in network.model:  # instance norm uses the whole picture
        if isinstance(module, torch.nn.InstanceNorm2d):
            module.register_forward_hook(lambda _module, given, _out: given[0])
    (gradient,) = torch.autograd.grad(network(*[image] * n_images)[0, 0, 15, 15], image)
    rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70


def test_the_discriminator_tells_the_two_of_a_pair_apart() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator(2, 8)
    one, other = torch.randn(2, 1, 3, 256, 256)
    assert not torch.allclose(network(one, other), network(other, one))
    with pytest.raises(TypeError, match="expected 2 images, found 1"):
        network(one)
