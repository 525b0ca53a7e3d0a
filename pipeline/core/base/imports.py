"""Import closures within the project: the files that a stage, or a training, depends on."""

import ast
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = frozenset({"pipeline", "model", "stages"})


def imported_modules(tree: ast.Module) -> set[str]:
    """Return the project's modules that a parsed file imports, also inside functions, by dotted name.

    ``from package import name`` yields both ``package`` and ``package.name``: either may be the module.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.partition(".")[0] in PACKAGES}


def imported_files(tree: ast.Module, root: Path = ROOT) -> set[Path]:
    """Return the files of ``imported_modules`` that are under ``root``; without empty ``__init__.py`` files."""
    stems = (root.joinpath(*name.split(".")) for name in imported_modules(tree))
    files = (file for stem in stems for file in (stem.with_suffix(".py"), stem / "__init__.py"))
    return {file for file in files if file.is_file() and file.stat().st_size}


def import_closure(
    paths: Iterable[Path], follow: Callable[[Path], bool] = lambda path: True, root: Path = ROOT
) -> dict[Path, ast.Module]:
    """Return ``paths`` and all the project's files that they import, directly or not, parsed.

    Imported files that ``follow`` rejects are excluded, and so are those that only they import.
    """
    parsed: dict[Path, ast.Module] = {}
    todo = list(paths)
    while todo:
        path = todo.pop()
        if path not in parsed:
            parsed[path] = ast.parse(path.read_text(encoding="utf-8"))
            todo += filter(follow, imported_files(parsed[path], root))
    return parsed
