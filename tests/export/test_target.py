"""An export is whole or not there, and takes the place of nothing but an earlier export."""

import errno
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.base.imports import ROOT
from pipeline.export.folder import export_folder
from pipeline.export.huggingface import export_huggingface
from pipeline.export.target import NOTE, writing_export
from pipeline.export.webdataset import export_webdataset
from tests.built_dataset import Made
from tests.export.conftest import files_in

EXPORTS = [export_huggingface, export_webdataset, export_folder]


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("n_done", [0, 7, 39])
def test_an_interrupted_export_leaves_nothing(
    export: Callable, n_done: int, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_after(n_done, export, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        export(made.open(), tmp_path / "export")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("export", EXPORTS)
def test_an_interrupted_export_leaves_an_earlier_one_as_it_was(
    export: Callable, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_folder(made.open("test"), tmp_path / "export")
    before = files_in(tmp_path)
    interrupt_after(5, export, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        export(made.open(), tmp_path / "export", force=True)
    assert files_in(tmp_path) == before


def interrupt_after(n_done: int, export: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an export end as by Ctrl-C when so many items have ended."""

    def advance() -> None:
        nonlocal n_done
        n_done -= 1
        if n_done < 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(f"{export.__module__}.progress", lambda *_: nullcontext(advance))


_HANGS = """\
import sys, time
from contextlib import nullcontext
import pipeline.export.folder
from stages.__main__ import main

def advance():
    print("writing", flush=True)
    time.sleep(60)

pipeline.export.folder.progress = lambda *_: nullcontext(advance)
sys.argv[1:1] = ["export", "folder", "--to"]
main()
"""


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_an_export_ended_by_a_signal_leaves_nothing(end: signal.Signals, made: Made, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HANGS, str(tmp_path / "export")]
    with subprocess.Popen(command, cwd=made.at.root, env=ours(), stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"writing\n"
        assert [path.name.startswith(".export.") for path in tmp_path.iterdir()] == [True]
        child.send_signal(end)
        assert child.wait(30) in (130, 143)
    assert list(tmp_path.iterdir()) == []


def ours() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


def test_a_folder_that_is_empty_is_taken(made: Made, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    export_folder(made.open("test"), tmp_path / "export")
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
    assert (tmp_path / "export" / NOTE).is_file()


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_that_holds_anything_else_is_never_replaced(tmp_path: Path, force: bool) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="holds something that is no export"), writing_export(tmp_path, force=force):
        pytest.fail("it was let in")
    assert files_in(tmp_path) == {"mine.txt": b"mine"}


def test_an_earlier_export_is_replaced_when_forced_only(made: Made, tmp_path: Path) -> None:
    to = tmp_path / "export"
    export_webdataset(made.open(), to)
    with pytest.raises(BadInput, match=f"^{re.escape(str(to))}: holds an earlier export; --force replaces it"):
        export_folder(made.open(), to)
    export_folder(made.open(), to, force=True)
    export_folder(made.open(), tmp_path / "fresh")
    assert files_in(to) == files_in(tmp_path / "fresh")


def test_what_came_into_the_folder_meanwhile_is_kept(tmp_path: Path) -> None:
    to = tmp_path / "export"
    with pytest.raises(BadInput, match="holds something"), writing_export(to, force=True) as folder:
        (folder / "ours").write_text("ours")
        to.mkdir()
        (to / "theirs").write_text("theirs")
    assert files_in(tmp_path) == {"export/theirs": b"theirs"}


def test_a_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "export").write_text("mine")
    with pytest.raises(BadInput, match="is a file"), writing_export(tmp_path / "export", force=True):
        pytest.fail("it was let in")


def test_where_a_disk_is_mounted_nothing_can_be_renamed_to() -> None:
    with pytest.raises(BadInput, match=r"^/: is where a disk is mounted"), writing_export(Path("/"), force=True):
        pytest.fail("it was let in")


def test_a_link_leads_to_the_folder_that_is_made(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with writing_export(tmp_path / "link", force=False) as folder:
        (folder / "a").write_text("a")
    assert (tmp_path / "link").is_symlink()
    assert files_in(tmp_path / "real") == {"a": b"a"}


def test_where_no_folder_can_be_made_it_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BadInput, match=r"not written, and nothing kept: .* File exists"):  # noqa: SIM117
        with writing_export(tmp_path / "file" / "export", force=False):
            pytest.fail("it was let in")


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(BadInput, match=r"not written, and nothing kept: .* No space left"),
        writing_export(tmp_path / "a", force=False),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []
