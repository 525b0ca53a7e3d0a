"""The generator as one file: safetensors, with the arguments of its constructor and its training in the metadata."""

from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from model.networks.generator import InpaintingGenerator
from model.networks.trained_with import TrainedWith
from model.networks.voice import VoiceNetwork
from model.settings import ModelParams
from pipeline.core.base.errors import BadInput
from pipeline.core.base.params import Params
from pipeline.weights.shape_check import check_state
from pipeline.weights.state_dict import write_state_dict

METADATA_KEY = "facevox_generator"
"""One key for all: safetensors would write several in the arbitrary order of a hash table."""

LARGEST_SIZE = 1 << 16
"""Of labels, mels and widths: larger values were not written by facevox."""


class GeneratorFile(NamedTuple):
    """A generator in evaluation mode, on the CPU, and what it was trained with; None where its file does not say so."""

    network: InpaintingGenerator
    trained_with: TrainedWith | None


class _Metadata(Params):
    """The arguments of ``InpaintingGenerator``, the width of its voice network, which may be another, and its training.

    Files of before 0.3.0 have no ``trained_with``.
    """

    params: ModelParams
    label_size: int = Field(ge=0, le=LARGEST_SIZE)
    n_mels: int = Field(ge=1, le=LARGEST_SIZE)
    voice_width: int | None = Field(ge=1, le=LARGEST_SIZE)
    trained_with: TrainedWith | None = None


def save_generator(network: InpaintingGenerator, path: Path, trained_with: TrainedWith | None = None) -> None:
    """Write the generator, whole or not at all; equal weights and trainings give equal bytes."""
    metadata = _Metadata(
        params=network.params,
        label_size=network.label_size,
        n_mels=network.n_mels,
        voice_width=None if network.voice is None else network.voice.width,
        trained_with=trained_with,
    )
    write_state_dict(network.state_dict(), path, {METADATA_KEY: metadata.model_dump_json()})


def load_generator(path: Path) -> InpaintingGenerator:
    """Return the generator of ``path``, in evaluation mode, on the CPU; it inpaints as the saved one did.

    Raises BadInput for anything but a file of ``save_generator``, naming the first tensor that is wrong.
    """
    return load_generator_file(path).network


def load_generator_file(path: Path) -> GeneratorFile:
    """Return the generator of ``path`` and what it was trained with; raises as ``load_generator`` does."""
    texts, state = _read(path)
    metadata = _parse(texts, path)
    with torch.device("meta"):  # draws no random weights, which would be overwritten
        network = InpaintingGenerator(metadata.params, metadata.label_size, metadata.n_mels)
        if metadata.voice_width is not None:
            network.set_voice_network(VoiceNetwork(metadata.n_mels, metadata.voice_width))
    check_state(network.state_dict(), state, path, f"a generator of width {metadata.params.width}")
    network.to_empty(device="cpu").load_state_dict(state)
    return GeneratorFile(network.eval(), metadata.trained_with)


def is_generator_file(path: Path) -> bool:
    """Whether a file in safetensors has the metadata of a generator; raises BadInput for a damaged one."""
    try:
        with safe_open(path, framework="pt") as file:
            return METADATA_KEY in (file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path}: expected a network in safetensors: {error}") from None


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    if not path.is_file():
        raise BadInput(f"{path}: no such file; 'dvc repro train' trains the generator")
    try:
        with safe_open(path, framework="pt") as file:
            names: list[str] = file.keys()
            texts, state = file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path}: expected a generator in safetensors: {error}") from None

    if not state:  # as a training with nothing to learn from leaves it
        raise BadInput(f"{path}: no trained network is in this file; 'dvc repro train' trains one")
    return texts, state


def _parse(texts: dict[str, str], path: Path) -> _Metadata:
    if METADATA_KEY not in texts:
        raise BadInput(f"{path}: not a generator of facevox: no '{METADATA_KEY}' in its metadata")
    try:
        return _Metadata.model_validate_json(texts[METADATA_KEY])
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"])) or METADATA_KEY
        raise BadInput(f"{path}: metadata '{key}': {problem['msg']}, found {problem['input']!r}") from None
