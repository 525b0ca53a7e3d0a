"""A file or folder is there whole or not at all, and nothing temporary stays behind."""

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from pipeline.storage.atomic import adding_folder, replacing, replacing_folder, write_text


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


def test_a_folder_appears_only_when_its_block_ends(tmp_path: Path) -> None:
    folder = tmp_path / "items" / "one"
    with adding_folder(folder) as temporary:
        (temporary / "rows").write_text("1")
        assert not folder.exists()
    assert names(tmp_path) == ["items", "items/one", "items/one/rows"]


def test_a_crash_while_adding_a_folder_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Crash), adding_folder(tmp_path / "one") as temporary:
        (temporary / "rows").write_text("half")
        raise Crash
    assert names(tmp_path) == []


def test_a_folder_that_another_process_was_faster_to_add_stays(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    with adding_folder(folder) as temporary:
        (temporary / "rows").write_text("late")
        folder.mkdir()
        (folder / "rows").write_text("first")
    assert names(tmp_path) == ["one", "one/rows"]
    assert (folder / "rows").read_text() == "first"


def test_a_file_in_the_place_of_a_folder_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("a file")
    with pytest.raises(NotADirectoryError), adding_folder(tmp_path / "one"):
        pass
    assert names(tmp_path) == ["one"]


def _add(folder: Path, name: str, start: Barrier) -> None:
    for i in range(20):
        with adding_folder(folder / str(i)) as temporary:
            for part in ("a", "b"):
                (temporary / part).write_text(name)
            start.wait(10)


def test_two_processes_that_add_one_folder_end_with_one_whole_folder(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(2)
    processes = [fork.Process(target=_add, args=(tmp_path, name, start)) for name in ("first", "second")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(map(str, range(20)))
    for folder in tmp_path.iterdir():
        assert names(folder) == ["a", "b"]
        assert (folder / "a").read_text() == (folder / "b").read_text()


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
    with adding_folder(tmp_path / "added"), replacing_folder(tmp_path / "replaced"):
        pass
    assert [oct((tmp_path / name).stat().st_mode & 0o777) for name in ("added", "replaced")] == ["0o755", "0o755"]
