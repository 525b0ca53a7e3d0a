"""Run a command and measure it: seconds, processor seconds, and the peak memory of its processes together."""

import contextlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]

from benchmarks.scale.names import CACHE

ROOT = Path(__file__).parents[2]
_LOG = "log.txt"
_SAMPLED_EVERY_S = 0.05
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
_BYTES_PER_MEBIBYTE = 1 << 20
_SHOWN_ON_ERROR = 2000  # characters


class Usage(NamedTuple):
    """What a command took, workers included, and what it printed."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str = ""


def run(command: Sequence[str], folder: Path) -> Usage:
    """Run ``command`` in ``folder`` with this checkout's code and the cache in ``folder``.

    The peak is the larger of that of the process itself, which the system keeps, and the largest sum over it and
    its children at one time, looked at 20 times a second. On Linux a new process inherits the peak of the one that
    started it: the system's number counts where it is above our own, which is small in a benchmark's process. Raises
    SystemExit when the command fails.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FACEVOX_CACHE": str((folder / CACHE).absolute())}
    log = folder / _LOG
    with log.open("w", encoding="utf-8") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        peak_bytes = 0
        while True:
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            peak_bytes = max(peak_bytes, _bytes_of_tree(process.pid))
            time.sleep(_SAMPLED_EVERY_S)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    text = log.read_text(encoding="utf-8", errors="replace")
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}:\n{text[-_SHOWN_ON_ERROR:]}")
    inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    own_bytes = used.ru_maxrss * _MAXRSS_BYTES if used.ru_maxrss > inherited else 0
    peak_mib = max(own_bytes, peak_bytes) / _BYTES_PER_MEBIBYTE
    return Usage(seconds, used.ru_utime + used.ru_stime, peak_mib, text)


def _bytes_of_tree(pid: int) -> int:
    """Return the resident bytes of a process and all processes below it; 0 of one that has just ended."""
    total = 0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += int(process.memory_info().rss)
    return total
