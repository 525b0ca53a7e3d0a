"""The inpainting network as one file: safetensors, with what it takes to build the network in the metadata."""

from pathlib import Path

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from model.networks.generator import InpaintingGenerator
from model.networks.voice import VoiceNetwork
from model.settings import ModelParams
from pipeline.base.errors import BadInput
from pipeline.base.params import Params
from pipeline.weights.shape_check import check_state
from pipeline.weights.state_dict import write_state_dict

METADATA_KEY = "facevox_generator"
"""One key with all in it: of several, safetensors would write the order that a hash table happens to have."""

LARGEST_SIZE = 1 << 16
"""Of labels, mels, widths: what is larger was not written here."""


class _Build(Params):
    """The arguments of ``InpaintingGenerator``, and the width of its voice network, which may come from elsewhere."""

    params: ModelParams
    label_size: int = Field(ge=0, le=LARGEST_SIZE)
    n_mels: int = Field(ge=1, le=LARGEST_SIZE)
    voice_width: int | None = Field(ge=1, le=LARGEST_SIZE)


def save_generator(network: InpaintingGenerator, path: Path) -> None:
    """Write the network, whole or not at all; equal weights give equal bytes."""
    build = _Build(
        params=network.params,
        label_size=network.label_size,
        n_mels=network.n_mels,
        voice_width=None if network.voice is None else network.voice.width,
    )
    write_state_dict(network.state_dict(), path, {METADATA_KEY: build.model_dump_json()})


def load_generator(path: Path) -> InpaintingGenerator:
    """Return the network of ``path``, in evaluation mode, on the CPU; it inpaints what the one that was saved inpainted.

    Raises BadInput for anything but a file of ``save_generator``, naming the first tensor that is wrong.
    """
    metadata, state = _read(path)
    build = _parse(metadata, path)
    with torch.device("meta"):  # nothing is drawn at random only to be overwritten
        network = InpaintingGenerator(build.params, build.label_size, build.n_mels)
        if build.voice_width is not None:
            network.use_voice(VoiceNetwork(build.n_mels, build.voice_width))
    check_state(network.state_dict(), state, path, f"an inpainting network of width {build.params.width}")
    network.to_empty(device="cpu").load_state_dict(state)
    return network.eval()


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    if not path.is_file():
        raise BadInput(f"{path}: no such file; 'dvc repro train' makes the inpainting network")
    try:
        with safe_open(path, framework="pt") as file:
            names: list[str] = file.keys()
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path}: expected an inpainting network in safetensors: {error}") from None


def _parse(metadata: dict[str, str], path: Path) -> _Build:
    if METADATA_KEY not in metadata:
        raise BadInput(f"{path}: not an inpainting network of facevox: no '{METADATA_KEY}' in its metadata")
    try:
        return _Build.model_validate_json(metadata[METADATA_KEY])
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"])) or METADATA_KEY
        raise BadInput(f"{path}: metadata '{key}': {problem['msg']}, found {problem['input']!r}") from None
