"""How this machine trains: settings, not params, because they do not decide what is learnt."""

import os
from dataclasses import dataclass

import torch

from pipeline.core.base.device import read_device
from pipeline.core.base.errors import BadInput

LOADER_WORKERS_VARIABLE = "FACEVOX_LOADER_WORKERS"
CHECKPOINT_EVERY_VARIABLE = "FACEVOX_CHECKPOINT_EVERY"
MAX_LOADER_WORKERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Read from the environment; each field names its variable."""

    device: torch.device  # FACEVOX_DEVICE: see read_device
    n_loader_workers: int  # FACEVOX_LOADER_WORKERS: processes that load batches; 0: the training's own; default below
    checkpoint_every: int | None = None  # FACEVOX_CHECKPOINT_EVERY: steps; None: by the training's length


def read_run_settings() -> RunSettings:
    """Return the settings of this process; raise BadInput for a device that torch does not find or no whole number.

    By default each processor but one loads batches, at most eight.
    """
    return RunSettings(
        device=read_device(),
        n_loader_workers=_n_loader_workers(),
        checkpoint_every=_whole_number(CHECKPOINT_EVERY_VARIABLE, 1),
    )


def _n_loader_workers() -> int:
    n_workers = _whole_number(LOADER_WORKERS_VARIABLE, 0)
    return min(MAX_LOADER_WORKERS, len(os.sched_getaffinity(0)) - 1) if n_workers is None else n_workers


def _whole_number(variable: str, least: int) -> int | None:
    text = os.environ.get(variable, "")
    if not text:
        return None
    if not text.isdecimal() or int(text) < least:
        raise BadInput(f"{variable}={text!r}: expected a whole number, {least} or more")
    return int(text)
