"""A path that a user types reaches params.yaml, and the stage, as it is; a wrong one is said at once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.core.base.errors import BadInput, BadParams
from pipeline.core.base.imports import ROOT
from stages import sources
from stages.commands.inputs import check_inputs_are_there
from stages.commands.profile import apply_profiles

NAMES = [
    *("my talks", "my talks #2", "a: b", "it's", 'a "b"', "$HOME", "${item.input}", "$(id)", "{a}", "[a]", "-a", "~a"),
    *(
        "a%20b",
        "a,b",
        "a;b&c|d",
        "a*b?",
        "a\\b",
        "`a`",
        "a=b",
        "@a",
        "!a",
        "&a",
        " a",
        "a ",
        "a\tb",
        "123",
        "1e3",
        "null",
        "true",
    ),
    *("2026-01-01", "é", "e\u0301", "日本", "\U0001f600", "a\u00a0b"),
]
PARAMS = """\
datasets: [demo]
sources:
  demo: {kind: synthetic, input: pipeline/synthetic, n_persons: 2, clips_per_person: 1, seed: 1, preset: demo,
    duration_s: 6.4, width_px: 640, height_px: 360, edge_cases: false}
mask: {kind: image, size_px: 128, image: mask.png}
"""
NO_FOLDER = "expected a folder of videos, found none. Correct 'input' of 'clips'."


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "params.yaml").write_text(PARAMS)
    shutil.copytree(ROOT / "profiles", root / "profiles")
    monkeypatch.chdir(root)
    return root


def folder_of_one_video(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "a.mp4").touch()
    return folder


def written_input(root: Path) -> object:
    return yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))["sources"]["clips"]["input"]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_written_as_it_is_typed_and_its_videos_are_counted(name: str, root: Path, tmp_path: Path) -> None:
    folder = folder_of_one_video(tmp_path / name)
    said = apply_profiles(["folder"], [], videos=str(folder))
    assert written_input(root) == str(folder)
    assert said.splitlines()[-1] == f"{folder}: 1 video"
    (root / "params.yaml").write_text(PARAMS)
    apply_profiles(["folder"], [f"sources.clips.input={folder}"])
    assert written_input(root) == str(folder)


def test_a_relative_path_becomes_a_whole_one_unless_git_has_it(root: Path) -> None:
    folder_of_one_video(root / "data" / "own")
    for videos, assignments in (("data/own", []), (None, ["sources.clips.input=data/own"])):
        apply_profiles(["folder"], assignments, videos=videos)
        assert written_input(root) == str(root / "data" / "own")
    (root / "list.csv").write_text("id,identity,address,start_s,end_s,licence\n")
    for command in (["init", "-q"], ["add", "list.csv"]):
        subprocess.run(["git", *command], check=True)
    (root / "params.yaml").write_text("datasets: [clips]\nsources: {}\n")
    apply_profiles([], ["sources.clips={kind: table, input: list.csv}"])
    assert written_input(root) == "list.csv"


def test_a_new_source_is_written_a_line_for_each_key(root: Path) -> None:
    """A long one in braces is wrapped; what DVC makes of it, for an experiment, is no YAML."""
    (root / "params.yaml").write_text("datasets: [clips]\nsources: {}\n")
    (root / "list.csv").touch()
    apply_profiles([], [f"sources.clips={{kind: table, input: '{root / 'list.csv'}', local_files: beside_table}}"])
    lines = (root / "params.yaml").read_text().splitlines()
    assert [line.strip() for line in lines if "kind:" in line or "local_files:" in line] == [
        "kind: table",
        "local_files: beside_table",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", NO_FOLDER),
        ("file", NO_FOLDER),
        ("empty", "expected a folder with videos, found nothing. Correct 'input' of 'clips'."),
    ],
)
def test_a_path_without_videos_is_refused_and_params_stay(name: str, said: str, root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for videos, assignments in ((str(tmp_path / name), []), (None, [f"sources.clips.input={tmp_path / name}"])):
        with pytest.raises(BadInput) as refused:
            apply_profiles(["folder"], assignments, videos=videos)
        assert str(refused.value) == f"{tmp_path / name}: {said}"
        assert (root / "params.yaml").read_text() == PARAMS


@pytest.mark.parametrize("path", ["", "a\nb", "a\rb", "a\x85b", "a\u2028b", os.fsdecode(b"a\xffb")])
def test_a_path_that_params_can_not_hold_is_refused_with_a_sentence(path: str, root: Path) -> None:
    with pytest.raises(BadInput, match="--input: expected a path"):
        apply_profiles(["folder"], [], videos=path)


def test_the_option_is_for_the_only_dataset_of_videos(root: Path, tmp_path: Path) -> None:
    with pytest.raises(BadParams, match="--input: 'demo' has no input of yours"):
        apply_profiles([], [], videos=str(tmp_path))
    with pytest.raises(BadParams, match="expected one dataset in 'datasets', found demo, clips"):
        apply_profiles(["folder"], ["datasets=[demo, clips]"], videos=str(tmp_path))


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("mask.image=my mask #1.png", "my mask #1.png"),
        ("mask.image='my mask #1.png'", "my mask #1.png"),
        ("mask.image=null", None),
        ("mask.image=123", "123"),
    ],
)
def test_a_text_is_taken_as_typed_and_null_is_null_where_it_may_be(
    assignment: str, value: str | None, root: Path
) -> None:
    apply_profiles([], [assignment])
    assert yaml.safe_load((root / "params.yaml").read_text())["mask"]["image"] == value


def test_a_value_that_yaml_would_cut_at_a_comment_is_refused(root: Path) -> None:
    with pytest.raises(BadParams, match="a comment begins at ' #': put the value in quotes"):
        apply_profiles([], ["mask.kind=image #2"])


def test_a_run_says_before_it_starts_dvc_that_a_folder_is_missing(root: Path, tmp_path: Path) -> None:
    folder = folder_of_one_video(tmp_path / "own")
    apply_profiles(["folder"], [], videos=str(folder))
    check_inputs_are_there([])
    shutil.rmtree(folder)
    for arguments in ([], ["-f"], ["train"]):
        with pytest.raises(BadInput) as refused:
            check_inputs_are_there(arguments)
        assert str(refused.value) == f"{folder}: {NO_FOLDER}"
    check_inputs_are_there(["-s", "detect@clips"])


def test_a_run_asks_only_for_inputs_that_its_targets_need(root: Path) -> None:
    apply_profiles(["folder"], [])  # data/clips is not there
    apply_profiles([], ["datasets=[demo]"])
    check_inputs_are_there(["train"])
    with pytest.raises(BadInput, match=r"^data/clips: expected a folder"):
        check_inputs_are_there([])


def test_the_stage_says_where_a_relative_path_was_sought_and_how_to_make_it_whole(root: Path) -> None:
    apply_profiles(["folder"], [])
    with pytest.raises(BadInput) as refused:
        sources.main("clips")
    assert str(refused.value) == (
        f"data/clips: {NO_FOLDER} It is sought in {root}; an experiment's copy lacks what git ignores:"
        " 'facevox profile --input PATH' writes the whole path."
    )


@pytest.fixture
def make_root(tmp_path: Path) -> Path:
    """A copy of the Makefile whose ``python`` prints the arguments that it gets."""
    root = tmp_path / "made"
    programs = root / ".venv" / "bin"
    programs.mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", root)
    for name in ("pyproject.toml", "constraints.txt", "packaged-networks.txt", ".venv/.installed"):
        (root / name).touch()
    echo = f"#!/bin/sh\nexec {sys.executable} -c 'import sys; print(sys.argv[1:])' \"$@\"\n"
    (programs / "python").write_text(echo)
    (programs / "python").chmod(0o755)
    return root


@pytest.mark.parametrize(
    "name", ["my talks #2", "it's $HOME ${b} $(shell touch made.txt): 'a' \"b\" `c`; d, é", "$(a", "-a"]
)
@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("real", ["-m", "stages", "profile", "--input=PATH"]),
        ("backends", ["-m", "benchmarks.accuracy.backends", "--", "PATH"]),
    ],
)
def test_make_passes_a_path_as_it_is_typed(name: str, target: str, arguments: list[str], make_root: Path) -> None:
    command = ["make", "-s", target, f"CLIPS={name}", f"PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=make_root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == str([one.replace("PATH", name) for one in arguments])
    assert not (make_root / "made.txt").exists()


def test_make_without_a_path_says_how_to_name_one(make_root: Path) -> None:
    command = ["make", "-s", "real", f"PYTHON={sys.executable}"]
    environment = {name: value for name, value in os.environ.items() if name != "CLIPS"}
    done = subprocess.run(command, cwd=make_root, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (2, "usage: make real CLIPS=folder-of-videos\n")
