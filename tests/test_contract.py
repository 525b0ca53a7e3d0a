"""The repository keeps its own promises: layers, dvc.yaml dependencies, params sections, commands, dictionary."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stages.__main__ import STAGES
from stages.commands.dictionary import render_dictionary
from tests.closure import OURS, ROOT, closure, imports_of

DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
DEFINITIONS = {name: entry.get("do", entry) for name, entry in DVC.items()}
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
SOURCES = [path for top in OURS for path in sorted((ROOT / top).rglob("*.py"))]

# Who may import whom, outermost folder first; within pipeline the lowest layer comes first.
TOP_LAYERS = {"pipeline": {"pipeline"}, "model": {"model", "pipeline"}, "stages": {"stages", "model", "pipeline"}}
PIPELINE_LAYERS = [
    {"units", "arrays", "errors", "outcome", "draw", "hashing", "imaging", "cache", "torch_threads"},
    {"params"},
    {"layout", "records"},
    {"storage"},
    {"engine", "weights"},
    {"video"},
    {"face", "audio", "identity"},
    {"synthetic"},
    {"sources"},
    {"dataset"},
    {"export"},
    {"report"},
]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def layer_of(path: Path) -> int:
    room = path.relative_to(ROOT / "pipeline").parts[0].removesuffix(".py")
    return next(level for level, rooms in enumerate(PIPELINE_LAYERS) if room in rooms)


def dep_paths(definition: dict) -> set[str]:
    return {next(iter(dep)) if isinstance(dep, dict) else dep for dep in definition["deps"]}


@pytest.mark.parametrize("stage", DEFINITIONS)
def test_a_stage_declares_every_file_it_imports_and_no_other(stage: str) -> None:
    declared = {dep for dep in dep_paths(DEFINITIONS[stage]) if dep.endswith(".py")}
    assert sorted(declared) == sorted(map(name_of, closure(ROOT / "stages" / f"{stage}.py")))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_point_downwards(path: Path) -> None:
    tops = {file.relative_to(ROOT).parts[0] for file in imports_of(path)}
    assert tops <= TOP_LAYERS[path.relative_to(ROOT).parts[0]]
    if path.is_relative_to(ROOT / "pipeline") and path.stat().st_size:
        upwards = [
            name_of(file) for file in imports_of(path) if file.stat().st_size and layer_of(file) > layer_of(path)
        ]
        assert upwards == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_import_is_relative(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level] == []


def test_every_init_file_is_empty() -> None:
    assert [name_of(path) for path in SOURCES if path.name == "__init__.py" and path.stat().st_size] == []


def test_every_package_is_listed_for_the_build() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"packages = \[(.*?)\]", pyproject, re.DOTALL)
    packages = {name_of(path.parent).replace("/", ".") for path in SOURCES if path.name == "__init__.py"}
    assert listed is not None
    assert set(re.findall(r'"([\w.]+)"', listed[1])) == packages


def test_stage_files_commands_and_dvc_stages_are_the_same() -> None:
    files = {path.stem for path in (ROOT / "stages").glob("*.py") if not path.stem.startswith("__")}
    assert files == set(DEFINITIONS) == set(STAGES)


@pytest.mark.parametrize("stage", DEFINITIONS)
def test_a_stage_says_one_sentence_everywhere(stage: str) -> None:
    docstring = importlib.import_module(f"stages.{stage}").__doc__
    assert docstring == STAGES[stage][0] == DEFINITIONS[stage]["desc"]


@pytest.mark.parametrize("stage", DEFINITIONS)
def test_a_stage_is_run_as_a_module_so_that_a_copy_of_the_checkout_runs_its_own_code(stage: str) -> None:
    assert re.fullmatch(rf"python -m stages {stage}( \$\{{(key|item\.ds)\}})?", DEFINITIONS[stage]["cmd"])


def test_every_params_section_belongs_to_a_stage() -> None:
    used = {param.partition(".")[0] for entry in DEFINITIONS.values() for param in entry.get("params", [])}
    assert used == set(PARAMS)


def test_outs_are_files_never_folders_with_tracked_neighbours() -> None:
    outs = [next(iter(out)) if isinstance(out, dict) else out for e in DEFINITIONS.values() for out in e["outs"]]
    folders = [out for out in outs if not Path(out).suffix]
    assert all(folder.startswith("data/") for folder in folders)
    assert len(outs) == len(set(outs))


def test_the_data_dictionary_is_fresh() -> None:
    written = (ROOT / "manifests" / "README.md").read_text(encoding="utf-8")
    assert written == render_dictionary(), "run: python -m stages dictionary > manifests/README.md"


def test_help_imports_no_heavy_library() -> None:
    heavy = ("torch", "cv2", "dlib", "librosa", "pyarrow", "pandas", "yt_dlp", "av", "numpy", "pydantic")
    code = f"import sys, stages.__main__; print([name for name in {heavy!r} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"


def test_no_committed_data_file_names_an_absolute_path() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    data = [ROOT / name for name in files if name.endswith((".json", ".csv", ".yaml", ".lock"))]
    assert [
        name_of(path) for path in data if re.search(r"(?m)[\s\"':](/home/|/root/|/tmp/|/work/)", path.read_text())
    ] == []
