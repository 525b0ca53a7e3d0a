"""Which results a checkout uses: recorded by each run, read by the removal of all others."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.storage.used_items import (
    checkouts_of,
    forget_missing_checkouts,
    hold_in_use,
    record_used,
    runs_in,
    runs_with_other_params,
    unused,
    used_keys,
)


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
    code = "import sys, pathlib; from pipeline.core.storage.used_items import hold_in_use as hold; "
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


DVC_FILE = """
stages:
  sources: {foreach: "${sources}", do: {params: ["sources.${key}"], outs: ["sets/${key}/clips.parquet"]}}
  detect: {deps: ["sets/${item.ds}/clips.parquet"], params: [detect], outs: [{"sets/${item.ds}/frames": {cache: 0}}]}
  crop: {deps: ["sets/${item.ds}/frames"], params: [crop, detect.backend], outs: ["faces/${item.ds}"]}
  train: {deps: [faces], params: [train], outs: [model]}
"""


@pytest.mark.parametrize(
    ("before", "after", "others"),
    [
        ("detect: 1", "detect: 2", ["crop@a", "detect@a", "train"]),
        ("crop: 1", "crop: 2", ["crop@a", "train"]),
        ("train: 1", "train: 2", ["train"]),
        ("a: 1", "a: 2", ["crop@a", "detect@a", "train"]),
        ("b: 1", "b: 2", ["train"]),
        ("other: 1", "other: 2", []),
        ("train: 1", "train: 1  # a comment", []),
    ],
)
def test_a_run_is_of_other_params_when_a_section_of_its_stage_or_of_one_before_it_has_changed(
    root: Path, checkouts: tuple[Path, Path], before: str, after: str, others: list[str]
) -> None:
    one, _ = checkouts
    params = "sources:\n  a: 1\n  b: 1\ndetect: 1\ncrop: 1\ntrain: 1\nother: 1\n"
    (one / "dvc.yaml").write_text(DVC_FILE)
    (one / "params.yaml").write_text(params)
    for run in ("detect@a", "crop@a", "train"):
        record_used(root, run.partition("@")[0], one, run, ["k"])
    record_used(root, "split", one, "train", ["k"])  # no run of the stage train
    assert runs_with_other_params(root, one) == []
    (one / "params.yaml").write_text(params.replace(before, after))
    assert runs_with_other_params(root, one) == others


def test_without_params_their_hash_is_that_of_null_and_a_record_without_a_hash_is_of_other_params(
    root: Path, checkouts: tuple[Path, Path]
) -> None:
    one, _ = checkouts
    record_used(root, "detect", one, "detect@a", ["k1"])
    assert runs_with_other_params(root, one) == []
    (one / "params.yaml").write_text("crop: 1\n")
    assert runs_with_other_params(root, one) == []
    (one / "params.yaml").write_text("detect: 1\n")
    assert runs_with_other_params(root, one) == ["detect@a"]
    (path,) = root.glob(".used/*/detect/detect@a.txt")
    path.write_text("k1\n")
    assert (runs_with_other_params(root, one), used_keys(root, "detect", [one])) == (["detect@a"], {"k1"})


def test_what_is_recorded_of_a_checkout_that_is_gone_is_forgotten(root: Path, checkouts: tuple[Path, Path]) -> None:
    one, two = checkouts
    for checkout in checkouts:
        record_used(root, "detect", checkout, "detect@a", ["k1"])
    two.rmdir()
    forget_missing_checkouts(root)
    assert checkouts_of(root) == [one]
    assert len(list((root / ".used").iterdir())) == 1


def test_a_folder_that_is_renamed_away_before_it_is_locked_is_made_and_held_anew(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, lock = root / "train-01", fcntl.flock
    opened: list[int] = []

    def rename_and_lock(descriptor: int, operation: int) -> None:
        if not opened:
            held.rename(root / ".old")
        opened.append(descriptor)
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", rename_and_lock)
    hold_in_use(held)
    monkeypatch.undo()
    assert len(opened) == 2
    with unused(held) as is_free:
        assert not is_free


def test_a_folder_that_another_process_removes_before_it_is_locked_counts_as_in_use(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lock = root / "train-01", fcntl.flock
    folder.mkdir(parents=True)

    def rename_and_lock(descriptor: int, operation: int) -> None:
        folder.rename(root / ".old")
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", rename_and_lock)
    with unused(folder) as is_free:
        assert not is_free
