"""Processes end with the one above them. A pipe that all of them hold says when: it ends with the last one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.core.base.imports import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are watched on Linux only")

PREPARE = """
import os, subprocess, sys, time
from pipeline.engine import stopping
stopping.stop_on_signals()
stopping.adopt_orphans()
"""
# A program whose parent is gone: found, since this process adopts it.
START_ORPHAN = "subprocess.run(['sh', '-c', 'sleep 1000 &'])\n"
END = """
try:
    print("started", flush=True)
    time.sleep(1000)
except stopping.Stopped as stopped:
    stopping.exit_stopped(stopped)
"""


@contextmanager
def started(*command: str, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """Start ``command`` in a session of its own, and wait for its first line."""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=os.environ | variables,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "started\n"
        yield process


def rest_of(process: "subprocess.Popen[str]") -> str:
    """Return what is printed until all processes have ended."""
    assert process.stdout
    return process.stdout.read()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "cause", "exit_code"), [(signal.SIGINT, "Ctrl-C", 130), (signal.SIGTERM, "SIGTERM", 143)]
)
def test_a_signal_ends_the_process_and_its_orphans_with_a_sentence(number: int, cause: str, exit_code: int) -> None:
    with started(sys.executable, "-c", PREPARE + START_ORPHAN + END) as process:
        process.send_signal(number)
        assert rest_of(process) == (
            f"Stopped: {cause}. Everything finished is kept: run the same command to go on from it.\n"
        )
    assert process.returncode == exit_code


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    code = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + PREPARE + START_ORPHAN + END
    with started(sys.executable, "-c", code) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert "SIGTERM" in rest_of(process)


def test_a_second_signal_ends_a_process_that_hangs_while_it_tidies_up() -> None:
    """The stop is made older by setting its time back."""
    hang = """
try:
    print("started", flush=True)
    time.sleep(1000)
finally:
    stopping._Stop.first_s -= 2
    print("hangs", flush=True)
    time.sleep(1000)
"""
    with started(sys.executable, "-c", PREPARE + START_ORPHAN + hang) as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout
        assert process.stdout.readline() == "hangs\n"
        process.send_signal(signal.SIGTERM)
        assert rest_of(process).startswith("Stopped: SIGTERM. Everything finished is kept")
    assert process.returncode == 143


def test_native_code_that_python_can_not_interrupt_is_ended_after_the_grace() -> None:
    """It waits for a lock of C that it holds itself."""
    native = """
stopping._GRACE_S = 0.1
import ctypes
mutex, libc = ctypes.create_string_buffer(64), ctypes.CDLL(None)
libc.pthread_mutex_lock(mutex)
to_say = ["started"]
while True:
    try:
        while to_say:
            print(to_say.pop(), flush=True)
        libc.pthread_mutex_lock(mutex)
    except stopping.Stopped:  # the signal came before the call
        pass
"""
    with started(sys.executable, "-c", PREPARE + START_ORPHAN + native) as process:
        process.send_signal(signal.SIGTERM)
        assert rest_of(process).startswith("Stopped: SIGTERM. Everything finished is kept")
    assert process.returncode == 143


@pytest.mark.parametrize("shell", [[], ["/bin/sh", "-c", '"$@"; true', "sh"]])
def test_a_stage_stops_when_the_dvc_above_it_is_killed_also_with_a_shell_between(shell: list[str]) -> None:
    stage = PREPARE + "stopping.stop_with_dvc()\n" + START_ORPHAN + END
    command = [*shell, sys.executable, "-c", stage]
    with started(sys.executable, "-c", f"import subprocess; subprocess.run({command!r})", DVC_STAGE="x") as dvc:
        dvc.kill()
        assert rest_of(dvc).startswith("Stopped: the dvc that ran this stage is gone. Everything finished is kept")


def test_a_stage_that_dvc_did_not_start_outlives_its_parent() -> None:
    """It goes on until it is told to end."""
    stage = PREPARE + "os.environ.pop('DVC_STAGE', None)\nstopping.stop_with_dvc()\n" + START_ORPHAN + END
    parent = f"import subprocess; one = subprocess.Popen([{sys.executable!r}, '-c', {stage!r}]); print(one.pid)"
    with started(sys.executable, "-c", parent.replace("print(one.pid)", "one.wait()")) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        os.killpg(process.pid, signal.SIGTERM)
        assert "Stopped: SIGTERM" in rest_of(process)


def test_a_worker_and_its_program_end_when_the_process_that_started_them_is_killed() -> None:
    with started(sys.executable, "-m", "tests.engine.worker_with_a_child") as process:
        process.kill()
        assert rest_of(process) == ""
