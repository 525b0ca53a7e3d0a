"""The inputs and outputs that training stages share: the training split, a network's file, and a note on it."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from model.data.split import DatasetSplit, open_split
from model.training.context import TrainingContext
from model.training.distributed import TrainingProcess, join_processes, wait_for_main
from model.training.fit import CannotTrain, TrainingResult
from model.training.loss_means import format_losses
from model.training.run_settings import read_run_settings
from pipeline.core.base.cache import cache_folder
from pipeline.core.base.errors import WeightsUnavailable
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.layout import Layout
from pipeline.core.records.dataset import Identity
from pipeline.core.records.person import TRAIN
from pipeline.core.storage.atomic import write_text
from pipeline.core.storage.json_file import read_json
from pipeline.core.storage.manifest import read_manifest
from pipeline.core.storage.used_items import record_used
from pipeline.weights.state_dict import write_state_dict

HASH_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedNetwork:
    """A network and what the note on it holds.

    ``kind`` begins the name that the note gives the network, ``facts`` are further entries of the note, ``result`` is
    None where the network was not trained here. ``write`` writes the network to a file, whole or not at all; equal
    weights give equal bytes.
    """

    network: nn.Module
    write: Callable[[Path], None]
    kind: str
    facts: dict[str, Any]
    result: TrainingResult | None


@contextmanager
def open_training(at: Layout, stage: str, name: str) -> Iterator[TrainingContext]:
    """Yield the context of a stage's training, in all processes that torchrun started; its log folder is empty.

    WeightsUnavailable and CannotTrain raised inside end here: the network ``name`` becomes a file without tensors, and
    its note states the reason. DVC wants every out to exist, and the stages that need no such network run all the
    same. Other errors pass.
    """
    with open_context(at, stage) as context:
        try:
            yield context
        except (WeightsUnavailable, CannotTrain) as error:
            if context.process.is_main:
                _save_no_network(at, name, str(error))
                print(f"{stage}: {error} All that needs no {name} network goes on.")


@contextmanager
def open_context(at: Layout, stage: str) -> Iterator[TrainingContext]:
    """Yield the context of a stage's training, in all processes that torchrun started; its log folder is empty."""
    settings = read_run_settings()
    with join_processes(settings) as process:
        log_folder = at.training_folder(stage)
        if process.is_main:
            _clear(log_folder)
        root = cache_folder() / "training"
        context = TrainingContext(
            process=process,
            checkpoint_root=root,
            checkout=at.root,
            checkpoint_every=settings.checkpoint_every,
            log_folder=log_folder,
        )
        yield context
        if process.is_main:
            record_used(root, stage, at.root, stage, context.trainings)


def save_trained_network(at: Layout, stage: str, name: str, trained: TrainedNetwork, process: TrainingProcess) -> None:
    """Write the network ``name`` and a note on it, and print a summary; only the main process does so."""
    if not process.is_main:
        return
    trained.write(at.model(name))
    sha256 = sha256_of(at.model(name))
    n_parameters = sum(parameter.numel() for parameter in trained.network.parameters())
    facts = {"sha256": sha256, "n_parameters": n_parameters, **trained.facts}
    summary = f"{stage}: {trained.kind}, {n_parameters:,} parameters"
    if trained.result is not None:
        facts["training"] = _training_facts(trained.result, process)
        summary += f"; {format_result(trained.result)}"
    _write_note(at, name, f"{trained.kind}-{sha256[:HASH_DIGITS]}", facts)
    print(summary)


def training_split(
    at: Layout, process: TrainingProcess, *, standard_only: bool, datasets: Sequence[str] | None = None
) -> DatasetSplit:
    """Return the training persons' faces and segments, whose files the main process writes to the user's cache.

    Raises CannotTrain when no training person has a segment, and what ``open_split`` raises.
    """
    persons = [person for person in read_manifest(at.dataset("identities"), Identity) if person.split == TRAIN]
    if not any(person.n_segments for person in persons):
        raise CannotTrain(f"none of the {len(persons)} training persons has a segment of sound to learn from.")

    def opened() -> DatasetSplit:
        return open_split(at, cache_folder() / "items", split=TRAIN, standard_only=standard_only, datasets=datasets)

    if process.is_main:
        opened()
    wait_for_main(process)
    return opened()


def read_note(at: Layout, name: str) -> dict[str, Any]:
    """Return the note on a network; raises CannotTrain when there is no such network, with the reason in the note."""
    note = read_json(at.model_note(name))
    if note[name] is None:
        raise CannotTrain(f"there is no {name} network: {note['reason']}")
    return note


def write_network(network: nn.Module, path: Path) -> None:
    """Write a network's state as safetensors."""
    write_state_dict(network.state_dict(), path)


def _clear(folder: Path) -> None:
    """Remove the log of an earlier training; DVC does so itself, a run by hand does not."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _save_no_network(at: Layout, name: str, reason: str) -> None:
    write_state_dict({}, at.model(name))
    _write_note(at, name, None, {"sha256": None, "n_parameters": 0, "reason": reason})


def _write_note(at: Layout, name: str, network_id: str | None, facts: dict[str, Any]) -> None:
    write_text(at.model_note(name), json.dumps({name: network_id, **facts}, indent=2, sort_keys=True) + "\n")


def _training_facts(result: TrainingResult, process: TrainingProcess) -> dict[str, Any]:
    facts = asdict(result)
    del facts["reports"]  # DVCLive has them
    return {**facts, "device": process.device.type, "n_processes": process.world_size}


def format_result(result: TrainingResult) -> str:
    """Return steps, seconds, speed and losses in one line."""
    speed = f"{result.samples_per_s:.1f} samples/s, {result.waited_share:.0%} of the time waiting for data"
    return f"{result.n_steps} steps in {result.seconds:.0f} s ({speed}): {format_losses(result.losses)}"
