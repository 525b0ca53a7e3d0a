"""README and docs: commands, params, paths, links and reasons are there, and figures say when they were measured."""

import ast
import csv
import datetime
import importlib
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import typer
import yaml

from pipeline.core.base.imports import ROOT
from stages.__main__ import app
from tests import draw_imports

PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "pipeline/README.md", "manifests/review/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
COMMANDS = typer.main.get_command(app)
FIGURES, NOT_MEASURED = (
    list(csv.DictReader((ROOT / "docs" / name).read_text("utf-8").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    for name in ("figures.tsv", "not_measured.tsv")
)
OWN_SCRIPT = "own script"  # of a figure whose script is not in the repository
OTHER_PROGRAMS = {"source", "git", "time", "ffmpeg", "torchrun", "export", "pre-commit", "nohup", "ls"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def texts_of(page: Path) -> tuple[list[str], list[str]]:
    """Return the lines of shell blocks, and the code spans outside of blocks."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    return lines, re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def commands_of(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command: those of blocks, and spans that begin with a program of ours."""
    lines, spans = texts_of(page)
    for line in [*lines, *(one for one in spans if re.match(r"(facevox|make|dvc|python -m) [a-z]", one))]:
        for command in re.split(r"&&|\|\||;", re.sub(r"(^|\s)#.*", "", line)):
            try:
                words = shlex.split(command)
            except ValueError:
                raise AssertionError(f"{name_of(page)}: no shell command: {line}") from None
            words = words[1:] if words[:1] == ["time"] else words
            if words:
                yield words


def fault_of(words: list[str]) -> str | None:
    """Return what is wrong with a command, None if nothing is."""
    program, rest = words[0].removeprefix("./"), words[1:]
    if program == "facevox":
        return fault_of_ours(rest)
    if program == "make":
        unknown = [one for one in rest if "=" not in one and one not in TARGETS]
        return f"no target {unknown}" if unknown else None
    if program == "dvc":
        return fault_of_dvc(rest)
    if program == "python":
        if rest[:1] == ["-m"] and rest[1] == "stages":
            return fault_of_ours(rest[2:])
        module = rest[1] if rest[:1] == ["-m"] else None
        return None if module and importlib.util.find_spec(module) else f"no module {module}"
    return None if program in OTHER_PROGRAMS else f"unknown program {program}"


def fault_of_ours(words: list[str]) -> str | None:
    if not words or words[0].startswith("-"):
        return None
    command = COMMANDS
    while hasattr(command, "commands") and words and re.fullmatch("[a-z_-]+", words[0]):
        if words[0] not in command.commands:
            return f"no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    options = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}
    unknown = [one for one in words if one.startswith("--") and one.partition("=")[0] not in options]
    sets = [right for left, right in pairwise(words) if left == "--set"]
    return f"no option {unknown}" if unknown else fault_of_params(sets)


def fault_of_dvc(words: list[str]) -> str | None:
    if words[:1] == ["repro"]:
        targets = [one for one in words[1:] if not one.startswith("-")]
    elif words[:2] == ["exp", "run"]:
        skipped = {at + 1 for at, one in enumerate(words) if one in ("-S", "--jobs", "-n")}
        targets = [one for at, one in enumerate(words) if at > 1 and at not in skipped and not one.startswith("-")]
    else:
        return None
    unknown = [one for one in targets if one.partition("@")[0] not in STAGES and not one.isupper()]
    sets = [right for left, right in pairwise(words) if left == "-S"]
    return f"no stage {unknown}" if unknown else fault_of_params(sets)


def fault_of_params(assignments: list[str]) -> str | None:
    for assignment in assignments:
        keys = assignment.partition("=")[0].split(".")
        at = PARAMS
        for depth, key in enumerate(keys):
            if key not in at and not (keys[0] == "sources" and depth >= 1):
                return f"no param {'.'.join(keys)}"
            at = at.get(key) or {}
            if not isinstance(at, dict):
                break
    return None


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_could_be_run(page: Path) -> None:
    faults = [(shlex.join(words), fault_of(words)) for words in commands_of(page)]
    assert [one for one in faults if one[1]] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_param_in_a_code_span_is_there(page: Path) -> None:
    of_sections = "|".join(section for section, value in PARAMS.items() if isinstance(value, dict))
    spans = [one for one in texts_of(page)[1] if re.fullmatch(rf"(?:{of_sections})(\.[a-z0-9_]+)+(: .*)?", one)]
    params = [one for one in spans if not re.search(r"\.(csv|json|parquet)$|^model\.inference\.", one)]
    assert [one for one in params if fault_of_params([one.partition(":")[0]])] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_path_and_link_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    missing = [link for link in links if not (page.parent / link).exists()]
    tops = "pipeline|model|stages|tests|benchmarks|profiles|docs"
    spans = [one for one in texts_of(page)[1] if re.fullmatch(rf"(?:{tops})/[A-Za-z0-9_./-]*", one)]
    assert missing + [one for one in spans if not (ROOT / one).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_within_the_docs_has_its_heading(page: Path) -> None:
    missing = []
    for path, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", page.read_text(encoding="utf-8")):
        target = page.parent / path if path else page
        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        if anchor not in {re.sub(r"[^a-z0-9 _-]", "", one.lower()).replace(" ", "-") for one in headings}:
            missing.append(f"{path}#{anchor}")
    assert missing == []


def test_every_page_is_in_the_site() -> None:
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f": {page.name}\n" not in site] == []


def test_the_readme_is_read_in_three_minutes() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert len(text.split()) <= 1500


SECTIONS = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_each_version_states_its_tag_and_its_date_and_only_the_newest_may_be_unreleased() -> None:
    found = [re.fullmatch(r"([0-9.]+) \(tag v\1, (not released|\d{4}-\d\d-\d\d)\)", one) for one in SECTIONS]
    assert all(found), SECTIONS
    dates = [one[2] for one in found if one]
    released = dates[dates[0] == "not released" :]
    assert [datetime.date.fromisoformat(date) for date in released] == sorted(
        map(datetime.date.fromisoformat, released), reverse=True
    )
    versions = [tuple(map(int, one[1].split("."))) for one in found if one]
    assert versions == sorted(set(versions), reverse=True)


def test_the_projects_version_is_that_of_the_newest_section() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    newest = SECTIONS[0].partition(" ")[0]
    assert project["version"] == (f"{newest}.dev0" if "not released" in SECTIONS[0] else newest)


def reasons_in_code() -> set[str]:
    """Return the reasons that stand as texts in calls which drop an item."""
    calls = {"filtered", "failed", "waiting", "BadMedia", "_drop", "drop", "leave_out"}
    found = set()
    for path in (ROOT / "pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in calls:
                texts = [one.value for one in node.args[:2] if isinstance(one, ast.Constant)]
                found |= {one for one in texts if isinstance(one, str) and re.fullmatch("[a-z]+(_[a-z]+)*", one)}
    return found


def test_every_reason_for_which_an_item_is_dropped_is_explained() -> None:
    explained = set(texts_of(ROOT / "docs/troubleshooting.md")[1])
    assert sorted(reasons_in_code() - explained) == []


def test_every_error_class_is_explained() -> None:
    errors = importlib.import_module("pipeline.core.base.errors").__doc__ or ""
    classes = re.findall(r"[├└]── (\w+)", errors)
    text = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    assert len(classes) >= 9
    assert [name for name in classes if f"`{name}:`" not in text] == []


def parts_of(page: Path) -> list[tuple[str, str]]:
    """Return each paragraph and each row of a table, with what stands around it: the paragraph before, of a row too."""
    parts, before = [], ""
    for block in re.split(r"\n\s*\n", page.read_text(encoding="utf-8")):
        rows = [" ".join(line.split()) for line in block.splitlines() if line.lstrip().startswith("|")]
        paragraph = " ".join(line for line in block.splitlines() if not line.lstrip().startswith("|"))
        paragraph = " ".join(paragraph.split())
        around = f"{before} {paragraph}"
        parts += [(one, f"{around} {one}") for one in (paragraph, *rows) if one]
        before = paragraph or before
    return parts


@pytest.mark.parametrize("row", FIGURES, ids=[f"{row['page']}: {row['figure'][:40]}" for row in FIGURES])
def test_a_figure_stands_in_its_page_as_it_was_measured(row: dict[str, str]) -> None:
    """One that an earlier version of a step gave says so in its paragraph, in the one before, or for its whole page."""
    parts = [(part, around) for part, around in parts_of(ROOT / row["page"]) if row["figure"] in part]
    assert parts
    assert datetime.date.fromisoformat(row["measured"])
    assert row["command"] == OWN_SCRIPT or fault_of(shlex.split(row["command"].removeprefix("time "))) is None
    of_page = "Figures of this page are by earlier code" in (ROOT / row["page"]).read_text(encoding="utf-8")
    for step, version in (one.split("=") for one in row["versions"].split()):
        if int(version) != importlib.import_module(f"stages.{step}").VERSION:
            told = of_page or any("earlier code" in around for _, around in parts)
            assert told, f"{step} has another version than {version}"


NUMBER = r"(?:\d[\d.,]*\d|\d)"
WITH_UNIT = re.compile(
    rf"{NUMBER}\s?(?:%|(?:ms|s|min|h|[kMG]i?B|x|dB|degrees)\b|(?:frames|faces|images|rows|samples)/s)"
    rf"|\b\d[\d,]* of \d+(?:,\d{{3}})*"  # 44 of 45
    rf"|(?<=\| )[-+]?\d[\d.,;:()/ %to-]*(?= \|)"  # a table's cell of numbers alone
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("right in 44 of 45, 97.8 % of them", ["44 of 45", "97.8 %"]),
        ("0.39 images/s, 433 MB, 5 min 14 s", ["0.39 images/s", "433 MB", "5 min", "14 s"]),
        ("| size | 4.52 (4.37 to 4.68) | 301; 333 | none |", ["4.52 (4.37 to 4.68)", "301; 333"]),
        ("seed 11 of version 3, 640x360, 24 persons", []),
    ],
)
def test_numbers_with_a_unit_shares_and_cells_of_numbers_are_found(text: str, found: list[str]) -> None:
    assert WITH_UNIT.findall(text) == found


def places_of(part: str, text: str) -> list[tuple[int, int]]:
    return [(one.start(), one.end()) for one in re.finditer(re.escape(part), text)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_number_with_a_unit_is_a_stored_figure_or_said_to_be_none(page: Path) -> None:
    """A new one needs a row in docs/figures.tsv; a setting, a limit or a definition one in docs/not_measured.tsv."""
    text = " ".join(re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL).split())
    known = [row["figure"] for row in FIGURES if row["page"] == name_of(page)]
    known += [row["text"] for row in NOT_MEASURED if row["page"] == name_of(page)]
    covered = [place for part in known for place in places_of(part, text)]
    without_code = re.sub(r"`[^`]*`|\]\([^)]*\)", lambda found: "`" * len(found[0]), text)
    unknown = [
        text[max(0, found.start() - 40) : found.end() + 10]
        for found in WITH_UNIT.finditer(without_code)
        if not any(start <= found.start() and found.end() <= end for start, end in covered)
    ]
    assert unknown == []


def test_what_is_said_to_be_no_figure_is_there() -> None:
    pages = {name_of(page): " ".join(page.read_text(encoding="utf-8").split()) for page in PAGES}
    assert [row for row in NOT_MEASURED if row["text"] not in pages[row["page"]]] == []


def test_the_drawing_of_imports_is_fresh() -> None:
    """After a new import: python -m tests.draw_imports."""
    assert draw_imports.FILE.read_text(encoding="utf-8") == draw_imports.render()
