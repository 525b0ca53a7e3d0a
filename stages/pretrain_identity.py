"""Fetch the face recognition network that params.yaml names, or train one on the training persons."""

from pipeline.base.layout import Layout


def main(at: Layout = Layout()) -> None:
    """Run the stage; the network is written to one file in one format, whatever it came from."""
    from model.training.tasks.face_recognition_stage import (
        load_or_train_recognition_network,
        save_no_recognition_network,
    )
    from pipeline.base.errors import WeightsUnavailable

    try:
        note = load_or_train_recognition_network(at)
        print(f"pretrain_identity: {note['recognition_network']}, {note['embedding_size']}-D")
    except WeightsUnavailable as error:
        save_no_recognition_network(at)
        print(f"pretrain_identity: {error} Until then faces have no identity label, and all else goes on;")
        print("with the file in its place, run 'dvc repro -f -s pretrain_identity' and then 'dvc repro'.")
