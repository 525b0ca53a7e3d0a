"""The generator's file: a loaded generator inpaints as the saved one; any other file is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor

from model.networks.convert import RELEASED_TRAINING
from model.networks.generator import InpaintingGenerator
from model.networks.generator_file import METADATA_KEY, load_generator, load_generator_file, save_generator
from model.networks.voice import VoiceNetwork
from model.settings import VARIANTS, ModelParams, Variant
from pipeline.core.base.errors import BadInput

State = dict[str, Tensor]


def network_of(variant: Variant) -> InpaintingGenerator:
    torch.manual_seed(11)
    network = InpaintingGenerator(ModelParams(width=8, variant=variant, avff_gain=1.5), label_size=12, n_mels=20)
    for name, tensor in network.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            tensor.uniform_(0.5, 1.5)
    return network.eval()


def inpainted_by(network: InpaintingGenerator) -> list[Tensor]:
    torch.manual_seed(12)
    masks = (torch.rand(1, 1, 256, 256) < 0.3).float()
    with torch.no_grad():
        return [
            out
            for out in network(torch.randn(1, 3, 256, 256) * (1 - masks), masks, torch.randn(1, network.n_mels, 50))
            if out is not None
        ]


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_loaded_network_inpaints_bit_for_bit_as_the_saved_one(variant: Variant, tmp_path: Path) -> None:
    network = network_of(variant)
    save_generator(network.to(memory_format=torch.channels_last), tmp_path / "generator.safetensors")
    loaded = load_generator(tmp_path / "generator.safetensors")
    assert (loaded.params, loaded.label_size, loaded.n_mels) == (network.params, 12, 20)
    assert not loaded.training
    expected = inpainted_by(network.to(memory_format=torch.contiguous_format))
    assert all(torch.equal(one, other) for one, other in zip(inpainted_by(loaded), expected, strict=True))


def test_a_loaded_network_can_be_trained_on_but_for_its_voice_and_leaves_its_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    network = network_of("full")
    save_generator(network, path)
    before = path.read_bytes()
    loaded = load_generator(path).train()
    frozen = {name for name, one in loaded.named_parameters() if not one.requires_grad}
    assert frozen == {name for name, one in network.named_parameters() if not one.requires_grad}
    with torch.no_grad():
        for parameter in loaded.parameters():
            parameter.add_(1.0)
    assert path.read_bytes() == before


def test_a_voice_network_from_elsewhere_comes_back_with_its_own_width(tmp_path: Path) -> None:
    network = network_of("full")
    network.set_voice_network(VoiceNetwork(n_mels=40, width=16))
    save_generator(network, tmp_path / "generator.safetensors")
    loaded = load_generator(tmp_path / "generator.safetensors")
    assert loaded.voice is not None and (loaded.voice.width, loaded.n_mels) == (16, 40)
    assert all(torch.equal(*pair) for pair in zip(inpainted_by(loaded), inpainted_by(network), strict=True))


def test_equal_weights_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        save_generator(network_of("full"), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"one", "other"}


def spoiled(path: Path, spoil: Callable[[State, dict[str, object]], object]) -> Path:
    """Save a network, then its file with other tensors or other metadata."""
    save_generator(network_of("full"), path)
    with safe_open(path, framework="pt") as file:
        build = json.loads(file.metadata()[METADATA_KEY])
    state = safetensors.torch.load_file(path)
    spoil(state, build)
    safetensors.torch.save_file(state, path, {METADATA_KEY: json.dumps(build)})
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda state, _: state.pop("fuse.bias"), r"'fuse.bias': expected \(64,\) float32 .* found nothing"),
        (lambda state, _: state.update({"fuse.bias": torch.zeros(63)}), r"'fuse.bias': .* found \(63,\) float32"),
        (lambda state, _: state.update({"fuse.bias": torch.zeros(64).half()}), "'fuse.bias': .* float16"),
        (lambda state, _: state["fuse.bias"].fill_(torch.inf), "'fuse.bias': expected finite numbers"),
        (lambda state, _: state.update(more=torch.zeros(1)), "'more': expected no such tensor"),
        (lambda state, _: state.pop("decoder.avffs.0.local_context.1.num_batches_tracked"), "found nothing"),
        (lambda _, build: build["params"].update(width=16), "'encoder.convolutions.0.weight': .* of width 16, found"),
        (lambda _, build: build["params"].update(width=12), "metadata 'params.width': .* multiple of 8, found 12"),
        (lambda _, build: build["params"].pop("variant"), "metadata 'params.variant'"),
        (lambda _, build: build.update(label_size=1 << 40), "metadata 'label_size'"),
        (lambda _, build: build.update(more=1), "metadata 'more'"),
    ],
)
def test_the_first_thing_wrong_with_a_file_is_named(
    spoil: Callable[[State, dict[str, object]], object], message: str, tmp_path: Path
) -> None:
    path = spoiled(tmp_path / "generator.safetensors", spoil)
    with pytest.raises(BadInput, match=message) as raised:
        load_generator(path)
    assert str(path) in str(raised.value)


def test_a_file_of_before_that_does_not_say_what_it_was_trained_with_is_read(tmp_path: Path) -> None:
    path = spoiled(tmp_path / "generator.safetensors", lambda _, build: build.pop("trained_with"))
    network, trained_with = load_generator_file(path)
    assert trained_with is None
    assert network.params.width == 8


def test_what_a_file_says_of_its_training_is_bounded(tmp_path: Path) -> None:
    stated = RELEASED_TRAINING.model_dump() | {"faces": "x" * 2001}
    path = spoiled(tmp_path / "generator.safetensors", lambda _, build: build.update(trained_with=stated))
    with pytest.raises(BadInput, match=r"metadata 'trained_with\.faces': String should have at most 2000"):
        load_generator_file(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 a zip file, as torch.save writes",
        b"\x10\x00\x00\x00\x00\x00\x00\x00{not json at all",
        safetensors.torch.save({}),
        safetensors.torch.save({"conv1.weight": torch.zeros(3)}, {"geometry": "keras"}),
        safetensors.torch.save({"conv1.weight": torch.zeros(3)}, {METADATA_KEY: "not json"}),
        safetensors.torch.save({"conv1.weight": torch.zeros(3)}, {METADATA_KEY: "[]"}),
    ],
    ids=["empty", "zip", "not_json", "no_tensors", "other_network", "metadata_not_json", "metadata_no_object"],
)
def test_a_file_of_something_else_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"generator.safetensors: "):
        load_generator(path)


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file; 'dvc repro train'"):
        load_generator(tmp_path / "none.safetensors")
    with pytest.raises(BadInput, match="no such file"):
        load_generator(tmp_path)
