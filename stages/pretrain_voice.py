"""Fetch the voice network that params.yaml names, or train one on the training persons' voices."""

from pipeline.core.base.layout import Layout

STAGE, NAME = "pretrain_voice", "voice"


def main(at: Layout = Layout()) -> None:
    """Run the stage; the network is written to one file in one format, whatever it came from."""
    from model.training.tasks.voice_stage import loaded_or_trained_voice_network
    from model.training.trained_network import open_training, save_trained_network

    with open_training(at, STAGE, NAME) as context:
        save_trained_network(at, STAGE, NAME, loaded_or_trained_voice_network(at, context), context.process)
