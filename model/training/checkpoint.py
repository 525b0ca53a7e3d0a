"""Checkpoints: states from which a training resumes, in the user's cache, because DVC deletes a stage's outs.

A training has one folder, named by a hash of all that decides its result: its section of params.yaml, the data, the
networks it starts from, the code, and torch. ``steps`` is no part of the name, so that a longer training resumes
where a shorter one ended.
"""

import hashlib
import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model.training.code_version import code_version
from model.training.context import TrainingContext
from pipeline.base.errors import BadInput
from pipeline.base.params import Params
from pipeline.storage.atomic import replacing, write_text
from pipeline.storage.used_items import hold_in_use, record_used

NOT_IN_KEY = ("steps",)
FACTS = "training.json"
ENDED = ".ended"
KEY_DIGITS = 16


@dataclass(slots=True, kw_only=True)
class TrainingState:
    """All that the next step depends on, and the reports on the steps before.

    Random draws depend on the seed and the step alone, so it holds no generator state. ``modules`` and ``optimizers``
    are states by name; ``loss_sums`` are over the ``n_summed`` steps since the last report; ``reports`` are (step, mean
    losses since the report before).
    """

    step: int = 0
    modules: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    optimizers: dict[str, dict[str, Any]] = field(default_factory=dict)
    loss_sums: dict[str, float] = field(default_factory=dict)
    n_summed: int = 0
    reports: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    seconds: float = 0.0
    waited_s: float = 0.0


class Checkpoints:
    """The folder of one training: its latest state, and the states at which it ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def latest(self, at_most: int) -> TrainingState | None:
        """Return the state of the highest step up to ``at_most``, on the CPU; None when there is none.

        Raises BadInput when its file can't be read.
        """
        paths = {step: path for path in self._paths() if (step := _step_of(path)) <= at_most}
        return _read(paths[max(paths)]) if paths else None

    def write(self, state: TrainingState, *, is_end: bool) -> Path:
        """Write ``state``, whole or not at all, then remove those of earlier steps at which no training ended."""
        path = self.folder / f"{state.step:09d}{ENDED if is_end else ''}.pt"
        with replacing(path) as temporary:
            torch.save({item.name: getattr(state, item.name) for item in fields(state)}, temporary)
        for older in self._paths():
            if _step_of(older) < state.step and not older.stem.endswith(ENDED):
                older.unlink()
        return path

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.pt"))


def open_checkpoints(
    root: Path, section: str, params: Params, inputs: Mapping[str, str], code: Path, *, is_writer: bool = True
) -> Checkpoints:
    """Return the checkpoints, under ``root``, of the training that ``section`` and ``params`` describe.

    ``inputs`` are hashes of the training's other inputs by name; ``code`` is its own file. The writer also writes
    all that decides the result to ``training.json`` in the folder.
    """
    facts = {
        "section": section,
        "params": params.model_dump(mode="json", exclude=set(NOT_IN_KEY)),
        "inputs": dict(inputs),
        "code": code_version(code),
        "torch": torch.__version__,
    }
    text = json.dumps(facts, indent=2, sort_keys=True) + "\n"
    key = hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]
    folder = root / f"{section}-{key}"
    if is_writer:
        write_text(folder / FACTS, text)
    return Checkpoints(folder)


def checkpoints_of(
    context: TrainingContext, section: str, params: Params, inputs: Callable[[], Mapping[str, str]], code: Path
) -> Checkpoints | None:
    """Return the checkpoints of a training where ``context`` keeps any; only then are ``inputs`` hashed, by a call."""
    if context.checkpoint_root is None:
        return None
    root, is_main = context.checkpoint_root, context.process.is_main
    checkpoints = open_checkpoints(root, section, params, inputs(), code, is_writer=is_main)
    if context.checkout is not None and is_main:
        hold_in_use(checkpoints.folder)
        context.trainings.append(checkpoints.folder.name)
        record_used(root, section, context.checkout, section, context.trainings)
    return checkpoints


def digest_of(module: nn.Module) -> str:
    """Return the sha256 of a network's state, as hex."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _step_of(path: Path) -> int:
    return int(path.name.split(".")[0])


def _read(path: Path) -> TrainingState:
    try:
        return TrainingState(**torch.load(path, map_location="cpu", weights_only=True))
    except (pickle.UnpicklingError, RuntimeError, EOFError, TypeError) as error:
        detail = str(error).splitlines()[0] if str(error) else "it ends too early"
        raise BadInput(
            f"{path}: can't be read as the state of a training ({detail}): delete it, and the training goes on from "
            "the state before, or starts anew"
        ) from None
