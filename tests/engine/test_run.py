"""A run ends every item: a worker that fails costs one item, and nothing is computed twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.schema import from_table
from pipeline.engine.run import StepRun, run_step
from tests.engine.steps import Square, settings_for, step_for

ROOT = Path(__file__).parents[2]


def squares(folder: Path, items: Sequence[str], *, n_workers: int = 2, timeout_s: float = 60) -> StepRun[str]:
    """Run the step over ``items`` with its store in ``folder``."""
    folder.mkdir(exist_ok=True)
    settings = settings_for(folder, n_workers=n_workers, item_timeout_s=timeout_s)
    return run_step(step_for(folder), items, settings, title="squares")


def ends_of(run: StepRun[str]) -> dict[str, str]:
    return {row.item_id: f"{row.status}: {row.reason}" if row.reason else row.status for row in run.ledger()}


def stored(folder: Path) -> dict[str, bytes]:
    """Return every file of the step's items by name, temporary ones included."""
    root = folder / "cache" / "items" / "square"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def n_computed(folder: Path) -> dict[str, int]:
    """Return how often each item was computed."""
    return {path.name: len(path.read_text().splitlines()) for path in sorted((folder / "traces").iterdir())}


MIXED = ["ok-3", "ok-1", "filtered-1", "ok-12", "broken-5", "ok-7"]


def test_every_item_ends_in_the_ledger_in_id_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = squares(tmp_path, MIXED)
    assert list(run.ledger()) == [
        ledger_row("square", "broken-5", Dropped.failed("undecodable", "for good")),
        ledger_row("square", "filtered-1", Dropped.filtered("too_small", "1 is below 1000")),
        *(ledger_row("square", item) for item in ("ok-1", "ok-12", "ok-3", "ok-7")),
    ]
    assert run.ok_ids == ["ok-1", "ok-12", "ok-3", "ok-7"]
    rows = [row for table in run.tables(Square) for row in from_table(Square, table)]
    assert [(row.square_id, row.value) for row in rows] == [("ok-1", 1), ("ok-12", 144), ("ok-3", 9), ("ok-7", 49)]
    assert [table.num_rows for table in run.tables(LedgerRow)] == [0, 0, 0, 0]
    assert (run.folder("ok-3") / "note.txt").read_text() == "ok-3\n"
    assert capsys.readouterr().out == (
        "squares: 6 items, 6 computed, 0 from the store: 4 ok, 1 failed: undecodable, 1 filtered: too_small\n"
    )


def test_an_item_that_waits_is_tried_again_when_its_remedy_has_changed_and_not_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = ["locked-1", "ok-2"]
    for n_tries, key, status in ((1, "none", "waiting"), (1, "none", "waiting"), (2, "wrong", "waiting")):
        if key != "none":
            (tmp_path / "key").write_text(key)
        (row, _) = squares(tmp_path, items).ledger()
        assert (row.status, row.reason, row.kind, row.remedy) == (status, "locked", "mendable", "key")
        assert n_computed(tmp_path) == {"locked-1": n_tries, "ok-2": 1}
        assert capsys.readouterr().out.endswith(": 1 ok, 1 waiting: key\n")
    (tmp_path / "key").write_text("right")
    assert squares(tmp_path, items).ok_ids == items
    (tmp_path / "key").write_text("another")
    assert squares(tmp_path, items).ok_ids == items
    assert n_computed(tmp_path) == {"locked-1": 3, "ok-2": 1}


def test_no_items_are_a_run_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = squares(tmp_path, [])
    assert (list(run.ledger()), run.n_computed, list(run.tables(Square))) == ([], 0, [])
    assert capsys.readouterr().out == "squares: 0 items, 0 computed, 0 from the store: nothing to do\n"


def test_a_worker_that_dies_or_needs_too_much_costs_its_own_item_only(tmp_path: Path) -> None:
    bad = ["exit-0", "killed-0", "large-0", "large_picture-0", "large_tensor-0"]
    good = [f"ok-{i}" for i in range(6)]
    run = squares(tmp_path, [*bad, *good])
    assert ends_of(run) == {
        "exit-0": "failed: crashed",
        "killed-0": "failed: crashed",
        "large-0": "failed: out_of_memory",
        "large_picture-0": "failed: out_of_memory",
        "large_tensor-0": "failed: out_of_memory",
        **dict.fromkeys(good, "ok"),
    }
    details = {row.item_id: row.detail for row in run.ledger()}
    assert details["exit-0"] == "the worker process died, exit code 7"
    assert details["killed-0"] == "the worker process died, exit code -9"
    assert {row.kind for row in run.ledger() if row.item_id in bad} == {"passing"}


@pytest.mark.slow
def test_an_item_past_the_time_limit_ends_alone_also_within_native_code(tmp_path: Path) -> None:
    run = squares(tmp_path, ["endless-0", "native-0", "ok-1", "ok-2"], timeout_s=4)
    assert ends_of(run) == {
        "endless-0": "failed: timeout",
        "native-0": "failed: timeout",
        "ok-1": "ok",
        "ok-2": "ok",
    }
    assert {row.item_id: row.detail for row in run.ledger()}["endless-0"] == "took more than 4 s"


@pytest.mark.slow
def test_a_program_that_an_item_past_its_time_limit_waits_for_ends_with_it(tmp_path: Path) -> None:
    assert ends_of(squares(tmp_path, ["waiting-0"], timeout_s=4)) == {"waiting-0": "failed: timeout"}
    child = int((tmp_path / "child").read_text())
    stat = Path(f"/proc/{child}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_step_that_exits_is_a_bug_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"the step called sys.exit\(3\)"):
        squares(tmp_path, ["ending-0"])


def test_an_exception_of_the_step_ends_the_run_with_that_exception(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="a bug in the step"):
        squares(tmp_path, ["bug-0", "ok-1"])
    assert "bug-0" not in {Path(name).parent.name for name in stored(tmp_path)}
    with pytest.raises(KeyError, match="a bug in the step"):
        squares(tmp_path, ["bug-0"])


def test_the_number_of_workers_changes_no_byte(tmp_path: Path) -> None:
    items = [*MIXED, *(f"ok-{i}" for i in range(20, 40))]
    one, three = (squares(tmp_path / str(n), items, n_workers=n) for n in (1, 3))
    assert stored(tmp_path / "1") == stored(tmp_path / "3")
    assert len(stored(tmp_path / "1")) == len(items) * 3
    assert list(one.ledger()) == list(three.ledger())
    assert list(one.tables(Square)) == list(three.tables(Square))


def test_a_second_run_computes_nothing_and_gives_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = squares(tmp_path, MIXED)
    capsys.readouterr()
    second = squares(tmp_path, MIXED[::-1])
    assert (first.n_computed, second.n_computed) == (6, 0)
    assert list(second.ledger()) == list(first.ledger())
    assert set(n_computed(tmp_path).values()) == {1}
    assert capsys.readouterr().out == (
        "squares: 6 items, 0 computed, 6 from the store: 4 ok, 1 failed: undecodable, 1 filtered: too_small\n"
    )


def test_one_item_more_computes_one(tmp_path: Path) -> None:
    squares(tmp_path, MIXED)
    assert squares(tmp_path, [*MIXED, "ok-100"]).n_computed == 1
    assert n_computed(tmp_path) == dict.fromkeys(sorted([*MIXED, "ok-100"]), 1)


def test_another_version_computes_all_anew(tmp_path: Path) -> None:
    squares(tmp_path, ["ok-1", "ok-2"])
    again = run_step(step_for(tmp_path, version=2), ["ok-1", "ok-2"], settings_for(tmp_path), title="squares")
    assert again.n_computed == 2


def test_what_may_succeed_another_time_is_not_stored_and_tried_again(tmp_path: Path) -> None:
    items = ["offline-1", "exit-1", "large-1", "broken-1", "filtered-1"]
    first = squares(tmp_path, items)
    assert {Path(name).name for name in stored(tmp_path)} >= {"dropped.json"}
    second = squares(tmp_path, items)
    assert ends_of(second) == ends_of(first)
    assert n_computed(tmp_path) == {"broken-1": 1, "exit-1": 2, "filtered-1": 1, "large-1": 2, "offline-1": 2}
    assert ends_of(second)["offline-1"] == "failed: network"


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    items = [*(f"early-{i}" for i in range(3)), *(f"gated-{i}" for i in range(4)), "ok-1"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    killed.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.engine.run_in_a_process", str(killed), *items],
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None and len(finished(killed)) < 3:
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert finished(killed) == {"early-0", "early-1", "early-2"}
    for folder in (killed, whole):
        folder.mkdir(exist_ok=True)
        (folder / "gate").touch()
    run = squares(killed, items)
    assert run.n_computed == 5
    assert {item: n for item, n in n_computed(killed).items() if item.startswith("early")} == {
        "early-0": 1,
        "early-1": 1,
        "early-2": 1,
    }
    squares(whole, items)
    assert stored(killed) == stored(whole)


def finished(folder: Path) -> set[str]:
    """Return the items whose result is in the store."""
    return {path.read_text().strip() for path in (folder / "cache" / "items" / "square").glob("*/[!.]*/note.txt")}


def test_two_items_with_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="square: two items have the id 'ok-1'"):
        squares(tmp_path, ["ok-1", "ok-2", "ok-1"])


def test_an_item_that_writes_too_much_ends_alone_and_leaves_nothing(tmp_path: Path) -> None:
    run = squares(tmp_path, ["large_file-0", "many_files-0", "ok-1"])
    assert ends_of(run) == {
        "large_file-0": "failed: output_too_large",
        "many_files-0": "failed: output_too_large",
        "ok-1": "ok",
    }
    detail = {row.item_id: row.detail for row in run.ledger()}["large_file-0"]
    assert detail == "wrote more than FACEVOX_ITEM_OUTPUT_MB=2 allows"
    assert {Path(name).name for name in stored(tmp_path)} == {"Square.parquet", "note.txt", "item.json"}


@pytest.mark.slow
def test_two_runs_at_once_share_the_work_and_give_the_same(tmp_path: Path) -> None:
    items = [f"gated-{i}" for i in range(6)]
    start = [sys.executable, "-m", "tests.engine.run_in_a_process", str(tmp_path), *items]
    runs = [subprocess.Popen(start, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    while len(list((tmp_path / "traces").glob("*"))) < 4:
        time.sleep(0.02)
        assert all(run.poll() is None for run in runs)
    (tmp_path / "gate").touch()
    printed = [run.communicate()[0] for run in runs]
    assert [line.split(":")[-1] for line in printed] == [" 6 ok\n", " 6 ok\n"]
    assert n_computed(tmp_path) == dict.fromkeys(items, 1)


def test_workers_use_one_thread_and_the_caller_keeps_its_own_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    run = squares(tmp_path, ["threads-0"])
    assert from_table(Square, run.rows("threads-0", Square)) == [Square(square_id="threads-0", value=1)]
    assert (os.environ["OMP_NUM_THREADS"], os.environ.get("MKL_NUM_THREADS")) == ("5", None)


def test_a_lower_memory_limit_of_the_machine_itself_is_kept_to(tmp_path: Path) -> None:
    mebibytes = settings_for(tmp_path).worker_memory_mb - 100
    arguments = [sys.executable, "-m", "tests.engine.run_in_a_process", str(tmp_path), "ok-1", "large-1"]
    run = subprocess.run(
        ["sh", "-c", f'ulimit -d {mebibytes * 1024} && exec "$@"', "sh", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.stdout == "squares: 2 items, 2 computed, 0 from the store: 1 ok, 1 failed: out_of_memory\n", run.stderr
