"""Plain ``dvc repro`` on inputs of every kind: DVC reads none itself, and what has changed alone is listed anew."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.end_to_end.conftest import Checkout, stages_run

pytestmark = pytest.mark.slow

ALL = ("sources@clips", "sources@demo", "sources@list", "sources@talks")


def put(path: Path, content: bytes = b"1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the folders ``clips`` and ``talks``."""
    folder = tmp_path_factory.mktemp("videos")
    for name in ("clips/1.mp4", "clips/2.mp4", "talks/3.mp4"):
        put(folder / name, name.encode())
    return folder


@pytest.fixture(scope="module")
def checkout(make_checkout: Callable[..., Checkout], videos: Path) -> Checkout:
    """A listed copy: those two folders, a table that git has, and the generated talkers."""
    made = make_checkout("folder", f"sources.clips.input={videos}/clips")
    put(made.root / "list.csv", b"id,identity,address,start_s,end_s,licence\n1,Ana,https://example.org/1,,,\n")
    params = made.root / "params.yaml"
    of_clips = yaml.safe_load(params.read_text())["sources"]["clips"]
    more = {"talks": {**of_clips, "input": f"{videos}/talks"}, "list": {"kind": "table", "input": "list.csv"}}
    text = "".join(f"  {line}\n" for line in yaml.safe_dump(more).splitlines())
    params.write_text(params.read_text().replace("\nsources:\n", f"\nsources:\n{text}"))
    made.run("git", "add", "list.csv")
    made.run("git", "commit", "-q", "-a", "-m", "list")
    assert sorted(relisted(made)) == sorted(ALL)
    return made


def end_of(checkout: Checkout, *command: str) -> tuple[bool, str]:
    """Run a command, for two minutes at most; return whether it succeeded, and what it printed."""
    done = subprocess.run(
        command, cwd=checkout.root, env=checkout.environment(), capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode == 0, done.stdout + done.stderr


def relisted(checkout: Checkout) -> list[str]:
    return stages_run(checkout.run("dvc", "repro", *ALL))


def test_what_has_changed_alone_is_listed_anew(checkout: Checkout, videos: Path) -> None:
    table = checkout.root / "list.csv"
    put(videos / "clips" / "1.mp4", b"CLIPS/1.mp4")
    os.utime(table, ns=(1, 1))
    assert relisted(checkout) == ["sources@clips"]
    (videos / "talks" / "3.mp4").rename(videos / "talks" / "4.mp4")
    assert relisted(checkout) == ["sources@talks"]
    put(table, table.read_bytes() + b"2,Bo,https://example.org/2,,,\n")
    assert relisted(checkout) == ["sources@list"]


def test_an_experiment_on_a_threshold_lists_nothing_in_place_or_in_a_copy(checkout: Checkout) -> None:
    for place in ([], ["--temp"]):
        command = ["dvc", "exp", "run", *place, "-S", f"select.max_yaw_deg={5 + len(place)}", *ALL]
        assert stages_run(checkout.run(*command)) == []


def test_a_missing_folder_fails_with_the_sentence_of_the_stage_and_no_other_dataset_with_it(
    checkout: Checkout, videos: Path
) -> None:
    moved = (videos / "clips").rename(videos / "moved")
    sentence = f"{videos}/clips: expected a folder of videos, found none. Correct 'input' of 'clips'."
    succeeded, output = end_of(checkout, "dvc", "repro")
    assert not succeeded
    assert f"sources@clips will fail: {sentence}" in output
    assert f"\nBadInput: {sentence}\n" in output
    assert stages_run(checkout.run("dvc", "repro", "sources@talks")) == []
    os.mkfifo(videos / "clips")
    succeeded, output = end_of(checkout, "dvc", "repro", "sources@clips")
    assert not succeeded
    assert f"\nBadInput: {sentence}\n" in output
    (videos / "clips").unlink()
    moved.rename(videos / "clips")
    assert relisted(checkout) == []


def test_what_dvc_would_hang_at_within_a_folder_ends_as_rows(checkout: Checkout, videos: Path) -> None:
    odd = videos / "clips" / "odd"
    odd.mkdir()
    os.mkfifo(odd / "fifo.mp4")
    for name, target in {"zero.mp4": "/dev/zero", "self": "self", "up": "..", "gone.mp4": "nowhere"}.items():
        (odd / name).symlink_to(target)
    put(odd / os.fsdecode(b"\xe9.mp4"))
    succeeded, output = end_of(checkout, "dvc", "repro", *ALL)
    ledger = pd.read_parquet(checkout.root / "manifests/ledger/clips/sources.parquet")
    shutil.rmtree(odd)
    assert succeeded, output
    assert stages_run(output) == ["sources@clips"]
    assert ledger.reason.value_counts().to_dict() == {
        "": 2,
        "not_a_file": 2,
        "unreadable": 2,
        "walked_already": 1,
        "bad_name": 1,
    }
