"""Settings of a run on this machine. None may change a byte of a result; those that do are params."""

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.base.cache import cache_folder
from pipeline.core.base.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Read from the environment; each field names its variable."""

    cache: Path  # FACEVOX_CACHE: the item store and fetched weights; default: the user's cache folder
    n_workers: int  # FACEVOX_WORKERS: processes at once; default: the processors this process may use
    item_timeout_s: float  # FACEVOX_ITEM_TIMEOUT_S: an item that computes for longer ends as failed: timeout
    item_output_mb: int  # FACEVOX_ITEM_OUTPUT_MB: an item that writes more ends as failed: output_too_large
    worker_memory_mb: int  # FACEVOX_WORKER_MEMORY_MB: a worker that needs more ends its item as out_of_memory


def read_settings() -> Settings:
    """Return the settings of this process; raise BadInput for a variable that is not a positive, finite number."""
    return Settings(
        cache=cache_folder(),
        n_workers=_count("FACEVOX_WORKERS", len(os.sched_getaffinity(0))),
        item_timeout_s=_positive("FACEVOX_ITEM_TIMEOUT_S", 900),
        item_output_mb=_count("FACEVOX_ITEM_OUTPUT_MB", 20480),
        worker_memory_mb=_count("FACEVOX_WORKER_MEMORY_MB", 8192),
    )


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables within the block; after it they are as before."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _count(name: str, default: int) -> int:
    value = _positive(name, default)
    if value != int(value):
        raise BadInput(f"{name}={value:g}: expected a whole number. Unset it for the default, {default}.")
    return int(value)


def _positive(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    try:
        value = float(text) if text else float(default)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise BadInput(f"{name}={text!r}: expected a number above 0. Unset it for the default, {default}.")
    return value
