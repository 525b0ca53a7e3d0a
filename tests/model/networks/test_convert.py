"""The authors' network files become facevox's and come back with the same bits, and compute the same picture."""

import pickle
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from model.networks.audio_face import AudioFaceDecoder, load_audio_face_decoder
from model.networks.convert import convert_file, load_whole_generator
from model.networks.discriminator import PatchDiscriminator
from model.networks.generator import InpaintingGenerator
from model.networks.generator_file import load_generator, load_generator_file, save_generator
from model.networks.released_state import MODEL, generator_from_released, generator_to_released
from model.networks.voice import VoiceNetwork, load_voice_network
from model.settings import ModelParams
from pipeline.core.base.errors import BadInput, UntrustedWeights
from pipeline.weights.state_dict import read_state_dict, write_state_dict

Shape = tuple[int, ...]
HOLE = slice(89, 217), slice(64, 192)


def layer(name: str, *weight: int, n_out: int | None = None) -> dict[str, Shape]:
    """A weight and a bias; of a transposed convolution ``n_out`` is not the first number of the weight's shape."""
    return {f"{name}.weight": weight, f"{name}.bias": (n_out or weight[0],)}


def batch_norm(name: str, n: int) -> dict[str, Shape]:
    names = ("weight", "bias", "running_mean", "running_var")
    return {**{f"{name}.{one}": (n,) for one in names}, f"{name}.num_batches_tracked": ()}


def up(name: str, n_in: int, n_out: int, side: int = 4) -> dict[str, Shape]:
    return layer(name, n_in, n_out, side, side, n_out=n_out)


def released_shapes() -> dict[str, Shape]:
    """The 210 tensors of ``G_*.pth``, by the layers of the paper's released code."""
    shapes = layer("coarse.en_1", 64, 3, 4, 4)
    for block, (n_in, n_out) in enumerate(pairwise((64, 128, 256, 512, 512, 512, 512, 512)), 2):
        shapes |= layer(f"coarse.en_{block}.encode.1", n_out, n_in, 4, 4)
    shapes |= layer("coarse.linear_model.0", 512, 576)
    decoder = {
        8: (512, 512),
        7: (1024, 512),
        6: (1024, 512),
        5: (1024, 512),
        4: (1280, 256),
        3: (640, 128),
        2: (320, 64),
    }
    for block, (n_in, n_out) in decoder.items():
        shapes |= up(f"coarse.de_{block}.decode.1", n_in, n_out)
    shapes |= up("coarse.de_1.1", 160, 3)
    for level, n in enumerate((256, 128, 64, 32), 1):
        avff = f"coarse.fusion{level}"
        shapes |= layer(f"{avff}.conv_in", n, 2 * n, 1, 1) | layer(f"{avff}.conv_cat", n, 2 * n, 1, 1)
        for branch, first in (("local_att", 0), ("global_att", 1)):
            shapes |= layer(f"{avff}.{branch}.{first}", n // 4, n, 1, 1)
            shapes |= batch_norm(f"{avff}.{branch}.{first + 1}", n // 4)
            shapes |= layer(f"{avff}.{branch}.{first + 3}", n, n // 4, 1, 1)
            shapes |= batch_norm(f"{avff}.{branch}.{first + 4}", n)
    for place, (n_in, n_out) in enumerate(pairwise((64, 256, 384, 576, 864))):
        shapes[f"audioFeat.Enet.model.{3 * place}.weight"] = (n_out, n_in, 3)
        shapes |= batch_norm(f"audioFeat.Enet.model.{3 * place + 1}", n_out)
    shapes |= layer("audioFeat.Enet.model.12", 64, 864, 3)
    for place, (n_in, n_out) in enumerate(pairwise((64, 1024, 512, 256, 128, 64))):
        shapes |= up(f"audioFeat.Gnet.model.{2 * place}", n_in, n_out)
    shapes |= up("audioFeat.Gnet.model.10", 64, 3, 1)
    shapes |= (
        up("audioFeat.upsample.0", 64, 32) | up("audioFeat.upsample.2", 32, 16) | up("audioFeat.upsample.4", 16, 3, 1)
    )
    return shapes | layer("mlp.0", 1024, 512) | layer("mlp.2", 2048, 1024)


def drawn(shapes: dict[str, Shape], seed: int) -> dict[str, Tensor]:
    """A state of these shapes whose signals neither vanish nor grow."""
    generator = torch.Generator().manual_seed(seed)

    def draw(name: str, shape: Shape) -> Tensor:
        if name.endswith("num_batches_tracked"):
            return torch.tensor(seed)
        if len(shape) > 1:
            return torch.randn(shape, generator=generator) * (2 / (shape[1] * shape[2:].numel())) ** 0.5
        return torch.rand(shape, generator=generator) * (0.2 if name.endswith("bias") else 1.0) + 0.1

    return {name: draw(name, torch.Size(shape)) for name, shape in shapes.items()}


def released_output(state: dict[str, Tensor], masked: Tensor, mask: Tensor, log_mel: Tensor) -> tuple[Tensor, ...]:
    """The released generator's composite, audio face and identity, in evaluation mode, by torch's functions alone."""

    def of(name: str) -> tuple[Tensor, Tensor]:
        return state[f"{name}.weight"], state[f"{name}.bias"]

    def norm(x: Tensor, name: str) -> Tensor:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return functional.batch_norm(x, mean, variance, *of(name))

    def branch(x: Tensor, name: str, first: int) -> Tensor:
        x = functional.relu(norm(functional.conv2d(x, *of(f"{name}.{first}")), f"{name}.{first + 1}"))
        return norm(functional.conv2d(x, *of(f"{name}.{first + 3}")), f"{name}.{first + 4}")

    voice = log_mel
    for place in (0, 3, 6, 9):
        voice = functional.conv1d(voice, state[f"audioFeat.Enet.model.{place}.weight"], stride=2, padding=1)
        voice = functional.relu(norm(voice, f"audioFeat.Enet.model.{place + 1}"))
    voice = functional.conv1d(voice, *of("audioFeat.Enet.model.12"), stride=2, padding=1).mean(dim=2)
    voice = voice / voice.norm(dim=1, keepdim=True)

    audio = functional.relu(functional.conv_transpose2d(voice[:, :, None, None], *of("audioFeat.Gnet.model.0")))
    features = []
    for name in (*(f"Gnet.model.{place}" for place in (2, 4, 6, 8)), "upsample.0", "upsample.2"):
        audio = functional.relu(functional.conv_transpose2d(audio, *of(f"audioFeat.{name}"), stride=2, padding=1))
        features.append(audio)
    audio_face = functional.conv_transpose2d(audio, *of("audioFeat.upsample.4"))

    skips = [functional.leaky_relu(functional.conv2d(masked, *of("coarse.en_1"), stride=2, padding=1), 0.2)]
    for block in range(2, 9):
        x = functional.conv2d(skips[-1], *of(f"coarse.en_{block}.encode.1"), stride=2, padding=1)
        skips.append(functional.leaky_relu(functional.instance_norm(x), 0.2) if block < 8 else x)
    code = torch.cat([skips.pop().flatten(1), voice], dim=1)
    code = functional.relu(functional.linear(code, *of("coarse.linear_model.0")))
    identity = functional.linear(functional.relu(functional.linear(code, *of("mlp.0"))), *of("mlp.2"))

    x = code[:, :, None, None]
    for block in range(8, 1, -1):
        up_x = functional.conv_transpose2d(functional.relu(x), *of(f"coarse.de_{block}.decode.1"), stride=2, padding=1)
        face = functional.instance_norm(up_x)
        x = torch.cat([face, skips.pop()], dim=1)
        if block <= 5:
            avff, tap = f"coarse.fusion{6 - block}", features[6 - block]
            projected = functional.conv2d(face, *of(f"{avff}.conv_in"))
            both = functional.conv2d(torch.cat([projected, tap], dim=1), *of(f"{avff}.conv_cat"))
            pooled = (projected + tap).mean(dim=(2, 3), keepdim=True)
            weight = torch.sigmoid(branch(both, f"{avff}.local_att", 0) + branch(pooled, f"{avff}.global_att", 1))
            x = torch.cat([x, 2 * projected * weight + 2 * tap * (1 - weight)], dim=1)
    face = torch.tanh(functional.conv_transpose2d(functional.relu(x), *of("coarse.de_1.1"), stride=2, padding=1))
    return masked * (1 - mask) + face * mask, audio_face, identity


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return drawn(released_shapes(), seed=5)


@pytest.fixture(scope="module")
def inputs() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(6)
    mask = torch.zeros(1, 1, 256, 256)
    mask[..., HOLE[0], HOLE[1]] = 1
    return torch.rand(1, 3, 256, 256).mul(2).sub(1) * (1 - mask), mask, torch.randn(1, 64, 100)


@pytest.fixture(scope="module")
def converted(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The facevox file of a released one; both are large, and removed."""
    folder = tmp_path_factory.mktemp("released")
    source, own = folder / "G_500000.pth", folder / "own.safetensors"
    torch.save(state, source)
    convert_file("audioface", source, own)
    source.unlink()
    yield own
    own.unlink()


def test_a_released_generator_has_210_tensors_of_74_million_parameters(state: dict[str, Tensor]) -> None:
    counted = [one.numel() for name, one in state.items() if not name.endswith(("_tracked", "_mean", "_var"))]
    assert len(state) == 210
    assert round(sum(counted) / 1e6, 2) == 74.05


def test_a_released_generator_inpaints_as_torchs_functions_do(
    converted: Path, state: dict[str, Tensor], inputs: tuple[Tensor, Tensor, Tensor]
) -> None:
    with torch.no_grad():
        expected = released_output(state, *inputs)
        found = load_generator(converted)(*inputs)
    assert all(one.std() > 0.05 for one in expected)
    for one, other in zip((found.composite_BCHW, found.audio_face_BCHW, found.label_BD), expected, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-5 * max(1.0, float(other.abs().max())))
    assert float((found.composite_BCHW - expected[0]).abs().max()) < 1e-5


def test_a_released_generator_comes_back_with_the_same_names_and_bits(
    converted: Path, state: dict[str, Tensor], tmp_path: Path
) -> None:
    back = tmp_path / "G_back.pth"
    convert_file("audioface", converted, back)
    found = torch.load(back, weights_only=True)
    back.unlink()
    assert list(found) == list(state)
    assert all(
        one.dtype == other.dtype and torch.equal(one, other)
        for one, other in zip(found.values(), state.values(), strict=True)
    )


def test_the_file_says_what_the_released_network_was_trained_with(converted: Path) -> None:
    network, trained_with = load_generator_file(converted)
    assert (network.params, network.label_size) == (ModelParams(width=64, variant="full", avff_gain=2.0), 2048)
    assert trained_with is not None and not trained_with.is_generated
    assert (trained_with.sound.profile, trained_with.mask.kind) == ("voice2face", "rectangle_released")
    assert trained_with.alignment is None
    assert "VoxCeleb-ID (G_500000.pth)" in trained_with.summary()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda state: state.pop("mlp.2.bias"), r"'mlp\.2\.bias': expected \(2048,\) float32 .* found nothing"),
        (
            lambda state: state.update({"mlp.2.bias": torch.zeros(9)}),
            r"'mlp\.2\.bias': .*\(2048,\).*, found \(9,\) float",
        ),
        (lambda state: state.update({"mlp.2.bias": torch.zeros(2048).half()}), r"'mlp\.2\.bias': .* found .* float16"),
        (lambda state: state.update({"mlp.3.bias": torch.zeros(9)}), r"'mlp\.3\.bias': expected no such tensor"),
    ],
    ids=["missing", "shape", "type", "unknown"],
)
def test_the_first_key_that_is_wrong_is_named_in_one_sentence(
    spoil: Callable[[dict[str, Tensor]], object], message: str, state: dict[str, Tensor]
) -> None:
    spoiled = dict(state)
    spoil(spoiled)
    with pytest.raises(BadInput, match=rf"^G\.pth: {message}") as refused:
        generator_from_released(spoiled, Path("G.pth"))
    assert "\n" not in str(refused.value)


class Trap:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemExit('the trap ran')",)


@pytest.mark.parametrize("kind", ["audioface", "voice2face"])
def test_a_file_that_would_run_code_is_refused_and_nothing_of_it_runs(kind: str, tmp_path: Path) -> None:
    torch.save({"mlp.2.bias": Trap()}, tmp_path / "G_1.pth")
    (tmp_path / "G_2.pth").write_bytes(pickle.dumps({"mlp.2.bias": Trap()}))
    for name in ("G_1.pth", "G_2.pth"):
        with pytest.raises(UntrustedWeights, match=name):
            convert_file(kind, tmp_path / name, tmp_path / "own.safetensors")  # type: ignore[arg-type]
    assert not (tmp_path / "own.safetensors").exists()


def test_a_network_with_the_papers_gain_computes_the_same_bits_in_the_released_code(
    inputs: tuple[Tensor, Tensor, Tensor],
) -> None:
    torch.manual_seed(8)
    network = InpaintingGenerator(MODEL.model_copy(update={"avff_gain": 1.0}), 2048).eval()
    same = generator_from_released(generator_to_released(network, Path("own")), Path("G.pth"))
    with torch.no_grad():
        assert torch.equal(network(*inputs).composite_BCHW, same(*inputs).composite_BCHW)


def test_a_network_of_other_size_cannot_be_written_for_the_released_code(tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    save_generator(InpaintingGenerator(ModelParams(width=8, variant="full", avff_gain=1.0), 16), path)
    with pytest.raises(BadInput, match="'full' of width 64, found variant 'full' of width 8: it can't be written"):
        convert_file("audioface", path, None)


def test_a_released_discriminator_comes_back_with_the_same_bits(tmp_path: Path) -> None:
    torch.manual_seed(7)
    own = PatchDiscriminator(2, 64)
    released = {name.replace("model.", "discriminator."): one for name, one in own.state_dict().items()}
    torch.save(released, tmp_path / "PD_1.pth")
    convert_file("audioface", tmp_path / "PD_1.pth", tmp_path / "own.safetensors")
    convert_file("audioface", tmp_path / "own.safetensors", tmp_path / "PD_2.pth")
    found = torch.load(tmp_path / "PD_2.pth", weights_only=True)
    assert list(found) == [f"discriminator.{n}.{kind}" for n in (0, 2, 5, 8, 11) for kind in ("weight", "bias")]
    assert all(torch.equal(found[name], one) for name, one in released.items())


def test_voice2faces_networks_become_facevoxs_and_come_back(tmp_path: Path) -> None:
    torch.manual_seed(9)
    voice, decoder = VoiceNetwork(), AudioFaceDecoder(64)
    generator = {name: one for name, one in decoder.state_dict().items() if name.startswith("model.")}
    for name, state in (("voice_embedding", voice.state_dict()), ("generator", generator)):
        theirs, own, back = tmp_path / f"{name}.pth", tmp_path / f"{name}.safetensors", tmp_path / f"{name}.back.pth"
        torch.save(state, theirs)
        convert_file("voice2face", theirs, own)
        convert_file("voice2face", own, back)
        found = read_state_dict(back)
        assert found.keys() == state.keys() and all(torch.equal(found[one], state[one]) for one in state)
    assert torch.equal(
        load_voice_network(tmp_path / "voice_embedding.safetensors").model[0].weight, voice.model[0].weight
    )
    started = AudioFaceDecoder(64)
    load_audio_face_decoder(started, tmp_path / "generator.safetensors")
    assert torch.equal(started.model[0].weight, decoder.model[0].weight)


def test_a_voice_network_of_another_width_is_not_voice2faces(tmp_path: Path) -> None:
    write_state_dict(VoiceNetwork(width=16).state_dict(), tmp_path / "voice.safetensors")
    with pytest.raises(BadInput, match="of width 64 and 64 mels, found one of width 16 and 64 mels"):
        convert_file("voice2face", tmp_path / "voice.safetensors", tmp_path / "voice.pth")


def test_an_audio_face_decoder_is_written_for_voice2face_without_the_layers_that_it_lacks(tmp_path: Path) -> None:
    decoder = AudioFaceDecoder(64)
    write_state_dict(decoder.state_dict(), tmp_path / "audio_face.safetensors")
    convert_file("voice2face", tmp_path / "audio_face.safetensors", tmp_path / "generator.pth")
    assert list(read_state_dict(tmp_path / "generator.pth")) == [
        f"model.{place}.{kind}" for place in range(0, 11, 2) for kind in ("weight", "bias")
    ]


def test_a_file_that_exists_is_kept_without_force(tmp_path: Path) -> None:
    torch.save(VoiceNetwork().state_dict(), tmp_path / "voice.pth")
    (tmp_path / "out").write_bytes(b"mine")
    with pytest.raises(BadInput, match=r"out: exists; .* --force"):
        convert_file("voice2face", tmp_path / "voice.pth", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"mine"
    convert_file("voice2face", tmp_path / "voice.pth", tmp_path / "out", force=True)
    assert load_voice_network(tmp_path / "out").width == 64


def test_another_network_of_facevox_is_refused(tmp_path: Path) -> None:
    write_state_dict(VoiceNetwork().state_dict(), tmp_path / "voice.safetensors")
    with pytest.raises(BadInput, match="expected a generator or a discriminator of facevox, found neither"):
        convert_file("audioface", tmp_path / "voice.safetensors", None)


def test_a_whole_generator_is_read_from_either_file(converted: Path, state: dict[str, Tensor], tmp_path: Path) -> None:
    network, _ = load_whole_generator(converted)
    theirs = tmp_path / "G_1.pth"
    torch.save(state, theirs)
    other, _ = load_whole_generator(theirs)
    theirs.unlink()
    assert all(torch.equal(*pair) for pair in zip(network.parameters(), other.parameters(), strict=True))
