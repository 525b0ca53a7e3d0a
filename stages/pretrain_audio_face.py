"""Train the audio-face decoder: from a voice to a face of the same person."""

from pipeline.core.base.layout import Layout

STAGE, NAME = "pretrain_audio_face", "audio_face"


def main(at: Layout = Layout()) -> None:
    """Run the stage."""
    from model.training.tasks.audio_face_stage import trained_audio_face_decoder
    from model.training.trained_network import open_training, save_trained_network

    with open_training(at, STAGE, NAME) as context:
        save_trained_network(at, STAGE, NAME, trained_audio_face_decoder(at, context), context.process)
