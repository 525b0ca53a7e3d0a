"""Convert network files of the authors (AudioFace, voice2face) to this project's, and back."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from model.networks.audio_face import UPSAMPLING, AudioFaceDecoder, load_audio_face_decoder
from model.networks.discriminator import PatchDiscriminator
from model.networks.generator_file import (
    GeneratorFile,
    is_generator_file,
    load_generator_file,
    save_generator,
)
from model.networks.released_state import (
    MODEL,
    discriminator_from_released,
    discriminator_to_released,
    generator_from_released,
    generator_to_released,
    is_released_discriminator,
)
from model.networks.trained_with import Sound, TrainedWith
from model.networks.voice import PUBLISHED_MELS, PUBLISHED_WIDTH, load_voice_network
from model.settings import MaskParams
from pipeline.core.base.errors import BadInput
from pipeline.core.storage.atomic import replacing
from pipeline.weights.shape_check import check_state
from pipeline.weights.state_dict import FileFormat, format_of, read_state_dict, write_state_dict

ReleasedOf = Literal["audioface", "voice2face"]

RELEASED_TRAINING = TrainedWith(
    sound=Sound(profile="voice2face", vad="webrtc", segment_s=6.0, pad="tile", n_frames=1000),
    mask=MaskParams(kind="rectangle_released", size_px=128, image=None),
    mask_bits=None,
    alignment=None,
    faces="the authors' faces of FaceForensics++, HDTF and VoxCeleb-ID",
    is_generated=False,
)
"""What the released code trains with; it has no code that aligns faces."""

OWN_SUFFIX, RELEASED_SUFFIX = ".safetensors", ".pth"
_FIRST = "model.0.weight"
_N_DIMENSIONS_OF_VOICE, _N_DIMENSIONS_OF_PICTURES = 3, 4


class _Conversion(NamedTuple):
    what: str
    suffix: str
    write: Callable[[Path], None]


def convert_file(kind: ReleasedOf, source: Path, out: Path | None, *, force: bool = False) -> str:
    """Write the network of ``source`` for the other project; return a sentence on it.

    ``audioface``: the generator (``G_*.pth``) or the discriminator (``PD_*.pth``). ``voice2face``: the voice network
    or the generator of 64 px faces, which is the audio-face decoder without its last layers. A file of this project
    becomes one of theirs. ``out`` None: the name of ``source`` with another suffix, in the working folder. Nothing in
    ``source`` is run.

    Raises BadInput where ``out`` exists, without ``force``, and for a file of another network, naming the first tensor
    that is wrong; UntrustedWeights for a file that would run code.
    """
    conversion = _audioface(source) if kind == "audioface" else _voice2face(source)
    target = out or Path(source.with_suffix(conversion.suffix).name)
    if target.exists() and not force:
        raise BadInput(f"{target}: exists; give another name by --out, or --force to replace it")
    conversion.write(target)
    return f"{target}: {conversion.what}"


def load_whole_generator(path: Path) -> GeneratorFile:
    """Return the generator of a file of this project, or of the authors' ``G_*.pth``; raises as ``convert_file``."""
    if format_of(path) is FileFormat.SAFETENSORS:
        return load_generator_file(path)
    return GeneratorFile(generator_from_released(read_state_dict(path), path), _released_training(path))


def load_discriminator(path: Path, n_images: int, width: int) -> PatchDiscriminator:
    """Return the discriminator of a file of this project, or of the authors' ``PD_*.pth``.

    Raises BadInput where it does not take ``n_images`` or has another ``width``, and as ``convert_file`` does.
    """
    state = read_state_dict(path)
    if is_released_discriminator(state):
        state = dict(discriminator_from_released(state, path).state_dict())
    network = PatchDiscriminator(n_images, width)
    check_state(network.state_dict(), state, path, f"a discriminator of {n_images} images at width {width}")
    network.load_state_dict(state)
    return network.eval()


def _audioface(source: Path) -> _Conversion:
    if format_of(source) is FileFormat.SAFETENSORS:
        return _audioface_of_own(source)
    state = read_state_dict(source)
    if is_released_discriminator(state):
        own = discriminator_from_released(state, source).state_dict()
        return _Conversion("the discriminator", OWN_SUFFIX, partial(write_state_dict, own))
    network, trained_with = load_whole_generator(source)
    what = f"the generator, {trained_with.summary() if trained_with else ''}"
    return _Conversion(what, OWN_SUFFIX, partial(save_generator, network, trained_with=trained_with))


def _audioface_of_own(source: Path) -> _Conversion:
    if is_generator_file(source):
        released = generator_to_released(load_generator_file(source).network, source)
        return _released(released, "the generator for the released code")
    state = read_state_dict(source)
    if state.get(_FIRST, torch.empty(())).ndim != _N_DIMENSIONS_OF_PICTURES:
        raise BadInput(f"{source}: expected a generator or a discriminator of facevox, found neither")
    return _released(discriminator_to_released(state, source), "the discriminator for the released code")


def _voice2face(source: Path) -> _Conversion:
    state = read_state_dict(source)
    is_own = format_of(source) is FileFormat.SAFETENSORS
    if state.get(_FIRST, torch.empty(())).ndim == _N_DIMENSIONS_OF_VOICE:
        voice = load_voice_network(source)
        if (voice.width, voice.n_mels) != (PUBLISHED_WIDTH, PUBLISHED_MELS):
            raise BadInput(
                f"{source}: expected voice2face's voice network, of width {PUBLISHED_WIDTH} and {PUBLISHED_MELS} mels, "
                f"found one of width {voice.width} and {voice.n_mels} mels"
            )
        what, names = "the voice network", voice.state_dict()
    else:
        decoder = AudioFaceDecoder(MODEL.width)
        load_audio_face_decoder(decoder, source)
        what = "voice2face's generator, to start an audio-face decoder from"
        names = {name: tensor for name, tensor in decoder.state_dict().items() if not name.startswith(UPSAMPLING)}
    if is_own:
        return _released(names, f"{what.partition(',')[0]} for voice2face's code")
    return _Conversion(what, OWN_SUFFIX, partial(write_state_dict, names))


def _released(state: Mapping[str, Tensor], what: str) -> _Conversion:
    return _Conversion(what, RELEASED_SUFFIX, partial(_write_torch, dict(state)))


def _write_torch(state: dict[str, Tensor], path: Path) -> None:
    """Write a state as ``torch.save`` does, whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save({name: tensor.contiguous() for name, tensor in state.items()}, file)


def _released_training(path: Path) -> TrainedWith:
    """Return what the released code trains with; the file's name says for how long."""
    return RELEASED_TRAINING.model_copy(update={"faces": f"{RELEASED_TRAINING.faces} ({path.name})"})
