"""What a step returns is tied to its version: results in the store of whoever runs facevox depend on it."""

import json
from pathlib import Path

import pytest

from tests.golden_steps import GOLDEN, run_steps

WRITE = "and write the new numbers down: python -m tests.golden_steps"


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return run_steps(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("name", ["download", "detect", "crop", "audio", "identify"])
def test_a_step_that_returns_something_else_has_another_version(name: str, steps: dict) -> None:
    golden = json.loads(Path(GOLDEN).read_text(encoding="utf-8"))[name]
    version, numbers = steps[name]
    is_same = numbers == pytest.approx(golden["numbers"], rel=2e-3, abs=2e-3)
    assert is_same or version != golden["version"], f"'{name}' returns {numbers}: raise its VERSION {WRITE}"
    assert version == golden["version"], f"'{name}' has version {version}, written down is {golden['version']}: {WRITE}"
    assert is_same, f"'{name}': {WRITE}"
