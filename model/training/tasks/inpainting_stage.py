"""The generator of the stage ``train``: its inputs, its training, and what the note on it holds."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from model.data.masks import draw_mask
from model.data.split import DatasetSplit
from model.networks.audio_face import AudioFaceDecoder, load_audio_face_decoder
from model.networks.convert import load_discriminator, load_whole_generator
from model.networks.generator_file import save_generator
from model.networks.trained_with import Alignment, Sound, TrainedWith, mask_as_bits
from model.networks.voice import VoiceNetwork, load_voice_network
from model.settings import MaskParams, ModelParams, TrainParams
from model.training.context import TrainingContext
from model.training.fit import CannotTrain
from model.training.tasks.inpainting import (
    DISCRIMINATOR_IMAGES,
    GeneratorTrainingParams,
    StartNetworks,
    train_generator,
)
from model.training.trained_network import TrainedNetwork, read_note, training_split
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import check_section, load_params, read_section, released_names
from pipeline.core.storage.json_file import read_json
from pipeline.identity.network.resnet import FaceRecognitionNetwork
from pipeline.identity.network.weights_file import load_recognition_network
from pipeline.weights.fetch import find_weights

GENERATED = "synthetic"
"""The kind of a source of generated talkers."""
LONGEST_NAMES = 1000

Name = str | None
"""The name that the note on a network gives it; None where the variant needs no such network."""


def trained_generator(at: Layout, context: TrainingContext) -> TrainedNetwork:
    """Return the generator trained on the training persons' standard faces.

    Raises CannotTrain when the dataset or a network that the variant needs is missing, WeightsUnavailable for weights
    that can't be had, and what ``train_generator`` raises.
    """
    params = GeneratorTrainingParams(
        model=load_params(ModelParams, "model", at.params),
        mask=load_params(MaskParams, "mask", at.params),
        train=load_params(TrainParams, "train", at.params),
    )
    networks, facts = _start_networks(params, at)
    data = training_split(at, context.process, standard_only=True)
    generator, result = train_generator(data, networks, params, context)
    facts |= {"width": params.model.width, "trained_on": data.summary()}
    write = partial(save_generator, generator, trained_with=_trained_with(params, data, at))
    return TrainedNetwork(network=generator, write=write, kind=params.model.variant, facts=facts, result=result)


def _start_networks(params: GeneratorTrainingParams, at: Layout) -> tuple[StartNetworks, dict[str, Any]]:
    """Return the networks that the training needs, and what the note says of them."""
    model, train = params.model, params.train
    recognition, recognition_name = _recognition(model, at)
    discriminator = None
    if train.discriminator_weights:
        path = find_weights(train.discriminator_weights)
        discriminator = load_discriminator(path, DISCRIMINATOR_IMAGES[train.gan], model.width)
    facts = {
        "recognition_network": recognition_name,
        "started_from": train.weights,
        "discriminator_started_from": train.discriminator_weights,
    }
    if train.weights:
        generator = load_whole_generator(find_weights(train.weights)).network
        whole = StartNetworks(recognition=recognition, generator=generator, discriminator=discriminator)
        return whole, {**facts, "voice": train.weights, "audio_face": train.weights}
    voice, voice_name = _voice(model, at)
    audio_face, audio_face_name = _audio_face(model, at)
    parts = StartNetworks(recognition=recognition, voice=voice, audio_face=audio_face, discriminator=discriminator)
    return parts, {**facts, "voice": voice_name, "audio_face": audio_face_name}


def _trained_with(params: GeneratorTrainingParams, data: DatasetSplit, at: Layout) -> TrainedWith:
    """Return what the generator's file says of its training."""
    audio = read_section("audio", at.params)
    datasets = read_section("datasets", at.params)
    kinds = {read_section(f"sources.{name}.kind", at.params) for name in datasets}
    released = released_names(at.params)
    is_generated = kinds == {GENERATED} and not released
    names = ", ".join([*datasets, *released])[:LONGEST_NAMES]
    n_persons = len({*data.person_of_face.tolist()})
    mask = params.mask
    bits = None
    if mask.kind == "image" and mask.image is not None:
        bits = mask_as_bits(draw_mask(mask, np.random.default_rng(0)))
        mask = mask.model_copy(update={"image": Path(mask.image).name})
    return TrainedWith(
        sound=check_section(Sound, {name: audio[name] for name in Sound.model_fields}, f"{at.params}: section 'audio'"),
        mask=mask,
        mask_bits=bits,
        alignment=load_params(Alignment, "crop.template", at.params),
        faces=f"{data.n_faces:,} {'generated ' if is_generated else ''}faces of {n_persons:,} persons ({names})",
        is_generated=is_generated,
    )


def _recognition(params: ModelParams, at: Layout) -> tuple[FaceRecognitionNetwork | None, Name]:
    if not params.matches_identities:
        return None, None
    note = read_json(at.recognition_network_note)
    name = note["recognition_network"]
    if name is None:
        raise CannotTrain(
            f"model.variant '{params.variant}' matches identities, and there is no face recognition network: "
            f"{note['reason']}"
        )
    return load_recognition_network(at.recognition_network), name


def _voice(params: ModelParams, at: Layout) -> tuple[VoiceNetwork | None, Name]:
    if not params.uses_voice:
        return None, None
    name = read_note(at, "voice")["voice"]
    return load_voice_network(at.model("voice")), name


def _audio_face(params: ModelParams, at: Layout) -> tuple[AudioFaceDecoder | None, Name]:
    if params.fusion is None:
        return None, None
    name = read_note(at, "audio_face")["audio_face"]
    decoder = AudioFaceDecoder(params.width)
    load_audio_face_decoder(decoder, at.model("audio_face"))
    return decoder, name
