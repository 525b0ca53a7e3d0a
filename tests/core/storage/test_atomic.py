"""A file or folder is there whole or not at all, and nothing temporary stays behind."""

import fcntl
import multiprocessing
import os
from multiprocessing import Queue
from pathlib import Path

import pytest

from pipeline.core.storage.atomic import claim, claimed_folder, replacing, replacing_folder, write_text


class Crash(Exception):
    """Stands for anything that goes wrong half-way."""


def names(folder: Path) -> list[str]:
    """Return all that lies under ``folder``, hidden names included."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_file_is_replaced_and_its_folder_made(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    write_text(path, "old")
    write_text(path, "nöw\n")
    assert path.read_bytes() == "nöw\n".encode()
    assert names(tmp_path) == ["deep", "deep/a.txt"]


@pytest.mark.parametrize("old", [None, "old"])
def test_a_crash_while_writing_a_file_leaves_what_was_there(tmp_path: Path, old: str | None) -> None:
    path = tmp_path / "a.txt"
    if old is not None:
        path.write_text(old)
    with pytest.raises(Crash), replacing(path) as temporary:
        temporary.write_text("half")
        raise Crash
    assert names(tmp_path) == ([] if old is None else ["a.txt"])
    assert old is None or path.read_text() == old


def _claim_in_turn(folder: Path, results: Queue) -> None:  # type: ignore[type-arg]
    with claimed_folder(folder) as claimed:
        results.put(sorted(path.name for path in claimed.iterdir()))
        (claimed / "half").touch()


def test_a_folder_is_claimed_by_one_process_at_a_time_and_is_empty_then(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    results = fork.Queue()
    processes = [fork.Process(target=_claim_in_turn, args=(tmp_path / "one", results)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [results.get(timeout=10) for _ in processes] == [[]] * 4
    assert names(tmp_path) == []


def test_a_claim_that_does_not_wait_is_refused_while_another_holds(tmp_path: Path) -> None:
    with claimed_folder(tmp_path / "one"):
        assert claim(tmp_path / "one", wait=False) is None
    descriptor = claim(tmp_path / "one", wait=False)
    assert descriptor is not None
    os.close(descriptor)


def test_what_killed_writers_left_is_removed_by_the_next_writer_of_the_same_place(tmp_path: Path) -> None:
    (tmp_path / ".a.txt.1234567.tmp").write_text("half")
    (tmp_path / ".a.txt.1234567.scratch.tmp").mkdir()
    (tmp_path / ".a.txt.1234567.scratch.tmp" / "runs").touch()
    (tmp_path / ".other.txt.1234567.tmp").write_text("of another place")
    write_text(tmp_path / "a.txt", "whole")
    assert names(tmp_path) == [".other.txt.1234567.tmp", "a.txt"]


def test_what_is_being_written_by_another_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / ".a.txt.1234567.tmp"
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_text(tmp_path / "a.txt", "whole")
        assert path.is_file()


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    for generation in ("old", "new"):
        with replacing_folder(folder) as temporary:
            (temporary / generation).write_text(generation)
    assert names(tmp_path) == ["shards", "shards/new"]


@pytest.mark.parametrize("old", [[], ["shards", "shards/old"]])
def test_a_crash_while_replacing_a_folder_leaves_what_was_there(tmp_path: Path, old: list[str]) -> None:
    folder = tmp_path / "shards"
    if old:
        folder.mkdir()
        (folder / "old").write_text("old")
    with pytest.raises(Crash), replacing_folder(folder) as temporary:
        (temporary / "new").write_text("half")
        raise Crash
    assert names(tmp_path) == old


def test_folders_can_be_read_by_others(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "replaced"):
        pass
    assert oct((tmp_path / "replaced").stat().st_mode & 0o777) == "0o755"
