"""The parts of the killing: points, the process that stops in the middle of a write, and what is compared after it."""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.chaos.points import KINDS, TIME, Point, draw_point
from benchmarks.chaos.results import (
    checkpoint_steps,
    differences,
    hashes,
    item_inodes,
    left_unfinished,
    recomputed,
    steps_repeated,
)
from benchmarks.chaos.run import HOOK

COUNTS = {"parquet": 80, "marker": 16, "dvc": 800, "rename": 0}

WRITE_TABLE = """
import pyarrow as pa, pyarrow.parquet as pq
pq.write_table(pa.table({"a": [1, 2]}), "rows.parquet")
"""
WRITE_DVC = """
import json
with open(".dvc/tmp/rwlock", "w") as file:
    json.dump({"read": {}, "write": {}}, file)
"""
WRITE_MARKER = """
from pathlib import Path
Path("items/.k.tmp").mkdir(parents=True)
Path("items/.k.tmp/item.json").write_text("{}")
Path("items/.k.tmp").rename("items/k")
"""


def test_points_are_drawn_from_the_first_eighth_of_a_run_and_most_fall_within_writes() -> None:
    rng = random.Random(1)  # noqa: S311
    points = [draw_point(rng, COUNTS, 80.0) for _ in range(2000)]
    highest = {kind: max(point.number for point in points if point.kind == kind) for kind in KINDS}
    assert highest.pop(TIME) == pytest.approx(10.0, abs=0.1)
    assert highest == {"parquet": 10, "marker": 2, "dvc": 100, "rename": 1}
    assert min(point.number for point in points) >= 0.5
    n_of = Counter(point.kind for point in points)
    assert 0.6 < 1 - n_of[TIME] / len(points) < 0.8
    assert len({point.victim for point in points}) == 3


def test_a_point_is_named_by_its_kind_or_its_seconds() -> None:
    assert str(Point("dvc", 3, 2, "dvc alone")) == "dvc 3"
    assert Point("dvc", 3, 2, "dvc alone").variable == "dvc 3 2"
    assert str(Point(TIME, 3.25, 0, "dvc alone")) == "3.2 s"
    assert Point(TIME, 3.25, 0, "dvc alone").variable == "none 0 0"


@pytest.mark.parametrize(
    ("code", "point", "path", "moment", "left"),
    [
        (WRITE_TABLE, "parquet 1 0", "rows.parquet", "its footer is missing", None),
        (WRITE_DVC, "dvc 1 0", ".dvc/tmp/rwlock", "cut off after 0 bytes", ""),
        (WRITE_DVC, "dvc 1 2", ".dvc/tmp/rwlock", "cut off after 7 bytes", '{"read"'),
        (WRITE_DVC, "dvc 1 99", ".dvc/tmp/rwlock", "cut off after 25 bytes", '{"read": {}, "write": {}}'),
        (WRITE_MARKER, "marker 1 0", "items/.k.tmp/item.json", "cut off after 0 bytes", ""),
        (WRITE_MARKER, "rename 1 0", "items/.k.tmp/item.json", "before its renaming", "{}"),
        (WRITE_MARKER, "rename 1 1", "items/k/item.json", "after its renaming", "{}"),
    ],
)
def test_a_process_stops_in_the_middle_of_the_write_that_is_its_point(
    code: str, point: str, path: str, moment: str, left: str | None, tmp_path: Path
) -> None:
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    (tmp_path / "chaos").mkdir()
    variables = {"PYTHONPATH": str(HOOK), "CHAOS_FOLDER": str(tmp_path / "chaos"), "CHAOS_POINT": point}
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=os.environ | variables) as process:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        process.kill()
    said = json.loads((tmp_path / "chaos" / "point.json").read_text())
    assert process.returncode == -signal.SIGKILL
    assert said["pid"] == process.pid
    assert said["moment"] == moment
    if left is None:
        assert (tmp_path / path).read_bytes()[:4] == b"PAR1"
        assert (tmp_path / path).read_bytes()[-4:] != b"PAR1"
    else:
        assert (tmp_path / path).read_text() == left
    assert (tmp_path / "chaos" / f"count.{point.split()[0]}").read_text() == "."


def test_a_process_without_a_point_only_counts(tmp_path: Path) -> None:
    variables = {"PYTHONPATH": str(HOOK), "CHAOS_FOLDER": str(tmp_path)}
    subprocess.run([sys.executable, "-c", WRITE_MARKER], cwd=tmp_path, env=os.environ | variables, check=True)
    assert {path.name: path.stat().st_size for path in tmp_path.glob("count.*")} == {
        "count.marker": 1,
        "count.rename": 1,
    }


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_results_differ_by_their_bytes_but_not_by_the_seconds_that_they_state(tmp_path: Path) -> None:
    found = []
    for name, seconds, row in (("a", 1.5, "x"), ("b", 2.5, "y")):
        root, store = tmp_path / name / "checkout", tmp_path / name / "store"
        write(root / "manifests" / "network.json", f'{{\n "seconds": {seconds},\n "steps": 3\n}}\n')
        write(root / "data" / "faces" / "0.parquet", row)
        write(root / "data" / "training" / "train" / "log.tsv", str(seconds))
        write(store / "items" / "detect" / "ab" / "abc" / "Frame.parquet", row)
        write(store / "items" / "detect" / "ab" / f".{name}.tmp" / "Frame.parquet", row)
        found.append(hashes(root, store))
    assert differences(found[0], found[0]) == []
    assert differences(found[0], found[1] | {"new": ""}) == [
        "new: too much",
        "data/faces/0.parquet: other bytes",
        "items/detect/ab/abc/Frame.parquet: other bytes",
    ]
    assert differences(found[0], {}) == [f"{name}: missing" for name in found[0]]
    left = tmp_path / "a" / "store" / "items" / "detect" / "ab" / ".a.tmp"
    assert left_unfinished(tmp_path / "a" / "store", tmp_path / "a" / "checkout") == [f"{left} was left behind"]


def test_an_item_that_was_made_again_has_another_inode(tmp_path: Path) -> None:
    for key in ("abc", "abd"):
        write(tmp_path / "items" / "detect" / "ab" / key / "item.json", "{}")
    before = item_inodes(tmp_path)
    assert recomputed(before, before) == []
    (tmp_path / "items" / "detect" / "ab" / "abc").rename(tmp_path / "kept, so that its inode is not given again")
    write(tmp_path / "items" / "detect" / "ab" / "abc" / "item.json", "{}")
    assert recomputed(before, item_inodes(tmp_path)) == ["abc"]
    assert recomputed(before, {}) == ["abc", "abd"]


def test_a_training_must_go_on_after_its_last_checkpoint(tmp_path: Path) -> None:
    for name in (
        "pretrain_voice-0123/000000002-0123456789abcdef.pt",
        "pretrain_voice-0123/000000005-0123456789abcdef.pt",
        "train-0123/000000003-0123456789abcdef.ended.pt",
    ):
        write(tmp_path / "training" / name, "")
    steps = checkpoint_steps(tmp_path)
    assert steps == {"pretrain_voice": 5, "train": 3}
    assert steps_repeated("x\npretrain_voice: goes on after step 5 of 8\n", steps) == []
    assert steps_repeated("pretrain_voice: goes on after step 2 of 8\n", steps) == [
        "pretrain_voice went on after step 2, and had a checkpoint of step 5"
    ]
