"""The voice network of the stage ``pretrain_voice``: published weights or trained here, and what its note holds."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

from model.networks.voice import load_voice_network
from model.settings import ModelParams, PretrainVoiceParams
from model.training.context import TrainingContext
from model.training.tasks.voice import SECTION, VoiceMetrics, train_voice
from model.training.trained_network import TrainedNetwork, training_split, write_network
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.weights.fetch import find_weights


def loaded_or_trained_voice_network(at: Layout, context: TrainingContext) -> TrainedNetwork:
    """Return the network of the weights that params.yaml names, or one trained on the training persons' voices.

    Raises WeightsUnavailable for weights that can't be had, and what ``training_split`` and ``train_voice`` raise.
    """
    params = load_params(PretrainVoiceParams, SECTION, at.params)
    return _loaded(params.weights) if params.weights else _trained(params, at, context)


def _loaded(name_or_path: str) -> TrainedNetwork:
    network = load_voice_network(find_weights(name_or_path))
    write = partial(write_network, network)
    return TrainedNetwork(network=network, write=write, kind=Path(name_or_path).name, facts={}, result=None)


def _trained(params: PretrainVoiceParams, at: Layout, context: TrainingContext) -> TrainedNetwork:
    data = training_split(at, context.process, standard_only=False)
    width = load_params(ModelParams, "model", at.params).width
    network, metrics, result = train_voice(data, params, width, context)
    context.log_on_main(_accuracy_message(metrics))
    facts = {"trained_on": data.summary(), "voices": asdict(metrics)}
    write = partial(write_network, network)
    return TrainedNetwork(network=network, write=write, kind="trained-here", facts=facts, result=result)


def _accuracy_message(metrics: VoiceMetrics) -> str:
    if metrics.holdout_accuracy is None:
        return f"{SECTION}: no clips are held out: the accuracy of voice recognition is not measured"
    measured = f"{metrics.n_persons - metrics.n_persons_without_holdout} of {metrics.n_persons} persons"
    correct = f"{metrics.holdout_accuracy:.1%} of {metrics.n_holdout_segments} segments"
    return f"{SECTION}: in clips not trained on, {correct} given to the right person; measured for {measured}"
