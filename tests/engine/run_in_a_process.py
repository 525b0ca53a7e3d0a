"""A run in a process of its own, so that a test can kill it: folder, then the items."""

import sys
from pathlib import Path

from pipeline.engine.run import run_step
from tests.engine.steps import settings_for, step_for

if __name__ == "__main__":
    run_step(step_for(Path(sys.argv[1])), sys.argv[2:], settings_for(Path(sys.argv[1])), title="squares")
