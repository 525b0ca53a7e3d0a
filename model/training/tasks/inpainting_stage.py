"""The generator of the stage ``train``: its inputs, its training, and what the note on it holds."""

from functools import partial

from model.networks.audio_face import AudioFaceDecoder, load_audio_face_decoder
from model.networks.generator_file import save_generator
from model.networks.voice import VoiceNetwork, load_voice_network
from model.settings import MaskParams, ModelParams, TrainParams
from model.training.context import TrainingContext
from model.training.fit import CannotTrain
from model.training.tasks.inpainting import GeneratorTrainingParams, StartNetworks, train_generator
from model.training.trained_network import TrainedNetwork, read_note, training_split
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.storage.json_file import read_json
from pipeline.identity.network.resnet import FaceRecognitionNetwork
from pipeline.identity.network.weights_file import load_recognition_network

Name = str | None
"""The name that the note on a network gives it; None where the variant needs no such network."""


def trained_generator(at: Layout, context: TrainingContext) -> TrainedNetwork:
    """Return the generator trained on the training persons' standard faces.

    Raises CannotTrain when the dataset or a network that the variant needs is missing, and what ``train_generator``
    raises.
    """
    model = load_params(ModelParams, "model", at.params)
    recognition, recognition_name = _recognition(model, at)
    voice, voice_name = _voice(model, at)
    audio_face, audio_face_name = _audio_face(model, at)
    data = training_split(at, context.process, standard_only=True)
    networks = StartNetworks(recognition=recognition, voice=voice, audio_face=audio_face)
    params = GeneratorTrainingParams(
        model=model, mask=load_params(MaskParams, "mask", at.params), train=load_params(TrainParams, "train", at.params)
    )
    generator, result = train_generator(data, networks, params, context)
    facts = {
        "width": model.width,
        "trained_on": data.summary(),
        "recognition_network": recognition_name,
        "voice": voice_name,
        "audio_face": audio_face_name,
    }
    write = partial(save_generator, generator)
    return TrainedNetwork(network=generator, write=write, kind=model.variant, facts=facts, result=result)


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
