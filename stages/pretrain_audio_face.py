"""Train the audio-face decoder: from a voice to a face of the same person."""

from functools import partial
from typing import Any

from pipeline.base.layout import Layout
from pipeline.base.params import load_params

STAGE, NAME = "pretrain_audio_face", "audio_face"


def main(at: Layout = Layout()) -> None:
    """Run the stage."""
    from model.training.trained_network import save_trained_network

    save_trained_network(at, STAGE, NAME, lambda process: _trained(process, at))


def _trained(process: Any, at: Layout) -> Any:
    from model.networks.voice import load_voice_network
    from model.settings import ModelParams, PretrainAudioFaceParams
    from model.training.tasks.audio_face import train_audio_face
    from model.training.trained_network import TrainedNetwork, checkpoint_root, read_note, training_split, write_network
    from pipeline.weights.fetch import find_weights

    params = load_params(PretrainAudioFaceParams, STAGE, at.params)
    voice_note = read_note(at, "voice")
    data = training_split(at, process, standard_only=False, datasets=params.datasets)
    decoder, fitted = train_audio_face(
        data,
        load_voice_network(at.model("voice")),
        params,
        load_params(ModelParams, "model", at.params).width,
        start=find_weights(params.weights) if params.weights else None,
        process=process,
        checkpoints=checkpoint_root(),
        log_folder=at.training_folder(STAGE),
    )
    facts = {"trained_on": data.summary(), "voice": voice_note["voice"], "started_from": params.weights}
    return TrainedNetwork(
        network=decoder, write=partial(write_network, decoder), kind="trained-here", facts=facts, fitted=fitted
    )
