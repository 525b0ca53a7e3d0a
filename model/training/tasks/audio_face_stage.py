"""The audio-face decoder of the stage ``pretrain_audio_face``, and what the note on it holds."""

from functools import partial

from model.networks.voice import load_voice_network
from model.settings import ModelParams, PretrainAudioFaceParams
from model.training.context import TrainingContext
from model.training.tasks.audio_face import SECTION, train_audio_face, untrained_audio_face_decoder
from model.training.trained_network import TrainedNetwork, read_note, training_split, write_network
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.weights.fetch import find_weights


def trained_audio_face_decoder(at: Layout, context: TrainingContext) -> TrainedNetwork:
    """Return the decoder trained on the training persons' faces and voices; with 0 steps, the one it starts from.

    Raises CannotTrain when there is no voice network to train with, WeightsUnavailable for weights that can't be had,
    and what ``training_split`` and ``train_audio_face`` raise.
    """
    params = load_params(PretrainAudioFaceParams, SECTION, at.params)
    width = load_params(ModelParams, "model", at.params).width
    start = find_weights(params.weights) if params.weights else None
    facts = {"started_from": params.weights}
    if params.steps == 0:
        decoder, result, kind = untrained_audio_face_decoder(params, width, start), None, "not-trained"
    else:
        kind = "trained-here"
        voice_name = read_note(at, "voice")["voice"]
        data = training_split(at, context.process, standard_only=False, datasets=params.datasets)
        voice = load_voice_network(at.model("voice"))
        decoder, result = train_audio_face(data, voice, params, width, start=start, context=context)
        facts |= {"trained_on": data.summary(), "voice": voice_name}
    write = partial(write_network, decoder)
    return TrainedNetwork(network=decoder, write=write, kind=kind, facts=facts, result=result)
