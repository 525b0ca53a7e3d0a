"""Before DVC hashes the inputs, what it would hang at is found without being opened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.core.base.errors import BadInput
from pipeline.core.base.imports import ROOT
from stages.commands.inputs import check_inputs


def checkout(root: Path, **sources: object) -> Path:
    (root / "params.yaml").write_text(yaml.safe_dump({"sources": sources}), encoding="utf-8")
    (root / "videos" / ".hidden").mkdir(parents=True)
    (root / "videos" / "1.mp4").write_bytes(b"1")
    return root


@pytest.mark.parametrize("name", ["fifo.mp4", "notes", ".hidden/x"])
def test_a_fifo_anywhere_in_a_folder_is_refused_with_its_name(name: str, tmp_path: Path) -> None:
    root = checkout(
        tmp_path, demo={"kind": "synthetic", "input": "params.yaml"}, own={"kind": "folder", "input": "videos"}
    )
    assert check_inputs(root) == []
    os.mkfifo(root / "videos" / name)
    message = rf"input of 'own': .*{name}: expected a file, found a FIFO; .* hang at this: move it out"
    with pytest.raises(BadInput, match=message):
        check_inputs(root)


def test_a_link_to_a_device_and_a_table_that_is_a_fifo_are_refused(tmp_path: Path) -> None:
    root = checkout(tmp_path, own={"kind": "folder", "input": "videos"}, list={"kind": "table", "input": "t.csv"})
    os.mkfifo(root / "t.csv")
    with pytest.raises(BadInput, match=r"input of 'list': .*t\.csv: expected a file, found a FIFO"):
        check_inputs(root)
    (root / "t.csv").unlink()
    (root / "videos" / "zero.mp4").symlink_to("/dev/zero")
    with pytest.raises(BadInput, match=r"input of 'own': .*zero\.mp4: expected a file, found a character device"):
        check_inputs(root)


def test_what_dvc_does_not_hang_at_is_left_to_the_stages(tmp_path: Path) -> None:
    root = checkout(
        tmp_path,
        gone={"kind": "folder", "input": "nowhere"},
        long={"kind": "folder", "input": "x" * 300},
        nul={"kind": "folder", "input": "a\0b"},
        empty={},
        none=None,
        own={"kind": "folder", "input": "videos"},
    )
    (root / "videos" / "dangling").symlink_to("nowhere")
    (root / "videos" / "self").symlink_to("self")
    assert check_inputs(root) == []
    assert check_inputs(root / "nowhere") == []


def test_a_linked_folder_is_named_since_dvc_does_not_look_into_it(tmp_path: Path) -> None:
    root = checkout(tmp_path, own={"kind": "folder", "input": "videos"})
    (root / "bo").mkdir()
    os.mkfifo(root / "bo" / "fifo")
    (root / "videos" / "bo").symlink_to(root / "bo")
    (note,) = check_inputs(root)
    assert note.startswith(f"input of 'own': {root}/videos/bo is a link to a folder (1 in all).")
    assert note.endswith("after a change run 'dvc repro -f sources@own'.")


def test_facevox_repro_ends_with_that_sentence_instead_of_hanging(tmp_path: Path) -> None:
    root = checkout(tmp_path, own={"kind": "folder", "input": "videos"})
    os.mkfifo(root / "videos" / "fifo")
    done = subprocess.run(
        [sys.executable, "-m", "stages", "repro"],
        cwd=root, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("BadInput: input of 'own': ")
