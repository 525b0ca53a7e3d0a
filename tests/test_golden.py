"""The result of a step is tied to its version, because stored results are reused by version."""

import json
from pathlib import Path

import pytest

from tests.golden_steps import GOLDEN, run_steps

RECORD = "and record the new numbers: python -m tests.golden_steps"


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return run_steps(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("name", ["download", "detect", "crop", "audio", "identify"])
def test_a_step_that_returns_something_else_has_another_version(name: str, steps: dict) -> None:
    golden = json.loads(Path(GOLDEN).read_text(encoding="utf-8"))[name]
    version, numbers = steps[name]
    is_same = numbers == pytest.approx(golden["numbers"], rel=2e-3, abs=2e-3)
    assert is_same or version != golden["version"], f"'{name}' returns {numbers}: raise its VERSION {RECORD}"
    assert version == golden["version"], f"'{name}' has version {version}, recorded is {golden['version']}: {RECORD}"
    assert is_same, f"'{name}': {RECORD}"
