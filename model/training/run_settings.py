"""Device and loader workers of this machine: settings, not params, because they do not decide what is learnt."""

import os
from dataclasses import dataclass

import torch

from pipeline.base.errors import BadInput

DEVICE_VARIABLE = "FACEVOX_DEVICE"
LOADER_WORKERS_VARIABLE = "FACEVOX_LOADER_WORKERS"
MAX_LOADER_WORKERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Read from the environment; each field names its variable."""

    device: torch.device  # FACEVOX_DEVICE: cpu, cuda, cuda:1; default: cuda where there is one, else cpu
    n_loader_workers: int  # FACEVOX_LOADER_WORKERS: processes that load batches; 0: the training's own; default below


def read_run_settings() -> RunSettings:
    """Return the settings of this process; raise BadInput for a device that torch does not find or no whole number.

    By default each processor but one loads batches, at most eight.
    """
    return RunSettings(device=_device(), n_loader_workers=_n_loader_workers())


def _device() -> torch.device:
    has_cuda = torch.cuda.is_available()
    name = os.environ.get(DEVICE_VARIABLE) or ("cuda" if has_cuda else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise BadInput(f"{DEVICE_VARIABLE}={name!r}: expected cpu, cuda, or one of several as cuda:1") from None
    if device.type not in ("cpu", "cuda"):
        raise BadInput(f"{DEVICE_VARIABLE}={name!r}: expected cpu or cuda")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BadInput(f"{DEVICE_VARIABLE}={name!r}: torch finds {torch.cuda.device_count()} such devices here")
    return device


def _n_loader_workers() -> int:
    text = os.environ.get(LOADER_WORKERS_VARIABLE, "")
    if not text:
        return min(MAX_LOADER_WORKERS, len(os.sched_getaffinity(0)) - 1)
    if not text.isdecimal():
        raise BadInput(f"{LOADER_WORKERS_VARIABLE}={text!r}: expected a whole number, 0 or more")
    return int(text)
