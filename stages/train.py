"""Train the inpainting network, or one of the paper's ablations of it, on the training persons' standard faces."""

import json
from functools import partial
from typing import Any

from pipeline.base.layout import Layout
from pipeline.base.params import load_params

STAGE, NAME = "train", "generator"

Named = tuple[Any, str | None]
"""A network that training starts from, and what it is by its note; (None, None) where the variant needs none."""


def main(at: Layout = Layout()) -> None:
    """Run the stage; ``torchrun --nproc-per-node 4 -m stages train`` runs it on four GPUs."""
    from model.training.trained_network import save_trained_network

    save_trained_network(at, STAGE, NAME, lambda process: _trained(process, at))


def _trained(process: Any, at: Layout) -> Any:
    from model.networks.generator_file import save_generator
    from model.settings import MaskParams, ModelParams, TrainParams
    from model.training.tasks.inpainting import train_generator
    from model.training.trained_network import TrainedNetwork, checkpoint_root, training_split

    params = load_params(ModelParams, "model", at.params)
    recognition, recognition_name = _recognition(params, at)
    voice, voice_name = _voice(params, at)
    audio_face, audio_face_name = _audio_face(params, at)
    data = training_split(at, process, standard_only=True)
    network, fitted = train_generator(
        data,
        recognition,
        voice,
        audio_face,
        params,
        load_params(MaskParams, "mask", at.params),
        load_params(TrainParams, STAGE, at.params),
        process=process,
        checkpoints=checkpoint_root(),
        log_folder=at.training_folder(STAGE),
    )
    facts = {
        "width": params.width,
        "trained_on": data.summary(),
        "recognition_network": recognition_name,
        "voice": voice_name,
        "audio_face": audio_face_name,
    }
    write = partial(save_generator, network)
    return TrainedNetwork(network=network, write=write, kind=params.variant, facts=facts, fitted=fitted)


def _recognition(params: Any, at: Layout) -> Named:
    from model.training.fit import CannotTrain
    from pipeline.identity.network.weights_file import load_recognition_network

    if not params.matches_identities:
        return None, None
    name = json.loads(at.recognition_network_note.read_text(encoding="utf-8"))["recognition_network"]
    if name is None:
        raise CannotTrain(
            f"model.variant '{params.variant}' matches identities, and there is no face recognition network."
        )
    return load_recognition_network(at.recognition_network), name


def _voice(params: Any, at: Layout) -> Named:
    from model.networks.voice import load_voice_network
    from model.training.trained_network import read_note

    if not params.hears:
        return None, None
    name = read_note(at, "voice")["voice"]
    return load_voice_network(at.model("voice")), name


def _audio_face(params: Any, at: Layout) -> Named:
    from model.networks.audio_face import AudioFaceDecoder, load_audio_face_decoder
    from model.training.trained_network import read_note

    if params.fusion is None:
        return None, None
    name = read_note(at, "audio_face")["audio_face"]
    decoder = AudioFaceDecoder(params.width)
    load_audio_face_decoder(decoder, at.model("audio_face"))
    return decoder, name
