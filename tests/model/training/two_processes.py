"""Each of the two processes of test_distributed.py: ``python -m tests.model.training.two_processes FOLDER NAME``."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model.data.recognition_faces import StoredFaces
from model.training.context import TrainingContext
from model.training.distributed import TrainingProcess, join_processes
from model.training.run_settings import RunSettings
from model.training.tasks.face_recognition import train_recognition_network
from model.training.tasks.inpainting import train_generator
from pipeline.core.base.errors import FacevoxError
from tests.model.params_of import identity_params
from tests.model.small_split import small_split
from tests.model.training.descent import RATE, gradient_descent
from tests.model.training.networks_to_train import generator_params, make_networks
from tests.model.training.toy_task import PARAMS, ToyBatch, ToyTask, train_toy


def inpaint(process: TrainingProcess = TrainingProcess()) -> dict[str, Tensor]:
    """One step of the plain U-Net: no batch norm couples its faces, and the paper's losses are means over them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.training.tasks.inpainting.adam", gradient_descent)
        generator, _ = train_generator(
            small_split(),
            make_networks().to_start(),
            generator_params("base", batch=4, lr=RATE),
            TrainingContext(process=process, log=lambda line: None),
        )
    return generator.state_dict()


def recognise(process: TrainingProcess) -> dict[str, Tensor]:
    """One epoch of the face recognition network on two persons of four faces."""
    faces = np.random.default_rng(0).integers(0, 256, (8, 224, 224, 3), np.uint8)
    network, _, _ = train_recognition_network(
        StoredFaces(list("aaaabbbb"), list("01234567"), faces),
        identity_params(batch=4),
        TrainingContext(process=process, log=lambda line: None),
    )
    return network.state_dict()


class SpoiltTask(ToyTask):
    """Its loss is not finite in step 4, in the second process only."""

    def step(self, number: int, batch: ToyBatch) -> dict[str, Tensor]:
        losses = super().step(number, batch)
        bad = number == 4 and self._process.rank == 1
        return {**losses, "twice": losses["twice"] * float("nan" if bad else 1)}


def main(folder: Path) -> None:
    own = folder / sys.argv[2]
    with join_processes(RunSettings(device=torch.device("cpu"), n_loader_workers=0)) as process:
        lines: list[str] = []
        normed, _ = train_toy(folder / "states", process=process, log_folder=own / "log", log=lines.append)
        plain, result = train_toy(None, process=process, normed=False)
        resumed, _ = train_toy(folder / "states", PARAMS.model_copy(update={"steps": 15}), process=process)
        report = {
            "rank": process.rank,
            "world_size": process.world_size,
            "lines": lines,
            "plain": plain.network.state_dict(),
            "reports": list(result.reports),
            "normed": normed.network.state_dict(),
            "resumed": resumed.network.state_dict(),
            "generator": inpaint(process),
            "recognition": recognise(process),
            "disagreement": disagree(own / "apart", process),
            "nan": spoil(process),
        }
    torch.save(report, own / "report.pt")


def disagree(own: Path, process: TrainingProcess) -> str:
    """Resume in one process from a checkpoint that the other doesn't have."""
    if not process.is_main:
        train_toy(own, PARAMS.model_copy(update={"steps": 2}))
    try:
        train_toy(own, process=process)
    except FacevoxError as error:
        return str(error)
    return ""


def spoil(process: TrainingProcess) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.model.training.toy_task.ToyTask", SpoiltTask)
        try:
            train_toy(None, process=process)
        except FacevoxError as error:
            return str(error)
    return ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
