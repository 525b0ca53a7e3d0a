"""A copy of the checkout under git, in which real ``dvc repro`` runs on a few short clips."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.small_run import SMALL, TINY
from pipeline.core.base.imports import ROOT


@dataclass(frozen=True)
class Checkout:
    """A copy of the project, with a store of its own."""

    root: Path

    def run(self, *command: str) -> str:
        """Run a command in the copy; return what it printed; fail with it when it fails."""
        done = subprocess.run(command, cwd=self.root, env=self.environment(), capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def facevox(self, *arguments: str) -> str:
        """Run the command line of the copy's own code."""
        return self.run("python", "-m", "stages", *arguments)

    def environment(self) -> dict[str, str]:
        """Return an environment in which ``python`` and ``dvc`` are the ones that run this test."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        cache = str(self.root.parent / "store")
        return {**os.environ, "PATH": path, "FACEVOX_CACHE": cache}


def stages_run(output: str) -> list[str]:
    """Return the stages that a ``dvc repro`` or ``dvc exp run`` ran, in order, but for ``inputs``: it always runs."""
    stages = [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]
    return [stage for stage in stages if stage != "inputs"]


@pytest.fixture(scope="session")
def make_checkout(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Checkout]:
    """Make copies: ``make_checkout(*profiles_and_assignments)``."""

    def make(*changes: str) -> Checkout:
        checkout = Checkout(tmp_path_factory.mktemp("checkout") / "copy")
        copy_tracked(checkout.root)
        profiles = [change for change in changes if "=" not in change]
        assignments = [part for change in changes if "=" in change for part in ("--set", change)]
        checkout.facevox("profile", *profiles, *assignments)
        checkout.run("git", "init", "-q")
        checkout.run("git", "config", "user.name", "test")
        checkout.run("git", "config", "user.email", "test@localhost")
        checkout.run("git", "add", "-A")
        checkout.run("git", "commit", "-q", "-m", "copy")
        return checkout

    return make


def copy_tracked(target: Path) -> None:
    """Copy the files that git tracks or would track, as they are now; the lock starts empty."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file() and name != "dvc.lock":
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


@pytest.fixture(scope="session")
def small(make_checkout: Callable[..., Checkout]) -> Checkout:
    """A finished run of the data stages on six short clips."""
    checkout = make_checkout(*SMALL, *TINY)
    checkout.run("dvc", "repro", "dataset")
    return checkout
