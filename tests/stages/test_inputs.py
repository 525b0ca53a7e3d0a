"""The state of an input is another one exactly when its source would list something else."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipeline.core.base.imports import ROOT
from pipeline.core.base.layout import Layout
from stages.inputs import NOTHING, main, state_of

NS = 1_000_000_000


def folder_source(folder: Path, **changes: object) -> dict[str, object]:
    source = {
        "kind": "folder",
        "input": str(folder),
        "identity_from": "file_name",
        "identity_pattern": "(?P<identity>.+)",
        "identity_table": None,
        "licence": "",
        "recursive": True,
    }
    return source | changes


def put(path: Path, content: bytes = b"1", *, at_s: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(at_s * NS, at_s * NS))
    return path


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    for name in ("ana/1.mp4", "bo/2.mp4", "who.csv", "notes.txt"):
        put(folder / name)
    return folder


CHANGES: dict[str, Callable[[Path], object]] = {
    "one more": lambda folder: put(folder / "bo" / "3.mp4"),
    "one less": lambda folder: (folder / "bo" / "2.mp4").unlink(),
    "renamed": lambda folder: (folder / "bo" / "2.mp4").rename(folder / "bo" / "3.mp4"),
    "moved": lambda folder: (folder / "bo" / "2.mp4").rename(folder / "ana" / "2.mp4"),
    "another size": lambda folder: put(folder / "bo" / "2.mp4", b"12"),
    "another time": lambda folder: os.utime(folder / "bo" / "2.mp4", ns=(NS, NS + 1)),
    "a FIFO": lambda folder: os.mkfifo(folder / "fifo"),
    "a link to a device": lambda folder: (folder / "zero.mp4").symlink_to("/dev/zero"),
    "a dangling link": lambda folder: (folder / "3.mp4").symlink_to("nowhere"),
    "a linked folder": lambda folder: (folder / "cy").symlink_to(put(folder.parent / "other" / "3.mp4").parent),
    "a name that is not UTF-8": lambda folder: put(folder / os.fsdecode(b"\xe9.mp4")),
    "one more of no video": lambda folder: put(folder / "more.txt"),
    "the table's bytes": lambda folder: put(folder / "who.csv", b"2"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_that_a_listing_may_show_is_another_state(change: str, videos: Path) -> None:
    source = folder_source(videos, identity_from="table", identity_table="who.csv")
    before = state_of(source)
    assert state_of(source) == before != NOTHING
    CHANGES[change](videos)
    assert state_of(source) not in (before, NOTHING)


def test_what_changes_behind_a_linked_folder_is_seen(videos: Path, tmp_path: Path) -> None:
    put(tmp_path / "other" / "3.mp4")
    (videos / "cy").symlink_to(tmp_path / "other")
    before = state_of(folder_source(videos))
    put(tmp_path / "other" / "4.mp4")
    assert state_of(folder_source(videos)) != before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all")
def test_whether_a_video_may_be_read_is_part_of_the_state(videos: Path) -> None:
    before = state_of(folder_source(videos))
    (videos / "ana" / "1.mp4").chmod(0)
    assert state_of(folder_source(videos)) not in (before, NOTHING)


def test_times_count_of_videos_alone(videos: Path) -> None:
    source = folder_source(videos, identity_from="table", identity_table="who.csv")
    before = state_of(source)
    put(videos / "who.csv", at_s=2)
    put(videos / "notes.txt", b"other words", at_s=2)
    assert state_of(source) == before


@pytest.mark.parametrize(
    "content", [{"kind": "table", "input": "list.csv"}, "generated"], ids=["table", "generated talkers"]
)
def test_a_table_and_the_generator_have_one_state_in_every_copy_of_a_checkout(
    content: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content == "generated":
        content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["sources"]["demo"]
    states = set()
    for number in (1, 2):
        root = tmp_path / str(number)
        put(root / "list.csv", at_s=number)
        shutil.copytree(ROOT / "pipeline" / "synthetic", root / "pipeline" / "synthetic", copy_function=shutil.copyfile)
        put(root / "pipeline" / "synthetic" / "__pycache__" / f"{number}.pyc")
        monkeypatch.chdir(root)
        states.add(state_of(content))
    assert len(states - {NOTHING}) == 1
    put(root / "list.csv", b"2", at_s=2)
    put(root / "pipeline" / "synthetic" / "look" / "more.py")
    assert state_of(content) not in states


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"kind": "other"},
        folder_source(Path("nowhere")),
        folder_source(Path("fifo")),
        folder_source(Path("empty")),
        folder_source(Path("a\0b")),
        folder_source(Path("x" * 300)),
        {"kind": "table", "input": "nowhere.csv"},
        {"kind": "table", "input": "fifo.csv"},
        {"kind": "table", "input": "zero.csv"},
        {"kind": "table", "input": "empty.csv"},
    ],
)
def test_where_there_is_nothing_to_list_the_state_says_so(
    content: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("fifo", "fifo.csv"):
        os.mkfifo(name)
    Path("zero.csv").symlink_to("/dev/zero")
    Path("empty").mkdir()
    Path("empty.csv").touch()
    assert state_of(content) == NOTHING


def test_each_dataset_has_its_state_and_only_one_that_is_built_is_warned_of(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = {
        "own": folder_source(videos),
        "gone": folder_source(tmp_path / "gone"),
        "unused": folder_source(tmp_path / "unused"),
    }
    at = Layout(tmp_path)
    at.params.write_text(yaml.safe_dump({"datasets": ["own", "gone"], "sources": sources}))
    main(at)
    assert json.loads(at.inputs.read_text()) == {"gone": NOTHING, "own": state_of(sources["own"]), "unused": NOTHING}
    folder = tmp_path / "gone"
    sentence = f"{folder}: expected a folder of videos, found none. Correct 'input' of 'gone'."
    assert capsys.readouterr().err == f"sources@gone will fail: {sentence}\n"


def test_the_stage_loads_no_heavy_package_as_it_runs_each_time() -> None:
    loaded = "import sys, stages.inputs; print(*{'numpy', 'pyarrow', 'pandas', 'cv2', 'torch'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
