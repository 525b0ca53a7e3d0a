"""What each of two processes does for test_distributed.py: ``python -m tests.model.training.two_processes FOLDER NAME``."""

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.training.distributed import Machine, join_machine
from model.training.run_settings import RunSettings
from model.training.tasks.inpainting import train_inpainter
from pipeline.base.errors import FacevoxError
from tests.model.params_of import mask_params, train_params
from tests.model.small_pack import small_pack
from tests.model.training.descent import RATE, descent
from tests.model.training.networks_to_train import make_networks, model_params
from tests.model.training.toy_task import PARAMS, ToyBatch, ToyTask, train_toy


def paint(machine: Machine = Machine()) -> dict[str, Tensor]:
    """One step of the plain U-Net: no batch norm couples its faces, and the paper's losses are means over them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.training.tasks.inpainting.adam", descent)
        painter, _ = train_inpainter(
            small_pack(),
            *make_networks(),
            model_params("base"),
            mask_params(),
            train_params(batch=4, lr=RATE),
            machine=machine,
            say=lambda line: None,
        )
    return painter.state_dict()


class SpoiltTask(ToyTask):
    """Its loss is no number in step 4, in the second process only."""

    def step(self, number: int, batch: ToyBatch) -> dict[str, Tensor]:
        losses = super().step(number, batch)
        bad = number == 4 and self._machine.rank == 1
        return {**losses, "twice": losses["twice"] * float("nan" if bad else 1)}


def main(folder: Path) -> None:
    own = folder / sys.argv[2]
    with join_machine(RunSettings(device=torch.device("cpu"), n_loader_workers=0)) as machine:
        said: list[str] = []
        normed, _ = train_toy(folder / "states", machine=machine, log_folder=own / "log", say=said.append)
        plain, fitted = train_toy(None, machine=machine, normed=False)
        resumed, _ = train_toy(folder / "states", PARAMS.model_copy(update={"steps": 15}), machine=machine)
        told = {
            "rank": machine.rank,
            "world": machine.world,
            "said": said,
            "plain": plain.network.state_dict(),
            "reports": list(fitted.reports),
            "normed": normed.network.state_dict(),
            "resumed": resumed.network.state_dict(),
            "painter": paint(machine),
            "disagreement": disagree(own / "apart", machine),
            "nan": spoil(machine),
        }
    torch.save(told, own / "told.pt")


def disagree(own: Path, machine: Machine) -> str:
    """Let one process go on from a state that the other doesn't have."""
    if not machine.leads:
        train_toy(own, PARAMS.model_copy(update={"steps": 2}))
    try:
        train_toy(own, machine=machine)
    except FacevoxError as error:
        return str(error)
    return ""


def spoil(machine: Machine) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.model.training.toy_task.ToyTask", SpoiltTask)
        try:
            train_toy(None, machine=machine)
        except FacevoxError as error:
            return str(error)
    return ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
