"""The names of the authors' networks (Jonlysun/AudioFace 704c855) for those of this project, and their shapes.

A state of the released generator has 210 tensors, the discriminator's 10; each is one of this project's.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from model.networks.discriminator import PatchDiscriminator
from model.networks.generator import InpaintingGenerator
from model.networks.unet import N_WITHOUT_TAP
from model.settings import ModelParams
from pipeline.core.base.errors import BadInput
from pipeline.weights.shape_check import check_state

MODEL = ModelParams(width=64, variant="full", avff_gain=2.0)
LABEL_SIZE = 2048
N_DISCRIMINATOR_IMAGES = 2

State = dict[str, Tensor]

_AVFF = {
    "project_face.": "conv_in.",
    "project_both.": "conv_cat.",
    "local_context.": "local_att.",
    **{f"global_context.{layer}.": f"global_att.{layer + 1}." for layer in (0, 1, 3, 4)},  # theirs pools in layer 0
}
_GENERATOR = {
    "encoder.convolutions.0.": "coarse.en_1.",
    **{f"encoder.convolutions.{block}.": f"coarse.en_{block + 1}.encode.1." for block in range(1, 8)},
    "fuse.": "coarse.linear_model.0.",
    **{f"decoder.convolutions.{block}.": f"coarse.de_{8 - block}.decode.1." for block in range(7)},
    "decoder.convolutions.7.": "coarse.de_1.1.",
    **{
        f"decoder.avffs.{level}.{own}": f"coarse.fusion{level + 1}.{theirs}"
        for level in range(4)
        for own, theirs in _AVFF.items()
    },
    "voice.": "audioFeat.Enet.",
    "audio_face.model.": "audioFeat.Gnet.model.",
    "audio_face.upsample.": "audioFeat.upsample.",
    "label_head.": "mlp.",
}
"""By the beginnings of this project's names, in the order of the released file."""
_DISCRIMINATOR = {"model.": "discriminator."}


def is_released_discriminator(state: Mapping[str, Tensor]) -> bool:
    """Whether a state of the authors has the discriminator's names; else it is to be a generator's."""
    return any(name.startswith(_DISCRIMINATOR["model."]) for name in state)


def generator_from_released(state: Mapping[str, Tensor], path: Path) -> InpaintingGenerator:
    """Return the generator with the tensors of a released state, in evaluation mode, on the CPU.

    Raises BadInput naming ``path`` and, by its released name, the first tensor that is missing, unknown, of another
    shape or type, or not finite.
    """
    with torch.device("meta"):
        network = InpaintingGenerator(MODEL, LABEL_SIZE)
    names = _released_names(network.state_dict(), _GENERATOR)
    _check(network.state_dict(), names, state, path, "the released generator")
    network.to_empty(device="cpu").load_state_dict({own: state[released] for own, released in names.items()})
    return network.eval()


def generator_to_released(network: InpaintingGenerator, path: Path) -> State:
    """Return the state by which the released code computes what ``network`` does, in that code's order.

    The released AVFF doubles its output. Another gain is made up for in the weights of the convolution behind it: a
    power of 2, as the paper's 1, without any change of the result. Raises BadInput naming ``path``, the file of
    ``network``, where the shapes of the released code do not fit.
    """
    params = network.params
    if params.model_copy(update={"avff_gain": MODEL.avff_gain}) != MODEL:
        raise _no_such_network(path, f"variant '{params.variant}' of width {params.width}")
    own = network.state_dict()
    for block in range(N_WITHOUT_TAP + 1, 8):
        name = f"decoder.convolutions.{block}.weight"
        n_taps = own[f"decoder.convolutions.{block - 1}.weight"].shape[1] // 2
        weight = own[name].clone()
        weight[-n_taps:] *= params.avff_gain / MODEL.avff_gain
        own[name] = weight
    names = _released_names(own, _GENERATOR)
    released = {name: own[one] for one, name in names.items()}
    with torch.device("meta"):
        expected = InpaintingGenerator(MODEL, LABEL_SIZE).state_dict()
    _check(expected, names, released, path, "the released generator")
    return released


def discriminator_from_released(state: Mapping[str, Tensor], path: Path) -> PatchDiscriminator:
    """Return the discriminator of pairs with the tensors of a released state; raises as the generator's does."""
    network = PatchDiscriminator(N_DISCRIMINATOR_IMAGES, MODEL.width)
    names = _released_names(network.state_dict(), _DISCRIMINATOR)
    _check(network.state_dict(), names, state, path, "the released discriminator")
    network.load_state_dict({own: state[released] for own, released in names.items()})
    return network.eval()


def discriminator_to_released(state: Mapping[str, Tensor], path: Path) -> State:
    """Return the released names' state of a discriminator's; raises BadInput where its shapes are not the released."""
    expected = PatchDiscriminator(N_DISCRIMINATOR_IMAGES, MODEL.width).state_dict()
    check_state(expected, state, path, "the released discriminator, of pairs at width 64")
    return {released: state[own] for own, released in _released_names(expected, _DISCRIMINATOR).items()}


def _released_names(own: Mapping[str, Tensor], parts: Mapping[str, str]) -> dict[str, str]:
    """Return the released name of each own one, in the order of the released file."""
    return {
        name: released + name.removeprefix(start)
        for start, released in parts.items()
        for name in own
        if name.startswith(start)
    }


def _check(own: State, names: Mapping[str, str], state: Mapping[str, Tensor], path: Path, what: str) -> None:
    check_state({released: own[name] for name, released in names.items()}, state, path, what)


def _no_such_network(path: Path, found: str) -> BadInput:
    return BadInput(
        f"{path}: expected the network that the released code has, variant '{MODEL.variant}' of width {MODEL.width}, "
        f"found {found}: it can't be written for that code"
    )
