"""Train the audio-face decoder: from a voice to a face of the same person."""

from functools import partial
from typing import Any

from pipeline.base.layout import Layout
from pipeline.base.params import load_params

STAGE, NAME = "pretrain_audio_face", "audio_face"


def main(at: Layout = Layout()) -> None:
    """Run the stage."""
    from model.training.trained_network import leave_network

    leave_network(at, STAGE, NAME, lambda machine: _trained(machine, at))


def _trained(machine: Any, at: Layout) -> Any:
    from model.networks.voice import load_voice_network
    from model.settings import ModelParams, PretrainAudioFaceParams
    from model.training.tasks.audio_face import train_audio_face
    from model.training.trained_network import Provided, read_note, training_pack, training_states, write_network
    from pipeline.weights.fetch import find_weights

    params = load_params(PretrainAudioFaceParams, STAGE, at.params)
    voice_note = read_note(at, "voice")
    pack = training_pack(at, machine, standard_only=False, datasets=params.datasets)
    decoder, fitted = train_audio_face(
        pack,
        load_voice_network(at.model("voice")),
        params,
        load_params(ModelParams, "model", at.params).width,
        start=find_weights(params.weights) if params.weights else None,
        machine=machine,
        checkpoints=training_states(),
        log_folder=at.training_folder(STAGE),
    )
    facts = {"trained_on": pack.summary(), "voice": voice_note["voice"], "started_from": params.weights}
    return Provided(
        network=decoder, write=partial(write_network, decoder), kind="trained-here", facts=facts, fitted=fitted
    )
