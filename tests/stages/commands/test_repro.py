"""``facevox repro`` on a small pipeline: signals reach dvc and its stage, and the last line says how to go on."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.core.base.imports import ROOT

WAIT = f"{sys.executable} wait.py"
STAGE = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
import stages.__main__ as command_line

def wait(name):
    print("started", flush=True)
    time.sleep(1000)

command_line.run_stage = wait
command_line._prepare_stage = lambda: None
sys.argv = ["facevox", "dataset"]
command_line.main()
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline of one stage, which waits."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    folder = tmp_path / "checkout"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=folder, check=True)
    (folder / "dvc.yaml").write_text(f"stages:\n  wait: {{cmd: {WAIT}, outs: [a]}}\n")
    (folder / "wait.py").write_text(STAGE)
    return folder


@contextmanager
def started(checkout: Path) -> Iterator["subprocess.Popen[str]"]:
    """Start the command in a session of its own, and wait until the stage runs."""
    command = [sys.executable, "-m", "stages", "repro", "-f"]
    with subprocess.Popen(
        command,
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert any(line == "started\n" for line in process.stdout)
        yield process


def test_sigterm_ends_dvc_and_its_stage(checkout: Path) -> None:
    with started(checkout) as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout
        printed = process.stdout.read()
    assert "Stopped: the dvc that ran this stage is gone. Everything finished is kept" in printed
    assert printed.endswith(
        "dvc repro ended with exit code 143. Everything finished is kept: 'facevox repro -f' goes on from it.\n"
    )
    assert process.returncode == 143


def test_ctrl_c_ends_the_stage_and_dvc_says_so(checkout: Path) -> None:
    """As from a terminal: all processes of the group get it."""
    with started(checkout) as process:
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout
        printed = process.stdout.read()
    assert "Stopped: Ctrl-C. Everything finished is kept" in printed
    assert re.search(r"exited with (130|-2)\b", printed)  # -2: a shell in between that Ctrl-C ended
    assert process.returncode == 255


def test_exit_code_and_output_are_dvcs_where_it_ends_well(checkout: Path) -> None:
    (checkout / "dvc.yaml").write_text("stages:\n  make: {cmd: echo made > a, outs: [a]}\n")
    rwlock = checkout / ".dvc" / "tmp" / "rwlock"
    rwlock.parent.mkdir(exist_ok=True)
    rwlock.write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "stages", "repro", "make"],
        cwd=checkout, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Running stage 'make'" in done.stdout
    assert "rwlock: cut off by a kill" in done.stderr
    assert "goes on" not in done.stderr
