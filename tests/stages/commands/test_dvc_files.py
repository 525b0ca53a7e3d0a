"""What a killed dvc leaves half written is mended when no dvc is at work; everything else is left alone."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stages.commands.dvc_files import mend_dvc_files

LOCK_FILE = """\
schema: '2.0'
stages:
  first:
    cmd: echo 1 > a
    outs:
    - path: a
      hash: md5
      md5: b026324c6904b2a9cb4b88d6d61c81d1
      size: 2
"""
SECOND = """\
  second:
    cmd: cat a a > b
    deps:
    - path: a
      hash: md5
      md5: b026324c6904b2a9cb4b88d6d61c81d1
      size: 2
    outs:
    - path: b
      hash: md5
      md5: f2160c8ffedf48068f2e1137e0a3a7e7
      size: 4
"""
STAGES = """\
stages:
  first: {cmd: echo 1 > a, outs: [a]}
  second: {cmd: cat a a > b, deps: [a], outs: [b]}
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    return tmp_path


def rwlock_of(checkout: Path) -> Path:
    return checkout / ".dvc" / "tmp" / "rwlock"


def entry(pid: int) -> str:
    info = {"pid": pid, "cmd": "dvc repro"}
    return json.dumps({"write": {"/x/a": info}, "read": {"/x/b": [info]}})


def ended_pid() -> int:
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


@pytest.mark.parametrize("left", ["", '{"read": {"/x', "[]", '{"read": [1]}', '{"write": {"/x": {"pid": "1"}}}', "1"])
def test_an_rwlock_that_dvc_can_not_read_is_removed(left: str, checkout: Path) -> None:
    rwlock_of(checkout).write_text(left)
    assert mend_dvc_files(checkout) == [f"{rwlock_of(checkout)}: cut off by a kill; removed, DVC makes it anew."]
    assert not rwlock_of(checkout).exists()
    assert mend_dvc_files(checkout) == []


@pytest.mark.parametrize("left", ["{}", '{"read": {}, "write": {}}'])
def test_an_empty_rwlock_stays(left: str, checkout: Path) -> None:
    rwlock_of(checkout).write_text(left)
    assert mend_dvc_files(checkout) == []
    assert rwlock_of(checkout).read_text() == left


def test_an_rwlock_of_a_living_process_stays(checkout: Path) -> None:
    rwlock_of(checkout).write_text(entry(os.getpid()))
    assert mend_dvc_files(checkout) == []


def test_an_rwlock_of_a_process_that_ended_is_removed(checkout: Path) -> None:
    rwlock_of(checkout).write_text(entry(ended_pid()))
    assert mend_dvc_files(checkout) == [
        f"{rwlock_of(checkout)}: names only processes that have ended; removed, DVC makes it anew."
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="the state of a process is read from /proc")
def test_an_rwlock_of_a_zombie_is_removed(checkout: Path) -> None:
    """Killed, and not waited for, as in a container without an init process: DVC would wait for it for ever."""
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        rwlock_of(checkout).write_text(entry(process.pid))
        assert len(mend_dvc_files(checkout)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the start of a process is read from /proc")
def test_an_rwlock_of_a_process_id_that_was_given_to_another_process_since_is_removed(checkout: Path) -> None:
    rwlock_of(checkout).write_text(entry(os.getpid()))
    os.utime(rwlock_of(checkout), (1e9, 1e9))
    assert len(mend_dvc_files(checkout)) == 1


@pytest.mark.parametrize("name", ["lock", "rwlock.lock"])
def test_nothing_is_mended_while_a_dvc_holds_a_lock(name: str, checkout: Path) -> None:
    rwlock_of(checkout).write_text("")
    with (checkout / ".dvc" / "tmp" / name).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert mend_dvc_files(checkout) == []
    assert len(mend_dvc_files(checkout)) == 1


def test_nothing_is_mended_where_dvc_locks_by_hard_links(checkout: Path) -> None:
    rwlock_of(checkout).write_text("")
    (checkout / ".dvc" / "config").write_text("[core]\n    hardlink_lock = true\n")
    assert mend_dvc_files(checkout) == []


def test_temporary_files_of_dvc_among_the_results_are_removed_and_all_others_stay(checkout: Path) -> None:
    name = ".BBS7AkZzqYqtowtKVVKEAg.tmp"
    removed = [checkout / folder / name for folder in (".", "data", "data/faces", "manifests", "manifests/sets/demo")]
    stay = [
        checkout / "manifests" / ".clips.parquet.27882.tmp",  # of a stage, which removes it itself
        checkout / "manifests" / ".BBS7AkZzqYqtowtKVVKEA.tmp",
        checkout / "other" / name,
    ]
    for path in (*removed, *stay):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with (checkout / ".dvc" / "tmp" / "lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        mend_dvc_files(checkout)
        assert all(path.exists() for path in (*removed, *stay))
    assert mend_dvc_files(checkout) == []
    assert [path for path in (*removed, *stay) if path.exists()] == stay


def test_a_folder_without_dvc_is_left_alone(tmp_path: Path) -> None:
    assert mend_dvc_files(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_wherever_dvc_lock_was_cut_off_the_stages_before_stay(checkout: Path) -> None:
    """At the end of a line that closes an entry it is whole for DVC; from two blanks alone no stage can be told."""
    path = checkout / "dvc.lock"
    kept = {}
    for size in range(len(LOCK_FILE) + len(SECOND) + 1):
        path.write_text((LOCK_FILE + SECOND)[:size])
        mend_dvc_files(checkout)
        kept[size] = path.read_text() if path.exists() else ""
        assert mend_dvc_files(checkout) == []
    within_first = {kept[size] for size in range(len(LOCK_FILE)) if not LOCK_FILE[:size].endswith("\n")}
    within_second = {kept[len(LOCK_FILE) + size] for size in range(3, len(SECOND)) if not SECOND[:size].endswith("\n")}
    assert within_first == {""}
    assert within_second == {LOCK_FILE}
    assert kept[len(LOCK_FILE)] == LOCK_FILE
    assert kept[len(LOCK_FILE) + len(SECOND)] == LOCK_FILE + SECOND


def test_the_stage_that_is_left_out_is_named(checkout: Path) -> None:
    (checkout / "dvc.lock").write_text(LOCK_FILE + SECOND[:-5])
    assert mend_dvc_files(checkout) == [
        f"{checkout}/dvc.lock: cut off by a kill at stage 'second', which was left out; DVC finds its result again."
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"<<<<<<< HEAD\n{LOCK_FILE}",
        LOCK_FILE.replace("outs:", "outs") + SECOND + "=======\n",
        f"{LOCK_FILE}  no_outputs:\n    cmd: 'true'\n",
    ],
)
def test_a_dvc_lock_that_no_kill_explains_stays(text: str, checkout: Path) -> None:
    (checkout / "dvc.lock").write_text(text)
    assert mend_dvc_files(checkout) == []
    assert (checkout / "dvc.lock").read_text() == text


@pytest.mark.slow
def test_dvc_goes_on_after_both_were_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    checkout = tmp_path / "checkout"
    checkout.mkdir()

    def dvc(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments], cwd=checkout, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    dvc("init", "--no-scm")
    (checkout / "dvc.yaml").write_text(STAGES)
    dvc("repro")
    rwlock_of(checkout).write_text("")
    assert "JSON structure is corrupted" in dvc("repro")
    (checkout / "dvc.lock").write_text((LOCK_FILE + SECOND).partition("hash: md5\n      md5: f2")[0] + "hash: md")
    assert len(mend_dvc_files(checkout)) == 2
    assert "Stage 'second' is cached" in dvc("repro")
    assert "Data and pipelines are up to date" in dvc("repro")
