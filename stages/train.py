"""Train the generator, or one of the paper's ablations of it, on the training persons' standard faces."""

from pipeline.core.base.layout import Layout

STAGE, NAME = "train", "generator"


def main(at: Layout = Layout()) -> None:
    """Run the stage; ``torchrun --nproc-per-node 4 -m stages train`` runs it on four GPUs."""
    from model.training.tasks.inpainting_stage import trained_generator
    from model.training.trained_network import open_training, save_trained_network

    with open_training(at, STAGE, NAME) as context:
        save_trained_network(at, STAGE, NAME, trained_generator(at, context), context.process)
