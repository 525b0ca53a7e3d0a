"""Small and read-only disks for tests: mounted where no other process sees them; root writes to read-only folders."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.base.imports import ROOT

_CAN_NOT_MOUNT = 77


def in_namespace(mount: str, code: str, folder: Path) -> str:
    """Return what ``code`` prints where ``mount`` was run, on mounts that no other process sees."""
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    script = f'{mount} "$1" || exit {_CAN_NOT_MOUNT}; exec "$2" -c "$3" "$1"'
    try:
        done = subprocess.run(
            [*unshare, "sh", "-c", script, "sh", str(folder), sys.executable, code],
            capture_output=True, text=True, check=False, cwd=ROOT,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("needs the program unshare")
    if done.returncode == _CAN_NOT_MOUNT or "unshare" in done.stderr:
        pytest.skip(f"this user may not mount: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return done.stdout
