"""What a training stage reads and leaves: the training side of the dataset, a network's file, and a note on it."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from model.data.split import DatasetSplit, open_split
from model.training.distributed import TrainingProcess, join_processes, wait_for_main
from model.training.fit import CannotTrain, Fitted
from model.training.loss_means import losses_in_words
from model.training.run_settings import read_run_settings
from pipeline.base.cache import cache_folder
from pipeline.base.errors import WeightsUnavailable
from pipeline.base.hashing import sha256_of
from pipeline.base.layout import Layout
from pipeline.records.dataset import Identity
from pipeline.records.person import TRAIN
from pipeline.storage.atomic import write_text
from pipeline.storage.manifest import read_manifest
from pipeline.weights.state_dict import write_state_dict

HASH_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedNetwork:
    """A network, what kind it is in a word or two, what else there is to note, and how it was trained, if it was.

    ``write`` puts it into a file, whole or not at all; equal weights give equal bytes.
    """

    network: nn.Module
    write: Callable[[Path], None]
    kind: str
    facts: dict[str, Any]
    fitted: Fitted | None


def save_trained_network(
    at: Layout, stage: str, name: str, provide: Callable[[TrainingProcess], TrainedNetwork]
) -> None:
    """Write the network that ``provide`` returns and a note on it; without one, a file without tensors, and why.

    DVC wants every out to be there, and the stages that need no such network go on. Of several processes the leading
    one writes. ``provide`` may raise WeightsUnavailable and CannotTrain for that; other errors stop the stage.
    """
    with join_processes(read_run_settings()) as process:
        if process.is_main:
            _empty(at.training_folder(stage))
        try:
            provided = provide(process)
        except (WeightsUnavailable, CannotTrain) as error:
            if process.is_main:
                write_state_dict({}, at.model(name))
                _write_note(at, name, None, {"sha256": None, "n_parameters": 0, "why": str(error)})
                print(f"{stage}: {error} All that needs no {name} network goes on.")
            return
        if process.is_main:
            _leave(at, stage, name, provided, process)


def training_split(
    at: Layout, process: TrainingProcess, *, standard_only: bool, datasets: Sequence[str] | None = None
) -> DatasetSplit:
    """Return the training persons' faces and segments, packed in the user's cache by the leading process.

    Raises CannotTrain when no training person has a segment, and what ``data`` raises.
    """
    persons = [one for one in read_manifest(at.dataset("identities"), Identity) if one.split == TRAIN]
    if not any(person.n_segments for person in persons):
        raise CannotTrain(f"none of the {len(persons)} training persons has a segment of sound to learn from.")

    def packed() -> DatasetSplit:
        return open_split(at, cache_folder() / "items", split=TRAIN, standard_only=standard_only, datasets=datasets)

    if process.is_main:
        packed()
    wait_for_main(process)
    return packed()


def checkpoint_root() -> Path:
    """Return the folder of the states of all trainings, in the user's cache."""
    return cache_folder() / "training"


def read_note(at: Layout, name: str) -> dict[str, Any]:
    """Return the note on a network; raises CannotTrain when there is no such network, with the reason noted."""
    note: dict[str, Any] = json.loads(at.model_note(name).read_text(encoding="utf-8"))
    if note[name] is None:
        raise CannotTrain(f"there is no {name} network: {note['why']}")
    return note


def write_network(network: nn.Module, path: Path) -> None:
    """Write a network's state as safetensors."""
    write_state_dict(network.state_dict(), path)


def _empty(folder: Path) -> None:
    """Leave nothing of an earlier training to be taken for this one's; DVC empties it, a person's run does not."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _leave(at: Layout, stage: str, name: str, provided: TrainedNetwork, process: TrainingProcess) -> None:
    provided.write(at.model(name))
    sha256 = sha256_of(at.model(name))
    n_parameters = sum(parameter.numel() for parameter in provided.network.parameters())
    facts = {"sha256": sha256, "n_parameters": n_parameters, **provided.facts}
    line = f"{stage}: {provided.kind}, {n_parameters:,} parameters"
    if provided.fitted is not None:
        facts["training"] = _figures(provided.fitted, process)
        line += f"; {_in_words(provided.fitted)}"
    _write_note(at, name, f"{provided.kind}-{sha256[:HASH_DIGITS]}", facts)
    print(line)


def _write_note(at: Layout, name: str, named: str | None, facts: dict[str, Any]) -> None:
    write_text(at.model_note(name), json.dumps({name: named, **facts}, indent=2, sort_keys=True) + "\n")


def _figures(fitted: Fitted, process: TrainingProcess) -> dict[str, Any]:
    told = asdict(fitted)
    del told["reports"]  # DVCLive has them
    return {**told, "device": process.device.type, "n_processes": process.world}


def _in_words(fitted: Fitted) -> str:
    losses = losses_in_words(fitted.losses)
    pace = f"{fitted.samples_per_s:.1f} samples/s, {fitted.waited_share:.0%} of the time waiting for data"
    return f"{fitted.n_steps} steps in {fitted.seconds:.0f} s ({pace}): {losses}"
