"""Run ``dvc repro``: pass signals on, leave no process behind, and say how to go on when it did not end well."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.engine.stopping import adopt_orphans, end_descendants, has_descendants
from stages.commands.inputs import check_inputs

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STAGE_GRACE_S = 30.0
_LOOK_EVERY_S = 0.05


def run_dvc_repro(arguments: Sequence[str]) -> int:
    """Run ``dvc repro`` with ``arguments`` in the working directory; return its exit code, 128 + n after signal n.

    SIGINT, SIGTERM and SIGHUP are passed on to it. When dvc was killed, its stage has half a minute to end. Raises
    BadInput for an input at which DVC would hang.
    """
    for note in check_inputs(Path()):
        print(note, file=sys.stderr)
    signal.set_wakeup_fd(-1)  # this process waits for dvc, however long that takes
    adopt_orphans()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    with subprocess.Popen([sys.executable, "-m", "dvc", "repro", *arguments], env=os.environ | {"PATH": path}) as dvc:
        for number in _PASSED_ON:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda number, _frame: _pass_on(dvc, number))
        dvc.wait()
        _wait_for_stage()
        end_descendants()
    exit_code = dvc.returncode if dvc.returncode >= 0 else 128 - dvc.returncode
    if exit_code:
        command = " ".join(["facevox repro", *arguments])
        print(
            f"dvc repro ended with exit code {exit_code}. Everything finished is kept: '{command}' goes on from it.",
            file=sys.stderr,
        )
    return exit_code


def _pass_on(dvc: "subprocess.Popen[bytes]", number: int) -> None:
    # Ctrl-C reaches all processes of the terminal's foreground group: dvc has it already, and a second one would
    # interrupt what dvc tidies up after the first.
    if number != signal.SIGINT or not _is_in_foreground():
        dvc.send_signal(number)


def _is_in_foreground() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)


def _wait_for_stage() -> None:
    """Let a stage that outlived dvc end by itself: it tidies up."""
    end_s = time.monotonic() + _STAGE_GRACE_S
    while has_descendants() and time.monotonic() < end_s:
        time.sleep(_LOOK_EVERY_S)
