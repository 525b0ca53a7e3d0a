"""The seconds of a command by stage: each stage from its own line to the next stage's."""

import sys
import time
from itertools import count

import pytest

from benchmarks.stage_seconds import main, seconds_by_stage

OUTPUT = """\
Verifying data sources
Running stage 'detect@demo':
> python -m stages detect demo
Stage 'crop@demo' is cached - skipping run, checking out outputs
Running stage 'detect@demo':
"""
COMMAND = [sys.executable, "-c", f"import sys; print({OUTPUT!r}, end=''); sys.exit(3)"]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock comes 1 s after the one before."""
    ticks = count()
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))


def test_a_stage_takes_the_time_to_the_next_one_and_all_its_runs_are_summed() -> None:
    assert seconds_by_stage(COMMAND) == ({"before": 1.0, "detect@demo": 2.0, "crop@demo": 1.0}, 3)


def test_the_output_comes_first_then_the_seconds_and_the_exit_status_is_the_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["stage_seconds", *COMMAND])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    assert capsys.readouterr().out == OUTPUT + (
        "before                             1.0 s\n"
        "detect@demo                        2.0 s\n"
        "crop@demo                          1.0 s\n"
        "all                                4.0 s\n"
    )
