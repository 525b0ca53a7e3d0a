"""Provide the voice network: the weights that params.yaml names, or one trained on the training persons' voices."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.base.layout import Layout
from pipeline.base.params import load_params

STAGE, NAME = "pretrain_voice", "voice"


def main(at: Layout = Layout()) -> None:
    """Run the stage; the network goes to one file in one format, whatever it came from."""
    from model.settings import PretrainVoiceParams
    from model.training.trained_network import save_trained_network

    params = load_params(PretrainVoiceParams, STAGE, at.params)
    provide = _given if params.weights else _trained
    save_trained_network(at, STAGE, NAME, lambda process: provide(params, process, at))


def _given(params: Any, _: object, at: Layout) -> Any:
    """Take weights by name or path; raises WeightsUnavailable when they can't be had."""
    from model.networks.voice import load_voice_network
    from model.training.trained_network import TrainedNetwork, write_network
    from pipeline.weights.fetch import find_weights

    network = load_voice_network(find_weights(params.weights))
    return TrainedNetwork(
        network=network, write=partial(write_network, network), kind=Path(params.weights).name, facts={}, fitted=None
    )


def _trained(params: Any, process: Any, at: Layout) -> Any:
    from model.settings import ModelParams
    from model.training.tasks.voice import train_voice
    from model.training.trained_network import TrainedNetwork, checkpoint_root, training_split, write_network

    data = training_split(at, process, standard_only=False)
    network, figures, fitted = train_voice(
        data,
        params,
        load_params(ModelParams, "model", at.params).width,
        process=process,
        checkpoints=checkpoint_root(),
        log_folder=at.training_folder(STAGE),
    )
    if process.is_main:
        print(_judgement(figures))
    facts = {"trained_on": data.summary(), "voices": asdict(figures)}
    return TrainedNetwork(
        network=network, write=partial(write_network, network), kind="trained-here", facts=facts, fitted=fitted
    )


def _judgement(figures: Any) -> str:
    if figures.holdout_accuracy is None:
        return f"{STAGE}: no clips are held out: how well voices are known again is not measured"
    judged = f"{figures.n_persons - figures.n_persons_without_holdout} of {figures.n_persons} persons"
    right = f"{figures.holdout_accuracy:.1%} of {figures.n_holdout_segments} segments"
    return f"{STAGE}: in clips not trained on, {right} given to the right person; judged are {judged}"
