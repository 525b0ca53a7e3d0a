"""How the command line ends: one sentence for what a user can mend, a traceback for a bug."""

import errno
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from stages import __main__ as command_line


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["facevox", "dataset"])
    monkeypatch.delenv("DVC_STAGE", raising=False)
    for name in ("adopt_orphans", "end_descendants"):  # those of the tests' own process stay
        monkeypatch.setattr(command_line, name, lambda: None)


def stage_that_raises(error: Exception) -> Callable[[str], None]:
    def run(_name: str) -> None:
        raise error

    return run


def end_of(error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what main prints when a stage raises ``error``."""
    monkeypatch.setattr(command_line, "run_stage", stage_that_raises(error))
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 1
    return capsys.readouterr().err


def test_an_error_of_the_project_is_its_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_of(BadInput("no clips"), monkeypatch, capsys) == "BadInput: no clips\n"


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    error = OSError(errno.ENOSPC, "No space left on device", str(Path("manifests").absolute()))
    said = end_of(error, monkeypatch, capsys)
    assert said.startswith(f"DiskProblem: {Path.cwd()}/manifests (")
    assert said.endswith("free now): the disk is full. Make room there. "
                         "Everything finished is kept: the same command goes on from it.\n")  # fmt: skip


def test_a_bug_is_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "run_stage", stage_that_raises(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        command_line.main()


def test_a_checkout_that_can_not_be_written_is_told_before_the_stage_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data").write_text("a file in the place of the folder")
    monkeypatch.setattr(command_line, "run_stage", stage_that_raises(AssertionError()))
    with pytest.raises(SystemExit):
        command_line.main()
    assert "data" in capsys.readouterr().err


def test_what_a_killed_dvc_left_is_mended_by_any_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rwlock = Path(".dvc/tmp/rwlock")
    rwlock.parent.mkdir(parents=True)
    rwlock.write_text("")
    monkeypatch.setenv("DVC_STAGE", "dataset")  # within dvc its files are its own
    monkeypatch.setattr(command_line, "stop_with_dvc", lambda: None)
    end_of(BadInput(""), monkeypatch, capsys)
    assert rwlock.exists()
    monkeypatch.delenv("DVC_STAGE")
    assert "rwlock: cut off by a kill" in end_of(BadInput(""), monkeypatch, capsys)
    assert not rwlock.exists()
