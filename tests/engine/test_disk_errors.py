"""A full disk and a read-only folder, on real ones: file systems mounted in a namespace of their own."""

import errno
from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.engine.disk_errors import DiskProblem, check_writable, disk_problem
from tests.mounts import in_namespace

GO_ON = "Everything finished is kept: the same command goes on from it."


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def problem_of(error: BaseException) -> str:
    found = disk_problem(error)
    assert found is not None
    return found


def test_a_read_only_folder_of_the_cache_may_be_left_for_another(cache: Path) -> None:
    assert problem_of(OSError(errno.EROFS, "Read-only file system", str(cache / "items"))) == (
        f"{cache}/items: the disk is read-only. Mount it so that it can be written, or set FACEVOX_CACHE to a folder "
        f"on another disk. {GO_ON}"
    )


def test_a_folder_outside_the_cache_may_not(tmp_path: Path) -> None:
    assert problem_of(PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "data"))) == (
        f"{tmp_path}/data: this user may not read and write there. Change its permissions. {GO_ON}"
    )


def test_a_full_disk_without_a_path_names_cache_and_checkout_with_their_room(cache: Path) -> None:
    sentence = problem_of(OSError(errno.ENOSPC, "No space left on device"))
    assert sentence.startswith(f"{cache} (")
    assert f" MB free now) or {Path.cwd()} (" in sentence
    assert sentence.endswith(
        f"the disk is full. Make room there, or set FACEVOX_CACHE to a folder on another disk. {GO_ON}"
    )


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError("[Errno 28] Error writing bytes to file. Detail: [errno 28] No space left on device"),
        OSError("3000000 requested and 1048448 written"),
        OSError("Not enough free space to write 80000 bytes"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"),
        RuntimeError("basic_ios::clear: iostream error"),
        RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"),
        Exception("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_told_from_what_each_library_says(error: Exception) -> None:
    assert "the disk is full" in problem_of(error)


def test_the_cause_of_an_error_counts_and_so_does_what_was_handled() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    for cause in (None, full):
        try:
            try:
                raise full
            except OSError:
                raise ValueError("no result") from cause
        except ValueError as error:
            assert "the disk is full" in problem_of(error)
    assert "the disk is full" in problem_of(ExceptionGroup("two", [ValueError(), full]))


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file or directory", "/x"),
        PermissionError(errno.EPERM, "Operation not permitted"),
        RuntimeError("unexpected pos"),
        ValueError("3000000 requested and 10 taken"),
    ],
)
def test_other_errors_are_no_fault_of_the_disk(error: Exception) -> None:
    assert disk_problem(error) is None


def test_an_error_that_is_explained_already_stays_as_it_is() -> None:
    error = BadInput("no cookies there")
    error.__cause__ = PermissionError(errno.EACCES, "Permission denied", "/x")
    assert disk_problem(error) is None
    assert disk_problem(DiskProblem("full")) == "full"


def test_a_check_leaves_nothing_behind(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


WRITERS = """
import subprocess, sys
from pathlib import Path
import numpy as np, pyarrow as pa, pyarrow.parquet as pq, torch
from safetensors.torch import save_file
from pipeline.engine.disk_errors import disk_problem

folder, noise = Path(sys.argv[1]), np.random.default_rng(0).integers(0, 255, 3_000_000, dtype=np.uint8)
writers = {
    "text": lambda: (folder / "a").write_bytes(noise),
    "numpy": lambda: np.save(folder / "a.npy", noise),
    "arrow": lambda: pq.write_table(pa.table({"a": noise}), folder / "a.parquet"),
    "torch": lambda: torch.save(torch.from_numpy(noise), folder / "a.pt"),
    "safetensors": lambda: save_file({"a": torch.from_numpy(noise)}, folder / "a.safetensors"),
}
for mode in ("rw", "ro"):
    subprocess.run(["mount", "-o", f"remount,{mode}", str(folder)], check=True)
    for name, write in writers.items():
        try:
            write()
        except Exception as error:
            print(name, (disk_problem(error) or repr(error)).partition(". ")[0].rpartition(": ")[2])
        for path in folder.glob("*"):
            path.unlink()
"""


def test_each_way_in_which_a_run_writes_is_explained_on_a_real_disk(tmp_path: Path) -> None:
    lines = in_namespace("mount -t tmpfs -o size=1m none", WRITERS, tmp_path).splitlines()
    names = ("text", "numpy", "arrow", "torch", "safetensors")
    assert lines == [f"{name} {kind}" for kind in ("the disk is full", "the disk is read-only") for name in names]


def test_a_read_only_folder_is_found_before_any_work(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from pipeline.engine.disk_errors import DiskProblem, check_writable
try:
    check_writable(Path(sys.argv[1]) / "items")
except DiskProblem as error:
    print(error)
"""
    assert in_namespace("mount -t tmpfs -o ro none", code, tmp_path) == (
        f"{tmp_path}/items: the disk is read-only. Mount it so that it can be written. {GO_ON}\n"
    )
