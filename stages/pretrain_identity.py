"""Fetch the face recognition network that params.yaml names, or train one on the training persons."""

from pipeline.core.base.layout import Layout


def main(at: Layout = Layout()) -> None:
    """Run the stage; the network is written to one file in one format, whatever it came from."""
    from model.training.tasks.face_recognition_stage import load_or_train_recognition_network

    load_or_train_recognition_network(at)
