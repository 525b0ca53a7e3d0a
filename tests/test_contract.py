"""The repository keeps its own promises: layers, dvc.yaml dependencies, params sections, commands, dictionary."""

import ast
import graphlib
import importlib
import re
import subprocess
import sys
from pathlib import Path

import yaml

from pipeline.core.base.imports import PACKAGES, ROOT, import_closure, imported_files
from stages.__main__ import STAGES
from stages.commands.dictionary import render_dictionary

DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
DEFINITIONS = {name: entry.get("do", entry) for name, entry in DVC.items()}
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
SOURCES = [path for top in sorted(PACKAGES) for path in sorted((ROOT / top).rglob("*.py"))]
MOST_MODULES = 15
STEPS_WITH_A_VERSION = (
    "audio",
    "crop",
    "detect",
    "download",
    "face_videos",
    "identify",
    "recognise",
    "released_audioface",
    "subjects",
)

# Every folder, the lowest first: a module imports its own folder and those before it, so no two folders import each
# other.
LAYERS = (
    "pipeline",
    "pipeline/core",
    "pipeline/core/base",
    "pipeline/core/records",
    "pipeline/core/storage",
    "pipeline/engine",
    "pipeline/weights",
    "pipeline/video/stamps",
    "pipeline/video",
    "pipeline/download",
    "pipeline/audio",
    "pipeline/face",
    "pipeline/face/measures",
    "pipeline/face/mesh",
    "pipeline/face/backends",
    "pipeline/face/tracking",
    "pipeline/face/crops",
    "pipeline/face/videos",
    "pipeline/speaker",
    "pipeline/identity",
    "pipeline/identity/network",
    "pipeline/identity/sound",
    "pipeline/identity/subjects",
    "pipeline/identity/same_video",
    "pipeline/identity/persons",
    "pipeline/synthetic/script",
    "pipeline/synthetic/voice",
    "pipeline/synthetic/look",
    "pipeline/synthetic",
    "pipeline/interview",
    "pipeline/sources/reading",
    "pipeline/sources/lists",
    "pipeline/sources",
    "pipeline/dataset",
    "pipeline/export",
    "pipeline/report/timeline",
    "pipeline/report",
    "model",
    "model/networks",
    "model/data",
    "model/inference",
    "model/training",
    "model/training/tasks",
    "model/evaluation/networks",
    "model/evaluation/metrics",
    "model/evaluation",
    "stages/commands",
    "stages",
)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(path: Path) -> set[Path]:
    return imported_files(ast.parse(path.read_text(encoding="utf-8")))


def dep_paths(definition: dict) -> set[str]:
    return {next(iter(dep)) if isinstance(dep, dict) else dep for dep in definition["deps"]}


def test_a_function_has_at_most_six_parameters() -> None:
    """Compiled kernels are exempt: numba takes arrays, no dataclasses."""
    functions = [
        (path, node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and "compiled" not in {ast.unparse(one) for one in node.decorator_list}
    ]
    too_many = [
        f"{name_of(path)}: {node.name}"
        for path, node in functions
        if len({arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)} - {"self", "cls"})
        > 6
    ]
    assert too_many == []


def test_every_folder_of_code_has_a_layer() -> None:
    assert {name_of(path.parent) for path in SOURCES} == set(LAYERS)


def test_imports_point_downwards() -> None:
    layer = {name_of(path): LAYERS.index(name_of(path.parent)) for path in SOURCES}
    upwards = [
        f"{name_of(path)} imports {name_of(file)}"
        for path in SOURCES
        for file in sorted(imports_of(path))
        if layer[name_of(file)] > layer[name_of(path)]
    ]
    assert upwards == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graphlib.TopologicalSorter({path: imports_of(path) for path in SOURCES}).prepare()


def test_nothing_imports_a_stage_but_the_command_line() -> None:
    stages = {ROOT / "stages" / f"{name}.py" for name in STAGES}
    assert [name_of(path) for path in SOURCES if path.name != "__main__.py" and imports_of(path) & stages] == []


def test_no_import_is_relative() -> None:
    relative = [
        f"{name_of(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_folders_stay_small() -> None:
    counts = {
        folder: len([path for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py"]) for folder in LAYERS
    }
    assert [folder for folder, n in counts.items() if n > MOST_MODULES and not folder.startswith("stages")] == []


def test_tests_stand_where_the_code_does() -> None:
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    of_all = {Path(), Path("end_to_end")}
    strays = [
        folder.as_posix()
        for folder in sorted(folders - of_all)
        if not any((ROOT / top / folder).is_dir() for top in ("", "pipeline"))
    ]
    assert strays == []


def is_within(file: str, dep: str) -> bool:
    return file == dep or file.startswith(f"{dep}/")


def test_a_stage_depends_on_the_packages_that_it_imports_and_on_no_other_code() -> None:
    """A package counts as imported where each of its folders is; of others the imported files are listed one by one."""
    differences = []
    for stage, definition in DEFINITIONS.items():
        declared = {dep for dep in dep_paths(definition) if dep.partition("/")[0] in PACKAGES}
        imported = {name_of(path) for path in import_closure([ROOT / "stages" / f"{stage}.py"])}
        used = {file.rpartition("/")[0] for file in imported}
        folders = {name_of(path.parent) for path in SOURCES if path.name != "__init__.py"}
        differences += [
            f"{stage}: lacks {file}" for file in sorted(imported) if not any(is_within(file, dep) for dep in declared)
        ]
        differences += [
            f"{stage}: needs only a part of {dep}"
            for dep in sorted(declared)
            if dep in PACKAGES or not {folder for folder in folders if is_within(folder, dep)} <= used
        ]
        differences += [
            f"{stage}: needs no {dep}" for dep in sorted(declared) if not any(is_within(file, dep) for file in imported)
        ]
    assert differences == []


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


def test_a_stage_says_one_sentence_everywhere() -> None:
    docstrings = {stage: importlib.import_module(f"stages.{stage}").__doc__ for stage in DEFINITIONS}
    assert docstrings == {stage: STAGES[stage][0] for stage in DEFINITIONS}
    assert docstrings == {stage: definition["desc"] for stage, definition in DEFINITIONS.items()}


def test_a_stage_is_run_as_a_module_so_that_a_copy_of_the_checkout_runs_its_own_code() -> None:
    others = {
        stage: definition["cmd"]
        for stage, definition in DEFINITIONS.items()
        if not re.fullmatch(rf"python -m stages {stage}( \$\{{(key|item\.ds)\}})?", definition["cmd"])
    }
    assert others == {}


def test_the_version_of_a_step_stands_in_its_stage_and_nowhere_else() -> None:
    """As pipeline/README.md says: whoever changes what a step returns finds it there."""
    trees = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
    step = ROOT / "pipeline" / "engine" / "step.py"
    steps = {
        name
        for name, tree in trees.items()
        if step in imported_files(tree) and any(_is_call_of(node, "Step") for node in ast.walk(tree))
    }
    versions = {name for name, tree in trees.items() if any(_assigns(node, "VERSION") for node in tree.body)}
    assert steps == versions == {f"stages/{name}.py" for name in STEPS_WITH_A_VERSION}


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _assigns(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and name in {ast.unparse(target) for target in node.targets}


def test_every_params_section_belongs_to_a_stage() -> None:
    params = [param for entry in DEFINITIONS.values() for param in entry.get("params", [])]
    used = {param.partition(".")[0] for param in params if isinstance(param, str)}  # else of another file
    assert used == set(PARAMS)


def test_outs_are_files_never_folders_with_tracked_neighbours() -> None:
    outs = [next(iter(out)) if isinstance(out, dict) else out for e in DEFINITIONS.values() for out in e["outs"]]
    folders = [out for out in outs if not Path(out).suffix]
    assert all(folder.startswith("data/") for folder in folders)
    assert len(outs) == len(set(outs))


def test_only_the_dataset_and_the_report_depend_on_what_thresholds_select() -> None:
    """And select runs once: a threshold experiment is two stages up to Table 1, however many datasets there are."""
    selected = DEFINITIONS["select"]["outs"]
    followers = {
        stage
        for stage, definition in DEFINITIONS.items()
        if any(is_within(out, dep) for out in selected for dep in dep_paths(definition))
    }
    assert followers == {"dataset", "report"}
    assert [name for name in ("matrix", "foreach") if name in DVC["select"]] == []


def test_the_data_dictionary_is_fresh() -> None:
    written = (ROOT / "manifests" / "README.md").read_text(encoding="utf-8")
    assert written == render_dictionary(), "run: python -m stages dictionary > manifests/README.md"


def test_help_imports_no_heavy_library() -> None:
    heavy = ("torch", "cv2", "dlib", "librosa", "pyarrow", "pandas", "yt_dlp", "av", "numpy", "pydantic")
    code = f"import sys, stages.__main__; print([name for name in {heavy!r} if name in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_no_committed_data_file_names_an_absolute_path() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    data = [ROOT / name for name in files if name.endswith((".json", ".csv", ".yaml", ".lock"))]
    assert [
        name_of(path) for path in data if re.search(r"(?m)[\s\"':](/home/|/root/|/tmp/|/work/)", path.read_text())
    ] == []
