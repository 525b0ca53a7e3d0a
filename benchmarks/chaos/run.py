"""A checkout of its own in which ``dvc repro`` is run and killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.chaos.points import TIME, WRITES, Point
from pipeline.core.base.imports import ROOT

# Three clips of three people, two seconds each, and trainings of a few steps with a checkpoint after each.
PARAMS = (
    "sources.demo.edge_cases=false",
    "sources.demo.n_persons=3",
    "sources.demo.clips_per_person=1",
    "sources.demo.duration_s=2.0",
    "persons.test_share=0.4",
    "crop.n_random=3",
    "crop.n_candidates=3",
    "pretrain_identity.epochs=1",
    "model.width=8",
    "pretrain_voice.steps=8",
)
TARGET = "pretrain_voice"  # all data stages, and two trainings
HOOK = Path(__file__).parent / "hook"
POLL_S = 0.02
ENDS_BY_ITSELF_S = 45.0


@dataclass(frozen=True, slots=True)
class Killed:
    """A run up to its end: its exit code, or where it was killed, and what was left running."""

    output: str
    exit_code: int | None
    at: dict[str, Any] | None
    running: str
    left_running: list[str]


class Checkout:
    """A copy of the files that git tracks or would track, with a store and a DVC cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.root, self.store, self._chaos = folder / "checkout", folder / "store", folder / "chaos"
        self._output = folder / "output.txt"
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
            if (ROOT / name).is_file() and name != "dvc.lock":
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.root / name)
        self._call(sys.executable, "-m", "stages", "profile", *(part for one in PARAMS for part in ("--set", one)))
        self._call("git", "init", "-q")
        self._call("git", "add", "-A")
        self._call("git", "-c", "user.name=chaos", "-c", "user.email=chaos@localhost", "commit", "-q", "-m", "copy")

    def clean(self) -> None:
        """Remove all results, the store and DVC's cache."""
        self._call("git", "clean", "-fdxq")
        # stored files are read-only, their folders are not
        shutil.rmtree(self.store, ignore_errors=True)

    def run(self, point: Point | None) -> Killed:
        """Run ``facevox repro`` and kill it at ``point``, if it comes there."""
        shutil.rmtree(self._chaos, ignore_errors=True)
        self._chaos.mkdir(parents=True)
        with (
            self._output.open("w") as output,
            subprocess.Popen(
                [sys.executable, "-m", "stages", "repro", TARGET],
                cwd=self.root,
                env=self._environment(point.variable if point else "none 0 0"),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            at = self._wait_for(point, process)
            running = self._stage() if at else ""
            if at and point:
                self._kill(point.victim, process.pid, at)
                left = self._wait_until_all_have_ended()
            else:
                left = []
            exit_code = process.wait()
        printed = self._output.read_text(encoding="utf-8", errors="replace")
        return Killed(printed, None if at else exit_code, at, running, left)

    def counts(self) -> dict[str, int]:
        """Return how many moments of each kind the last run had."""
        files = {kind: self._chaos / f"count.{kind}" for kind in WRITES}
        return {kind: file.stat().st_size if file.exists() else 0 for kind, file in files.items()}

    def _wait_for(self, point: Point | None, process: "subprocess.Popen[bytes]") -> dict[str, Any] | None:
        """Wait for the point, or for the end; return what the process says that is at the point."""
        start_s = time.monotonic()
        said = self._chaos / "point.json"
        while process.poll() is None:
            if said.exists():
                return dict(json.loads(said.read_text(encoding="utf-8")))
            if point and point.kind == TIME and time.monotonic() - start_s > point.number:
                return {"pid": 0, "path": "", "moment": "", "process": ""}
            time.sleep(POLL_S)
        return None

    def _kill(self, victim: str, group: int, at: Mapping[str, Any]) -> None:
        if victim == "all processes":
            for pid in self._processes():
                _send(pid, signal.SIGKILL)
        elif victim == "dvc alone" and (dvc := [pid for pid, line in self._processes().items() if "dvc repro" in line]):
            _send(dvc[0], signal.SIGKILL)
        else:
            os.killpg(group, signal.SIGKILL)
        if at["pid"]:
            _send(at["pid"], signal.SIGCONT)

    def _wait_until_all_have_ended(self) -> list[str]:
        """Wait for the processes that were not killed; return and kill those that go on for too long."""
        end_s = time.monotonic() + ENDS_BY_ITSELF_S
        while (processes := self._processes()) and time.monotonic() < end_s:
            time.sleep(POLL_S)
        for pid in processes:
            _send(pid, signal.SIGKILL)
        return list(processes.values())

    def _processes(self) -> dict[int, str]:
        """Return the command lines of this checkout's processes that have not ended, by id."""
        mark = f"CHAOS_FOLDER={self._chaos}\0".encode()
        found: dict[int, str] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes():
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:  # it has ended
                continue
        return {pid: line for pid, line in found.items() if line}

    def _stage(self) -> str:
        lines = self._output.read_text(encoding="utf-8", errors="replace").splitlines()
        stages = [line.split("'")[1] for line in lines if line.startswith("Running stage")]
        return stages[-1] if stages else "dvc"

    def _call(self, *command: str) -> None:
        subprocess.run(command, cwd=self.root, check=True, stdout=subprocess.DEVNULL)

    def _environment(self, point: str) -> dict[str, str]:
        site = str(self._chaos.parent / "site")
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(HOOK),
            "PYTHONUNBUFFERED": "1",
            "FACEVOX_CACHE": str(self.store),
            "FACEVOX_CHECKPOINT_EVERY": "1",
            "DVC_SITE_CACHE_DIR": site,
            "CHAOS_FOLDER": str(self._chaos),
            "CHAOS_POINT": point,
        }


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
