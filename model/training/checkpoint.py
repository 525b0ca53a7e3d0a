"""Checkpoints: states from which a training resumes, in the user's cache, because DVC deletes a stage's outs.

A training has one folder, named by a hash of all that decides its result: its section of params.yaml, the data, the
networks it starts from, the code, and torch. ``steps`` is no part of the name, so that a longer training resumes
where a shorter one ended.

A state is the file ``<step>-<hash>.pt`` there, or ``<step>-<hash>.ended.pt`` where a training ended at that step; the
hash is the first 16 hex digits of the sha256 of its bytes, by which a damaged file is known.
"""

import errno
import hashlib
import json
import os
import pickle
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from model.training.code_version import code_version
from model.training.context import TrainingContext
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.params import Params
from pipeline.core.storage.atomic import remove_left, scratch_folder, write_text
from pipeline.core.storage.used_items import hold_in_use, record_used

NOT_IN_KEY = ("steps",)
FACTS = "training.json"
ENDED = ".ended"
KEY_DIGITS = 16
HASH_DIGITS = 16
_STATE_NAME = re.compile(rf"(\d{{9,}})-([0-9a-f]{{{HASH_DIGITS}}})({re.escape(ENDED)})?\.pt")


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
    """The folder of one training: its latest state, and the states at which it ended.

    Only the writer changes anything there: other processes of the same training pass ``is_writer=False``.
    """

    def __init__(self, folder: Path, *, is_writer: bool = True) -> None:
        self.folder, self._is_writer = folder, is_writer

    def latest(self, at_most: int) -> TrainingState | None:
        """Return the sound state of the highest step up to ``at_most``, on the CPU; None when there is none.

        Damaged states of higher steps are removed, each with a printed line.
        """
        damaged: list[Path] = []
        found = None
        for file in reversed(_state_files(self.folder)):
            if file.step <= at_most:
                found = _read(file)
                if found is not None:
                    break
                damaged.append(file.path)
        if self._is_writer:
            start = f"step {found.step}" if found else "the start"
            for path in damaged:
                path.unlink(missing_ok=True)
                print(f"{path}: is damaged and was removed; the training goes on from {start}")
        return found

    def write(self, state: TrainingState, *, is_end: bool) -> Path:
        """Write ``state``, whole or not at all, and return its file.

        Then those of earlier steps at which no training ended are removed, and another one of this step and kind.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        ending = f"{ENDED if is_end else ''}.pt"
        with scratch_folder(self.folder / f"{state.step:09d}{ending}") as scratch:
            temporary = scratch / "state.pt"
            torch.save({item.name: getattr(state, item.name) for item in fields(state)}, temporary)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())  # else the name may outlive a power failure that the bytes don't
            path = self.folder / f"{state.step:09d}-{sha256_of(temporary)[:HASH_DIGITS]}{ending}"
            temporary.replace(path)
        for other in _state_files(self.folder):
            is_older = other.step < state.step and not other.is_end
            is_replaced = other.step == state.step and other.is_end == is_end and other.path != path
            if is_older or is_replaced:
                other.path.unlink(missing_ok=True)
        return path


def copied(state: Any) -> Any:
    """Return a module's or an optimizer's state with tensors of its own on the CPU: training goes on meanwhile."""
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, Mapping):
        return {name: copied(value) for name, value in state.items()}
    if isinstance(state, list):
        return [copied(value) for value in state]
    return state


def damaged_states(root: Path) -> Iterator[Path]:
    """Yield the states of all trainings under ``root`` whose bytes have not the hash of their name, in order.

    Nothing is removed: the next run of the training does that.
    """
    for folder in sorted(root.glob("*/")):
        for file in _state_files(folder):
            # One that is gone was removed by a training in the meantime.
            if not _is_sound(file) and file.path.exists():
                yield file.path


def open_checkpoints(
    root: Path, section: str, params: Params, inputs: Mapping[str, str], code: Path, *, is_writer: bool = True
) -> Checkpoints:
    """Return the checkpoints, under ``root``, of the training that ``section`` and ``params`` describe.

    ``inputs`` are hashes of the training's other inputs by name; ``code`` is its own file. The writer also writes
    all that decides the result to ``training.json`` in the folder, and removes what killed processes left there.
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
        # Each state has a name of its own, so the next one written does not sweep what a killed process left of it.
        for temporary in folder.glob(".*.tmp"):
            remove_left(temporary)
    return Checkpoints(folder, is_writer=is_writer)


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


class _StateFile(NamedTuple):
    step: int
    is_end: bool
    digest: str
    path: Path


def _state_files(folder: Path) -> list[_StateFile]:
    """Return what its name says of each state in ``folder``, by step."""
    matches = ((path, _STATE_NAME.fullmatch(path.name)) for path in folder.glob("[0-9]*.pt"))
    return sorted(
        _StateFile(int(match[1]), match[3] is not None, match[2], path) for path, match in matches if match is not None
    )


def _is_sound(file: _StateFile) -> bool:
    """Whether the file's bytes have the hash of its name; a file that is gone, or that the disk can't read, is not."""
    try:
        return sha256_of(file.path).startswith(file.digest)
    except OSError as error:
        if error.errno not in (errno.EIO, errno.ENOENT):
            raise  # not the file's fault, and no reason to lose it
        return False


def _read(file: _StateFile) -> TrainingState | None:
    """Return the state, or None when the file is damaged or holds none.

    Raises RuntimeError when there is not enough memory for it: with a sound file that is what torch means by it.
    """
    if not _is_sound(file):
        return None
    try:
        return TrainingState(**torch.load(file.path, map_location="cpu", weights_only=True))
    except (pickle.UnpicklingError, EOFError, TypeError):
        return None
