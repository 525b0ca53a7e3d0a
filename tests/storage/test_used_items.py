"""Which results a checkout uses: recorded by each run, read by the removal of all others."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.storage.used_items import checkouts_of, hold_in_use, record_used, runs_in, unused, used_keys


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "items"


@pytest.fixture
def checkouts(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    return tmp_path / "one", tmp_path / "two"


def test_the_keys_of_the_last_run_replace_those_of_the_run_before(root: Path, checkouts: tuple[Path, Path]) -> None:
    one, _ = checkouts
    record_used(root, "detect", one, "detect@a", ["k1", "k2"])
    record_used(root, "detect", one, "detect@a", (key for key in ("k2", "k3")))
    assert used_keys(root, "detect", [one]) == {"k2", "k3"}


def test_runs_of_other_datasets_steps_and_checkouts_are_kept_apart(root: Path, checkouts: tuple[Path, Path]) -> None:
    one, two = checkouts
    record_used(root, "detect", one, "detect@a", ["k1"])
    record_used(root, "detect", one, "detect@b", ["k2"])
    record_used(root, "crop", one, "crop@a", ["k3"])
    record_used(root, "detect", two, "detect@a", ["k4"])
    assert used_keys(root, "detect", [one]) == {"k1", "k2"}
    assert used_keys(root, "detect", [one, two]) == {"k1", "k2", "k4"}
    assert used_keys(root, "detect", [one], lambda checkout, run: run == "detect@b") == {"k2"}
    assert used_keys(root, "audio", [one, two]) == used_keys(root, "detect", []) == set()
    assert (runs_in(root, one), runs_in(root, two)) == (["crop@a", "detect@a", "detect@b"], ["detect@a"])
    assert checkouts_of(root) == [one, two]


def test_a_checkout_is_the_same_by_whatever_path(root: Path, checkouts: tuple[Path, Path]) -> None:
    one, _ = checkouts
    (one.parent / "link").symlink_to(one)
    record_used(root, "detect", one.parent / "link", "detect@a", ["k1"])
    assert used_keys(root, "detect", [one.parent / "two" / ".." / "one"]) == {"k1"}
    assert checkouts_of(root) == [one]


def test_a_run_that_fails_while_it_records_leaves_what_was_recorded(root: Path, checkouts: tuple[Path, Path]) -> None:
    one, _ = checkouts
    record_used(root, "detect", one, "detect@a", ["k1"])
    with pytest.raises(ZeroDivisionError):
        record_used(root, "detect", one, "detect@a", (str(1 // (number - 1)) for number in range(2)))
    assert used_keys(root, "detect", [one]) == {"k1"}


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_in_a_store_that_cannot_be_written_to_nothing_is_recorded(root: Path, checkouts: tuple[Path, Path]) -> None:
    root.mkdir(mode=0o555)
    record_used(root, "detect", checkouts[0], "detect@a", ["k1"])
    assert list(root.iterdir()) == []


def test_a_folder_is_in_use_until_the_process_that_holds_it_ends(root: Path) -> None:
    code = "import sys, pathlib; from pipeline.storage.used_items import hold_in_use as hold; "
    code += "hold(pathlib.Path(sys.argv[1])); print('held', flush=True); input()"
    held = root / "detect"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(held)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with unused(held) as is_free:
            assert not is_free
        process.kill()
    with unused(held) as is_free:
        assert is_free


def test_several_processes_may_use_a_folder_and_none_can_begin_to_while_it_is_cleaned(root: Path) -> None:
    hold_in_use(root / "crop")
    descriptor = os.open(root / "crop", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.close(descriptor)
    (root / "audio").mkdir()
    with unused(root / "audio") as is_free:
        assert is_free
        descriptor = os.open(root / "audio", os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.close(descriptor)
